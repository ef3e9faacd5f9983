package relay

// Outlets: the ways to listeners of NATS. Gateways register here.

import (
	"slices"
	"sync"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// outlets holds the open bridges to NATS clients: the one for clients of this host, and the one to a cluster. It
// belongs to the loop.
type outlets struct {
	teller *notice.Teller // fixed after construction

	list   []*outlet
	epochs []uint64 // by upstream: see resp.Delivery.Epoch
	moment uint64   // see resp.Delivery.Moment; not 0
}

// outlet is a bridge. It is notice.Outlet.
type outlet struct {
	*natsbridge.Bridge
	since uint64 // the first moment whose messages it delivers
}

// Tell delivers a message of the relay's own. A bridge knows no urgency.
func (o *outlet) Tell(channel, payload []byte, _ bool) {
	o.Deliver(&resp.Delivery{Kind: resp.Message, Channel: channel, Payload: payload})
}

// add opens an outlet. scope says which events are for it.
func (o *outlets) add(out *outlet, scope notice.Audience) {
	o.list = append(o.list, out)
	o.teller.Add(out, scope)
}

// remove closes an outlet, if it is open.
func (o *outlets) remove(out *outlet) {
	o.list = slices.DeleteFunc(o.list, func(other *outlet) bool { return other == out })
	o.teller.Remove(out)
}

// advance begins the next moment, and returns it.
func (o *outlets) advance() uint64 {
	o.moment++
	return o.moment
}

// confirm begins the next epoch of an upstream, which has confirmed a command.
func (o *outlets) confirm(upstream int) { o.epochs[upstream]++ }

// stamp notes on a message that it comes from an upstream now.
func (o *outlets) stamp(d *resp.Delivery, upstream int) {
	d.Upstream, d.Epoch, d.Moment = upstream, o.epochs[upstream], o.moment
}

// deliver queues a message, and returns to how many outlets.
func (o *outlets) deliver(d *resp.Delivery) (n int) {
	for _, out := range o.list {
		if d.Moment >= out.since && out.Deliver(d) {
			n++
		}
	}
	return n
}

// handOver has the bridges write what was queued.
func (o *outlets) handOver() {
	for _, out := range o.list {
		out.HandOver()
	}
}

// listeners counts those who hear a channel; a cluster is one.
func (o *outlets) listeners(channel []byte) (n int) {
	for _, out := range o.list {
		n += out.Listeners(channel)
	}
	return n
}

// named counts them as PUBSUB NUMSUB does: none, if all listen by wildcards.
func (o *outlets) named(kind resp.Kind, channel []byte) (n int) {
	if kind != resp.Message {
		return 0
	}
	for _, out := range o.list {
		if out.HasNamedListeners(channel) {
			n += out.Listeners(channel)
		}
	}
	return n
}

// refused tells the outlets that Redis refuses a name.
func (o *outlets) refused(kind resp.Kind, name string, err error) {
	for _, out := range o.list {
		out.Refused(kind, name, err)
	}
}

// disconnect disconnects the clients that listen to a name for which match returns true. match is called in a
// goroutine.
func (o *outlets) disconnect(match func(kind resp.Kind, name string) bool) {
	for _, out := range o.list {
		out.Disconnect(match)
	}
}

// disconnectForGap disconnects those who must learn that way of a gap in upstreams: bit i stands for upstream i.
func (o *outlets) disconnectForGap(now *rules, upstreams uint32) {
	o.disconnect(func(kind resp.Kind, name string) bool {
		return !policy.IsLocal(name) && now.Heard(kind, []byte(name))&upstreams != 0 &&
			now.OnGap(kind, name) == route.GapDisconnect
	})
}

// adopt applies what a reload has changed. The NATS server may need a while for its limits: wait returns when they
// are in force. The loop must not call wait.
func (o *outlets) adopt(now *rules, limits natsbridge.Limits) (wait func()) {
	var changing sync.WaitGroup
	for _, out := range o.list {
		changing.Add(1)
		out.SetLimits(limits, func(err error) {
			if err != nil {
				o.teller.Log(notice.NATSLimits, zap.Error(err))
			}
			changing.Done()
		})
		out.SetAccess(natsAccess(now))
	}
	return changing.Wait
}

// natsAccess lists the routes, and whether NATS clients may listen to them.
func natsAccess(now *rules) (list []natsbridge.PrefixAccess) {
	for _, rt := range now.Routes() {
		if rt.Prefix != "" {
			list = append(list, natsbridge.PrefixAccess{Prefix: rt.Prefix, Open: policy.ReachesNATS(rt)})
		}
	}
	return list
}

// localOutlet leads to the listeners on the socket. It is notice.Outlet.
type localOutlet struct{ hub *hub.Hub }

// HasListeners reports whether a client on the socket listens to a channel.
func (l localOutlet) HasListeners(channel []byte) bool {
	n, _, _ := l.hub.Listeners(resp.Message, channel)
	return n > 0
}

// Tell queues a message.
func (l localOutlet) Tell(channel, payload []byte, urgent bool) {
	mode := hub.ModeDrop
	if urgent {
		mode = 0
	}
	frame := resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), channel, payload)
	l.hub.Deliver(resp.Message, channel, frame, mode)
}
