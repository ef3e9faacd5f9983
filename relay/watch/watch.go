package watch

// Watching the traffic: figures of channels, and alerts.

import (
	"bytes"
	"fmt"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/traffic"
)

// Watch keeps the figures of the channels, and tells of alerts. It belongs to the loop.
type Watch struct {
	*traffic.Table
	// Fixed after construction.
	loop    *loop.Loop
	isReady func() bool
	timer   *loop.Timer
}

// Options are what a Watch has of the relay. The functions belong to the loop.
type Options struct {
	Loop    *loop.Loop
	Hub     *hub.Group
	Teller  *notice.Teller
	IsReady func() bool                 // reports whether messages of main come: else usual rates stay as they are
	RouteOf func(channel []byte) string // names the route of a channel
	Spikes  config.Spike
}

// New begins to watch.
func New(o *Options) *Watch {
	w := &Watch{loop: o.Loop, isReady: o.IsReady}
	w.Table = traffic.New(traffic.Options{
		Now: time.Now(), Identify: identify, HeardFor: o.Hub.HeardFor, Alarms: &alarms{o.RouteOf, o.Teller},
	})
	w.Follow(o.Spikes)
	o.Hub.OnMissed(func(channel []byte, messages int) {
		if !route.IsReserved(channel) {
			w.Dropped(channel, messages)
		}
	})
	w.timer = o.Loop.AfterFunc(traffic.Interval, w.tick)
	return w
}

// Follow takes over a configuration.
func (w *Watch) Follow(s config.Spike) {
	w.SetSpikes(traffic.Spikes{Factor: s.Factor, Floor: s.Floor})
}

func (w *Watch) tick() {
	w.Tick(w.loop.Now(), !w.isReady())
	w.timer.Reset(traffic.Interval)
}

// Noisy raises an alert about a channel over rate.alert. by may be nil.
func (w *Watch) Noisy(
	d monitor.Direction, counters *monitor.Route, channel []byte, noise policy.Noise, by respserver.Sender,
) {
	counters.Noisy.Inc()
	way := traffic.InMessages
	if d == monitor.Outbound {
		way = traffic.OutMessages
	}
	w.OverRate(way, channel, noise.PerSecond, by, w.loop.Now(), func() traffic.State {
		name := bytes.Clone(channel)
		return func(now time.Time) (over bool, peak float64) { return noise.Lasts(name, now) }
	})
}

// alarms tells of alerts. It is traffic.Alarms, and belongs to the loop.
type alarms struct {
	routeOf func(channel []byte) string
	teller  *notice.Teller
}

// Begin tells of an alert.
func (a *alarms) Begin(t *traffic.Alert) {
	n, cause := notice.RateAlert, "more messages/s than rate.alert"
	if t.Kind == traffic.KindSpike {
		n, cause = notice.SpikeAlert, "far more messages/s than usual"
	}
	if t.Early {
		cause = "far more messages/s than all other channels of its kind together, since the relay has started"
	}
	e := alertEvent(t)
	e.Cause, e.Rate, e.Usual = cause, t.Rate, t.Usual
	e.Who = WhoPublished(t.Publisher)
	a.teller.Alert(n, a.routeOf([]byte(t.Channel)), e)
}

// End tells that an alert is over.
func (a *alarms) End(t *traffic.Alert, why traffic.Ending) {
	e := alertEvent(t)
	e.Cause, e.Since, e.Peak = "the channel is quiet again", &t.Since, t.Peak
	if why == traffic.MadeNormal {
		e.Cause = "it has lasted so long that it counts as usual now"
	}
	n := notice.RateAlertEnd
	if t.Kind == traffic.KindSpike {
		n = notice.SpikeEnd
	}
	a.teller.AlertOver(n, e)
}

// LeftOut tells of channels of which nothing else is told.
func (a *alarms) LeftOut(kind traffic.Kind, channels int) {
	cause := fmt.Sprintf("%d more channels carry too much", channels)
	e := notice.Event{Cause: cause, Kind: string(kind), LeftOut: channels}
	a.teller.Tell(notice.AlertsLeftOut, e, zap.String("kind", e.Kind), zap.Int("left_out", channels))
}

// alertEvent is what events about an alert have in common.
func alertEvent(a *traffic.Alert) notice.Event {
	e := notice.Event{Kind: string(a.Kind), Channel: a.Channel, Direction: monitor.Inbound}
	if a.Direction == traffic.OutMessages {
		e.Direction = monitor.Outbound
	}
	return e
}

// Tally gathers neighbouring messages of one channel, so that a burst is counted at once.
type Tally struct {
	channel                  []byte // a copy
	pattern, payload         []byte // of the last message
	messages, bytes, largest int    // not yet in the table

	memory []byte // of its own, for pattern and payload beyond the end of a turn
}

// maxTallied is the most bytes of a pattern and a payload that are kept beyond the end of a turn. Of a larger message,
// a further copy that comes in the next turn is counted as a message.
const maxTallied = 4 << 10

// Add counts a message. A further copy of the last one, which came for a pattern, is not counted.
func (t *Tally) Add(table *traffic.Table, d *resp.Delivery) {
	if !bytes.Equal(t.channel, d.Channel) {
		t.count(table)
		t.channel = append(t.channel[:0], d.Channel...)
	} else if d.Kind == resp.PMessage && t.payload != nil && !bytes.Equal(t.pattern, d.Pattern) &&
		bytes.Equal(t.payload, d.Payload) {
		return
	}
	t.pattern, t.payload = d.Pattern, d.Payload
	t.messages++
	t.bytes += len(d.Payload)
	t.largest = max(t.largest, len(d.Payload))
}

// count brings the table up to date.
func (t *Tally) count(table *traffic.Table) {
	if t.messages > 0 {
		table.In(t.channel, t.messages, t.bytes, t.largest)
		t.messages, t.bytes, t.largest = 0, 0, 0
	}
}

// EndTurn is count, and makes t independent of the memory of messages.
func (t *Tally) EndTurn(table *traffic.Table) {
	if t.messages == 0 {
		return
	}
	t.count(table)
	n := len(t.pattern)
	if n+len(t.payload) > maxTallied {
		t.pattern, t.payload = nil, nil
		return
	}
	t.memory = append(append(t.memory[:0], t.pattern...), t.payload...)
	t.pattern, t.payload = t.memory[:n], t.memory[n:]
}

var _ traffic.Alarms = (*alarms)(nil)
