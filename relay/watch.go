package relay

// Watching the traffic: figures of channels, and alerts.

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/traffic"
)

// watch keeps the figures of the channels, and tells of alerts. It is traffic.Alarms, and belongs to the loop.
type watch struct {
	*traffic.Table
	// Fixed after construction.
	loop   *loop.Loop
	sides  sides
	rules  *atomic.Pointer[rules]
	teller *notice.Teller
	timer  *loop.Timer
}

// watchTraffic begins to watch.
func (r *Relay) watchTraffic() {
	w := &watch{loop: r.loop, sides: r.sides, rules: &r.rules, teller: r.teller}
	w.Table = traffic.New(traffic.Options{
		Now: time.Now(), Identify: identify, HeardFor: r.hub.HeardFor, Alarms: w,
	})
	w.follow(r.cfg)
	r.hub.OnMissed(func(channel []byte, messages int) {
		if !route.IsReserved(channel) {
			w.Dropped(channel, messages)
		}
	})
	w.timer = r.loop.AfterFunc(traffic.Interval, w.tick)
	r.watch = w
}

// follow takes over a configuration.
func (w *watch) follow(cfg *config.Config) {
	s := cfg.Alerts.Spike
	w.SetSpikes(traffic.Spikes{Factor: s.Factor, Floor: s.Floor})
}

func (w *watch) tick() {
	away := slices.ContainsFunc(w.sides, func(s *side) bool {
		ready, _, _ := s.redis.Status()
		return !ready
	})
	w.Tick(w.loop.Now(), away)
	w.timer.Reset(traffic.Interval)
}

// Top returns the n channels that carry most in a dimension, the heaviest first, up to the last second. It may be
// called from anywhere but the loop.
func (r *Relay) Top(by traffic.Dimension, n int) (list []traffic.Channel) {
	r.loop.Call(func() { list = r.watch.Top(by, n) })
	return list
}

// identify is traffic.Options.Identify.
func identify(sender any) traffic.Publisher {
	s, ok := sender.(respserver.Sender)
	if !ok {
		return traffic.Publisher{}
	}
	c := s.Identity()
	return traffic.Publisher{Client: c.ID, Name: c.Name, PID: c.PID, UID: c.UID, Known: c.Known}
}

// whoPublished is the opposite of identify.
func whoPublished(p traffic.Publisher) notice.Who {
	w := notice.Who{Client: p.Client, Name: p.Name, PID: p.PID}
	if p.Known {
		w.UID = &p.UID
	}
	return w
}

// noisy raises an alert about a channel over rate.alert. by may be nil.
func (w *watch) noisy(
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

// Begin tells of an alert.
func (w *watch) Begin(a *traffic.Alert) {
	n, cause := notice.RateAlert, "more messages/s than rate.alert"
	if a.Kind == traffic.KindSpike {
		n, cause = notice.SpikeAlert, "far more messages/s than usual"
	}
	e := alertEvent(a)
	e.Cause, e.Rate, e.Usual = cause, a.Rate, a.Usual
	e.Who = whoPublished(a.Publisher)
	w.teller.Alert(n, w.rules.Load().Route([]byte(a.Channel)).Name, e)
}

// End tells that an alert is over.
func (w *watch) End(a *traffic.Alert, why traffic.Ending) {
	e := alertEvent(a)
	e.Cause, e.Since, e.Peak = "the channel is quiet again", &a.Since, a.Peak
	if why == traffic.MadeNormal {
		e.Cause = "it has lasted so long that it counts as usual now"
	}
	n := notice.RateAlertEnd
	if a.Kind == traffic.KindSpike {
		n = notice.SpikeEnd
	}
	w.teller.AlertOver(n, e)
}

// LeftOut tells of channels of which nothing else is told.
func (w *watch) LeftOut(kind traffic.Kind, channels int) {
	cause := fmt.Sprintf("%d more channels carry too much", channels)
	e := notice.Event{Cause: cause, Kind: string(kind), LeftOut: channels}
	w.teller.Tell(notice.AlertsLeftOut, e, zap.String("kind", e.Kind), zap.Int("left_out", channels))
}

// alertEvent is what events about an alert have in common.
func alertEvent(a *traffic.Alert) notice.Event {
	e := notice.Event{Kind: string(a.Kind), Channel: a.Channel, Direction: monitor.Inbound}
	if a.Direction == traffic.OutMessages {
		e.Direction = monitor.Outbound
	}
	return e
}

// tally gathers neighbouring messages of one channel, so that a burst is counted at once.
type tally struct {
	channel                  []byte // a copy
	pattern, payload         []byte // of the last message
	messages, bytes, largest int    // not yet in the table

	memory []byte // of its own, for pattern and payload beyond the end of a turn
}

// maxTallied is the most bytes of a pattern and a payload that are kept beyond the end of a turn. Of a larger message,
// a further copy that comes in the next turn is counted as a message.
const maxTallied = 4 << 10

// add counts a message. A further copy of the last one, which came for a pattern, is not counted.
func (t *tally) add(table *traffic.Table, d *resp.Delivery) {
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
func (t *tally) count(table *traffic.Table) {
	if t.messages > 0 {
		table.In(t.channel, t.messages, t.bytes, t.largest)
		t.messages, t.bytes, t.largest = 0, 0, 0
	}
}

// endTurn is count, and makes t independent of the memory of messages.
func (t *tally) endTurn(table *traffic.Table) {
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

var _ traffic.Alarms = (*watch)(nil)
