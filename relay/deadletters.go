package relay

// Refused messages that are kept at Redis, where their routes say so.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/deadletter"
	"redis-relay/relay/deadletter/replay"
	"redis-relay/relay/names"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/preflight"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
	"redis-relay/relay/watch"
)

// deadLetters makes letters of refused messages. Those of a route are kept at the route's upstream. It belongs to the
// loop.
type deadLetters struct {
	// By upstream.
	writers []*deadletter.Writer
	readers []*upstream.Reader // the writers' own: a connection is made when there is a letter

	host string
}

// maxDeadRoom is the most that letters for one upstream may take while they wait, in bytes, unless two messages need
// more.
const maxDeadRoom = 16 << 20

// deadSettings are those of a configuration. limits.memory bounds this buffer as the others.
func deadSettings(c *config.Config) deadletter.Settings {
	room := min(int64(c.Limits.Buffer()), max(maxDeadRoom, 2*int64(c.Limits.Payload)))
	return deadletter.Settings{
		Length: c.DeadLetters.Length, TTL: c.DeadLetters.TTL, PerSecond: c.DeadLetters.Rate, Room: room,
	}
}

// openDeadLetters returns what keeps letters. run names this run of the relay.
func openDeadLetters(r *Relay, run string) *deadLetters {
	d := &deadLetters{}
	d.host, _ = os.Hostname()
	for _, s := range r.sides {
		tell := func(loss deadletter.Loss) { r.loop.Post(func() { s.tellLost(r.teller, loss) }) }
		reader := upstream.NewReader(s.opts, s.logger(r.log, "dead_letters"))
		d.readers = append(d.readers, reader)
		d.writers = append(d.writers, deadletter.NewWriter(reader, s.settings.Prefix, run, deadSettings(r.cfg), tell))
	}
	return d
}

// tellLost tells of letters that are not kept.
func (s *side) tellLost(teller *notice.Teller, loss deadletter.Loss) {
	event := notice.Event{Upstream: s.label, Cause: loss.Cause, Messages: loss.Letters}
	teller.Tell(notice.DeadLettersLost, event,
		s.about(zap.Uint64("messages", loss.Letters), zap.String("cause", loss.Cause))...)
}

// of returns the writer for the letters of a route.
func (d *deadLetters) of(rt *route.Route) *deadletter.Writer { return d.writers[rt.Upstream.Index] }

// set takes over settings. Each upstream has them for itself.
func (d *deadLetters) set(s deadletter.Settings) {
	for _, w := range d.writers {
		w.Set(s)
	}
}

// run sends letters until ctx ends, and for a second more. It may be called from outside the loop.
func (d *deadLetters) run(ctx context.Context) error {
	var all errgroup.Group
	for i, w := range d.writers {
		all.Go(func() error {
			defer d.readers[i].Close()
			return w.Run(ctx)
		})
	}
	return all.Wait()
}

// published keeps what a local client published and was refused.
func (d *deadLetters) published(rt *route.Route, kind []byte, why *policy.Refusal, p *respserver.Publication) {
	key := why.DeadLetter(rt, kind)
	if key == "" || why.Passes(rt) {
		return
	}
	l := d.outbound(rt, key, p)
	l.Code, l.Reason, l.Pointer, l.Time = string(why.Code), why.Reason, why.Pointer, time.Now()
	if why.Code == policy.TooLarge {
		l.Payload = nil
	}
	d.of(rt).Add(l)
}

// outbound is a letter of a publication, without a reason.
func (d *deadLetters) outbound(rt *route.Route, key string, p *respserver.Publication) deadletter.Letter {
	who := watch.Sender(p.Sender)
	l := deadletter.Letter{
		Stream: key, Direction: deadletter.Outbound, Channel: string(p.Channel), Route: rt.Name, Schema: rt.SchemaName,
		Payload: present(p.Payload), Size: max(int(p.Oversize), len(p.Payload)),
		Shard: p.Kind == resp.SMessage, Field: string(p.Field), Relay: d.host,
	}
	l.Client, l.Name, l.PID, l.UID = who.Client, who.Name, who.PID, who.UID
	return l
}

// present returns a payload that is not nil, which would mean that it is not kept.
func present(payload []byte) []byte {
	if payload == nil {
		return []byte{}
	}
	return payload
}

// received keeps what came from Redis and is not delivered. size is that of the payload in bytes. One over
// limits.payload is not kept, even if it was read: other relays may not have read it.
func (d *deadLetters) received(rt *route.Route, kind []byte, why *policy.Refusal, m *resp.Delivery, size int) {
	key := why.DeadLetter(rt, kind)
	if key == "" || why.Passes(rt) {
		return
	}
	l := deadletter.Letter{
		Stream: key, Direction: deadletter.Inbound, Channel: string(m.Channel), Route: rt.Name, Schema: rt.SchemaName,
		Payload: present(m.Payload), Size: size, Shard: m.Kind == resp.SMessage, Relay: d.host,
		Code: string(why.Code), Reason: why.Reason, Pointer: why.Pointer, Time: time.Now(),
	}
	if why.Code == policy.TooLarge {
		l.Payload = nil
	}
	if m.ID != (resp.EntryID{}) {
		l.Entry = stream.ID(m.ID).String()
	}
	d.of(rt).Add(l)
}

// hold keeps a message that is on its way to Redis, in case Redis refuses it; nil: its route does not ask for that.
func (d *deadLetters) hold(rt *route.Route, p *respserver.Publication) *deadletter.Held {
	if rt.Dead.Refused == "" {
		return nil
	}
	return d.of(rt).Hold(d.outbound(rt, rt.Dead.Refused, p))
}

// answeredHeld decides about a held message by the answer of Redis; err is nil if Redis has taken it. Whoever is told
// that Redis did not answer tries again by himself. One that was persisted, but not broadcast, has other words than
// Redis, and is no letter. The letter calls the channel as clients do.
func answeredHeld(h *deadletter.Held, m *names.Map, channel string, err error) {
	if h == nil {
		return
	}
	var refused upstream.ReplyError
	if !errors.As(localWords(m, channel, err), &refused) {
		h.Release()
		return
	}
	code, _, _ := strings.Cut(string(refused), " ")
	h.Keep(code, string(refused))
}

// OpenDeadLetters returns a Desk at the upstreams of a valid configuration, or at one of them if at names it, for the
// streams that its routes name, or for the one that is given. Its caller closes it. The embedded Redis is within
// another process: its address must be given as redis.url.
func OpenDeadLetters(cfg *config.Config, stream, at string) (*replay.Desk, error) {
	return replay.Open(func(name string) (replay.Redis, error) {
		if cfg.Upstream(name).IsEmbedded() {
			return nil, fmt.Errorf("%s.url is embedded: that Redis is inside a running relay, which says its address when "+
				"it starts; give it with --redis.url", cfg.UpstreamKey(name))
		}
		return upstream.NewReader(preflight.RedisOptions(cfg, name), zap.NewNop()), nil
	}, cfg, stream, at)
}
