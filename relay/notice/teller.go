package notice

// Telling: the log, the outlets of the relay's own channels, and what was told how often.

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/route"
	"redis-relay/relay/sampling"
)

// Scope says who hears an event.
type Scope uint8

// The scopes, which can be added up.
const (
	Host    Scope = 1 << iota // listeners of this host
	Cluster                   // a NATS cluster, while this relay is its leaf node
)

// Outlet leads to listeners of the relay's own channels. It belongs to the loop.
type Outlet interface {
	// Hears tells whether somebody there listens to a channel.
	Hears(channel []byte) bool
	// Tell queues a message. A listener without room for it misses it, but if it is urgent is disconnected.
	Tell(channel, payload []byte, urgent bool)
}

// Teller tells.
type Teller struct {
	// Fixed after construction.
	log   *zap.Logger
	about map[*Notice]*history

	outlets []registered // owned by the loop
}

// history is what was told of a notice.
type history struct {
	times atomic.Uint64
	lines sampling.Sampler
}

type registered struct {
	Outlet
	scope Scope
}

// New returns a Teller without outlets.
func New(log *zap.Logger) *Teller {
	t := &Teller{log: log, about: map[*Notice]*history{}}
	for _, n := range list {
		t.about[n] = &history{}
		if n.Often != "" {
			t.about[n].lines.TellRest(log, n.Often)
		}
	}
	return t
}

// Add has events of a scope sent to an outlet, too. It belongs to the loop.
func (t *Teller) Add(o Outlet, scope Scope) { t.outlets = append(t.outlets, registered{o, scope}) }

// Remove ends Add. It belongs to the loop.
func (t *Teller) Remove(o Outlet) {
	t.outlets = slices.DeleteFunc(t.outlets, func(r registered) bool { return r.Outlet == o })
}

// Log writes the line of a notice. It may be called from anywhere.
func (t *Teller) Log(n *Notice, fields ...zap.Field) {
	if about := t.about[n]; about != nil {
		about.times.Add(1)
	}
	t.log.Named(n.Logger).Log(n.Level, n.Text, fields...)
}

// Sample tells whether a line of a notice about a key, such as a channel, may be written now, and with which
// fields more. It may be called from anywhere.
func (t *Teller) Sample(n *Notice, key string) (more []zap.Field, ok bool) {
	return t.about[n].lines.Allow(key)
}

// Told returns how often the line of a notice was written. It may be called from anywhere.
func (t *Teller) Told(n *Notice) uint64 { return t.about[n].times.Load() }

// Tell writes the line of a notice and sends its event. It belongs to the loop.
func (t *Teller) Tell(n *Notice, e Event, fields ...zap.Field) {
	t.Log(n, fields...)
	t.Send(n, e)
}

// Send sends the event of a notice to those whom it is for. Its time is now, if it has none. It belongs to
// the loop.
func (t *Teller) Send(n *Notice, e Event) {
	e.complete(n)
	send(t, t.outlets, policy.EventsChannel, n.To, n.isUrgent(), &e)
}

// SendTo is Send to one outlet, be it added or not.
func (t *Teller) SendTo(o Outlet, n *Notice, e Event) {
	e.complete(n)
	send(t, []registered{{o, n.To}}, policy.EventsChannel, n.To, n.isUrgent(), &e)
}

func (e *Event) complete(n *Notice) {
	e.Event = n.Event
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
}

// isUrgent tells whether a listener that cannot be told must be disconnected: of a gap, that tells, too.
func (n *Notice) isUrgent() bool { return n.Event == "gap" }

// send encodes a message if anybody hears it.
func send[T any](t *Teller, outlets []registered, channel string, to Scope, urgent bool, message *T) {
	var payload []byte
	name := []byte(channel)
	for _, o := range outlets {
		if o.scope&to == 0 || !o.Hears(name) {
			continue
		}
		if payload == nil {
			var err error
			if payload, err = json.Marshal(message); err != nil {
				t.Log(NotEncoded, zap.Error(err))
				return
			}
		}
		o.Tell(name, payload, urgent)
	}
}

// Reject counts, logs and tells of a refused message, or of an invalid one that is let through. by is who has
// published it, and zero if that is not a client of the socket. It belongs to the loop.
func (t *Teller) Reject(
	d monitor.Direction, rt *route.Route, counters *monitor.Route, why *policy.Refusal, size int, by Who,
) {
	counters.Rejected(d, string(why.Code)).Inc()
	passes := why.Passes(rt)
	n := MessageRefused
	if passes {
		n = InvalidPassed
	}
	if more, ok := t.Sample(MessageRefused, string(d)+" "+string(why.Code)+" "+why.Channel); ok {
		t.Log(n, slices.Concat([]zap.Field{
			zap.String("direction", string(d)), zap.String("channel", policy.Printable(why.Channel)),
			zap.String("route", rt.Name), zap.String("code", string(why.Code)), zap.String("reason", why.Reason),
		}, by.fields(), more)...)
	}
	send(t, t.outlets, policy.RejectsChannel, Host, false, &Reject{
		Time: time.Now(), Direction: d, Channel: why.Channel, Route: rt.Name,
		Code: why.Code, Reason: why.Reason, Size: size, Who: by, LetThrough: passes,
	})
}

// Noisy counts and tells of a channel over rate.alert. It belongs to the loop.
func (t *Teller) Noisy(
	d monitor.Direction, rt *route.Route, counters *monitor.Route, channel []byte, perSecond float64,
) {
	perSecond = math.Round(perSecond)
	counters.Noisy.Inc()
	if more, ok := t.Sample(RateAlert, string(d)+" "+string(channel)); ok {
		t.Log(RateAlert, append(more, zap.String("channel", policy.Printable(string(channel))),
			zap.String("route", rt.Name), zap.String("direction", string(d)),
			zap.Float64("messages_per_second", perSecond))...)
	}
	t.Send(RateAlert, Event{
		Cause: "more messages/s than rate.alert", Channel: string(channel), Direction: d, Rate: perSecond,
	})
}

// Slow tells of a client that does not keep up. Its end is logged by the door. It belongs to the loop.
func (t *Teller) Slow(e Event) {
	if !e.Disconnected {
		if more, ok := t.Sample(SlowListener, strconv.FormatUint(e.Client, 10)); ok {
			t.Log(SlowListener, slices.Concat(e.Who.fields(), []zap.Field{
				zap.String("reason", string(e.Reason)), zap.Uint64("messages", e.Messages),
			}, more)...)
		}
	}
	t.Send(SlowListener, e)
}
