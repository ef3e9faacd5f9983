package relay

// The ways to listeners that are not on the socket. Doors register here.

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

// outlets are the bridges to NATS clients at this moment: the door for those of this host, and the connection
// to a cluster. They belong to the loop.
type outlets struct {
	teller *notice.Teller // fixed after construction

	list  []*outlet
	epoch uint64 // grows with each confirmation of Redis, in the order of messages
}

// outlet is a bridge. It is notice.Outlet.
type outlet struct {
	*natsbridge.Bridge
	since uint64 // the epoch from which on messages are its
}

// Tell delivers a message of the relay's own. A bridge knows no urgency.
func (o *outlet) Tell(channel, payload []byte, _ bool) {
	o.Deliver(&resp.Delivery{Kind: resp.Message, Channel: channel, Payload: payload})
}

// add opens an outlet. scope says which events are for it.
func (o *outlets) add(out *outlet, scope notice.Scope) {
	o.list = append(o.list, out)
	o.teller.Add(out, scope)
}

// remove closes an outlet, if it is open.
func (o *outlets) remove(out *outlet) {
	o.list = slices.DeleteFunc(o.list, func(other *outlet) bool { return other == out })
	o.teller.Remove(out)
}

// advance begins an epoch.
func (o *outlets) advance() uint64 {
	o.epoch++
	return o.epoch
}

// deliver queues a message, and returns to how many outlets.
func (o *outlets) deliver(d *resp.Delivery) (n int) {
	for _, out := range o.list {
		if d.Epoch >= out.since && out.Deliver(d) {
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
		if out.Names(channel) {
			n += out.Listeners(channel)
		}
	}
	return n
}

// refused says that Redis will not let a name be heard.
func (o *outlets) refused(kind resp.Kind, name string, err error) {
	for _, out := range o.list {
		out.Refused(kind, name, err)
	}
}

// disconnect disconnects the clients that listen to a name for which who reports true. who is called in a goroutine.
func (o *outlets) disconnect(who func(kind resp.Kind, name string) bool) {
	for _, out := range o.list {
		out.Disconnect(who)
	}
}

// disconnectForGap disconnects those who must learn of a gap that way.
func (o *outlets) disconnectForGap(now *rules) {
	o.disconnect(func(kind resp.Kind, name string) bool {
		return !policy.IsLocal(name) && now.OnGap(kind, name) == route.GapDisconnect
	})
}

// adopt takes over what a reload has changed. The server of the NATS door may need a while for its limits: wait
// returns when they hold. It must not be called by the loop.
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
		out.SetScopes(scopes(now))
	}
	return changing.Wait
}

// scopes lists what NATS clients may listen to.
func scopes(now *rules) (list []natsbridge.Scope) {
	for _, rt := range now.Routes() {
		if rt.Prefix != "" {
			list = append(list, natsbridge.Scope{Prefix: rt.Prefix, Open: policy.ReachesNATS(rt)})
		}
	}
	return list
}

// localOutlet leads to the listeners on the socket. It is notice.Outlet.
type localOutlet struct{ hub *hub.Hub }

// Hears tells whether somebody listens to a channel.
func (l localOutlet) Hears(channel []byte) bool {
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
