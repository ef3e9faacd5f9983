package notice

// The Teller: it writes log lines, sends events and rejects to outlets, and counts.

import (
	"encoding/json"
	"fmt"
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

// Audience is a set of listeners that get an event.
type Audience uint8

// The audiences, which can be combined.
const (
	Host    Audience = 1 << iota // listeners of this host
	Cluster                      // a NATS cluster, while this relay is its leaf node
)

// Outlet leads to listeners of the relay's own channels. It belongs to the loop.
type Outlet interface {
	// HasListeners reports whether the outlet has listeners of a channel.
	HasListeners(channel []byte) bool
	// Tell queues a message for the listeners of a channel. A listener without room misses the message, or is
	// disconnected if the message is urgent.
	Tell(channel, payload []byte, urgent bool)
}

// Watcher is told of all events and rejects, whoever listens to them. The loop calls it; it must be quick, and keep no
// pointer. payload is nil if nobody has read it.
type Watcher interface {
	Told(n *Notice, e *Event)
	Refused(r *Reject, payload []byte)
}

// Teller reports notices. Its log methods are safe for concurrent use.
type Teller struct {
	observer Observer // of alerts; nil: none; set before there are notices

	// Fixed after construction.
	log     *zap.Logger
	records map[*Notice]*record

	outlets  []registration // owned by the loop
	watchers []Watcher      // owned by the loop
}

// record counts and samples the log lines of a notice.
type record struct {
	times atomic.Uint64
	lines sampling.Sampler
}

// registration is an outlet with its audience.
type registration struct {
	Outlet
	audience Audience
}

// New returns a Teller without outlets.
func New(log *zap.Logger) *Teller {
	t := &Teller{log: log, records: map[*Notice]*record{}}
	for _, n := range list {
		t.records[n] = &record{}
		if n.Often != "" {
			t.records[n].lines.TellRest(log, n.Often)
		}
	}
	return t
}

// Add registers an outlet for the events of an audience. It belongs to the loop.
func (t *Teller) Add(o Outlet, to Audience) { t.outlets = append(t.outlets, registration{o, to}) }

// Remove removes an outlet. It belongs to the loop.
func (t *Teller) Remove(o Outlet) {
	t.outlets = slices.DeleteFunc(t.outlets, func(r registration) bool { return r.Outlet == o })
}

// Watch registers a watcher. It belongs to the loop.
func (t *Teller) Watch(w Watcher) { t.watchers = append(t.watchers, w) }

// Log writes the log line of a notice. It may be called from anywhere.
func (t *Teller) Log(n *Notice, fields ...zap.Field) {
	if about := t.records[n]; about != nil {
		about.times.Add(1)
	}
	t.log.Named(n.Logger).Log(n.Level, n.Text, fields...)
}

// Sample reports whether a log line of a notice about a key, such as a channel, may be written now, and which
// fields to add. Lines of a notice that is not told often are all written. It may be called from anywhere.
func (t *Teller) Sample(n *Notice, key string) (more []zap.Field, ok bool) {
	if n.Often == "" {
		return nil, true
	}
	return t.records[n].lines.Allow(key)
}

// Told returns how often the log line of a notice was written. It may be called from anywhere.
func (t *Teller) Told(n *Notice) uint64 { return t.records[n].times.Load() }

// Tell writes the log line of a notice and sends its event. It belongs to the loop.
func (t *Teller) Tell(n *Notice, e Event, fields ...zap.Field) {
	t.Log(n, fields...)
	t.Send(n, e)
}

// Send sends the event of a notice to its audience. An event without a time gets the current one. It belongs to the
// loop.
func (t *Teller) Send(n *Notice, e Event) {
	e.complete(n)
	t.observe(n, &e)
	for _, w := range t.watchers {
		w.Told(n, &e)
	}
	send(t, t.outlets, policy.EventsChannel, n.To, n.isUrgent(), &e)
}

// SendTo is Send to one outlet, which need not be registered.
func (t *Teller) SendTo(o Outlet, n *Notice, e Event) {
	e.complete(n)
	t.observe(n, &e)
	send(t, []registration{{o, n.To}}, policy.EventsChannel, n.To, n.isUrgent(), &e)
}

// complete fills in the event's name and time.
func (e *Event) complete(n *Notice) {
	e.Event = n.Event
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
}

// isUrgent reports whether a listener without room must be disconnected: for a gap, the disconnection is a notice,
// too.
func (n *Notice) isUrgent() bool { return n.Event == "gap" }

// send sends a message to outlets. It encodes the message only if one of them has listeners.
func send[T any](t *Teller, outlets []registration, channel string, to Audience, urgent bool, message *T) {
	var payload []byte
	name := []byte(channel)
	for _, o := range outlets {
		if o.audience&to == 0 || !o.HasListeners(name) {
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

// Reject counts, logs and sends a refused message, or an invalid one that is let through. It keeps nothing of the
// payload. It belongs to the loop.
func (t *Teller) Reject(
	d monitor.Direction, rt *route.Route, counters *monitor.Route, why *policy.Refusal, m Message,
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
		}, m.By.fields(), more)...)
	}
	r := &Reject{
		Time: time.Now(), Direction: d, Channel: why.Channel, Route: rt.Name,
		Code: why.Code, Reason: why.Reason, Size: m.Size, Who: m.By, LetThrough: passes,
	}
	for _, w := range t.watchers {
		w.Refused(r, m.Payload)
	}
	send(t, t.outlets, policy.RejectsChannel, Host, false, r)
}

// Alert logs and sends that a channel carries too much; n is RateAlert or SpikeAlert. It belongs to the loop.
func (t *Teller) Alert(n *Notice, route string, e Event) {
	e.Rate, e.Usual = round(e.Rate), round(e.Usual)
	t.Tell(n, e, append([]zap.Field{
		zap.String("channel", policy.Printable(e.Channel)), zap.String("route", route),
		zap.String("direction", string(e.Direction)), zap.Float64("messages_per_second", e.Rate),
		zap.Float64("usual", e.Usual),
	}, e.fields()...)...)
}

// AlertOver logs and sends that an alert has ended, by the notice n. It belongs to the loop.
func (t *Teller) AlertOver(n *Notice, e Event) {
	e.Peak = round(e.Peak)
	e.Time = time.Now()
	t.Tell(n, e,
		zap.String("channel", policy.Printable(e.Channel)), zap.String("direction", string(e.Direction)),
		zap.String("kind", e.Kind), zap.String("cause", e.Cause), zap.Float64("peak", e.Peak),
		zap.Duration("for", e.Time.Sub(*e.Since).Round(time.Second)))
}

// round rounds a rate for people: to whole messages/s, or to two digits below one.
func round(perSecond float64) float64 {
	if perSecond < 1 {
		return math.Round(perSecond*100) / 100
	}
	return math.Round(perSecond)
}

// Slow reports a client that does not keep up. If the client is disconnected, the gateway logs that. It belongs to
// the loop.
func (t *Teller) Slow(e Event) {
	if !e.Disconnected {
		if more, ok := t.Sample(SlowListener, strconv.FormatUint(e.Client, 10)); ok {
			t.Log(SlowListener, slices.Concat(e.Who.fields(), []zap.Field{
				zap.String("reason", string(e.Reason)), zap.Uint64("missing", e.Messages),
			}, more)...)
		}
	}
	t.Send(SlowListener, e)
}

// Stuck reports a client that does not read. It belongs to the loop.
func (t *Teller) Stuck(e Event) {
	e.Kind, e.Waited = StuckKind, math.Round(e.Waited*10)/10
	e.Cause = fmt.Sprintf("%s wait for it, the oldest for %.0f s", size(e.Queued), e.Waited)
	t.tellOfClient(StuckReader, e, zap.String("channel", policy.Printable(e.Channel)),
		zap.Int("queued_bytes", e.Queued), zap.Duration("for", time.Duration(e.Waited*float64(time.Second))))
}

// Reads reports that a client is not stuck any more. It belongs to the loop.
func (t *Teller) Reads(e Event) {
	e.Kind, e.Time = StuckKind, time.Now()
	t.tellOfClient(StuckReaderEnd, e,
		zap.String("cause", e.Cause), zap.Duration("for", e.Time.Sub(*e.Since).Round(time.Second/10)))
}

// tellOfClient is Tell, with who the client is. Of many clients, it logs some.
func (t *Teller) tellOfClient(n *Notice, e Event, fields ...zap.Field) {
	if more, ok := t.Sample(n, strconv.FormatUint(e.Client, 10)); ok {
		t.Log(n, slices.Concat(e.Who.fields(), fields, more)...)
	}
	t.Send(n, e)
}

// size words a number of bytes for people.
func size(bytes int) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%.0f KiB", math.Ceil(float64(bytes)/(1<<10)))
	}
	return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
}
