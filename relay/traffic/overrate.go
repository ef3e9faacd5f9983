package traffic

// Channels over rate.alert: who finds them is told of the end by asking.

import (
	"slices"
	"time"
)

// rateKey is a channel and a direction.
type rateKey struct {
	channel   uint64
	direction Dimension
}

// overRate is an alert of KindRate.
type overRate struct {
	Alert
	states []State // of the meters that found the channel over
}

// State tells whether a channel is over its limit still, or was so a moment ago, and the highest rate since it went
// over, in messages/s.
type State func(now time.Time) (over bool, peak float64)

// OverRate raises an alert: a channel carries more than rate.alert of its route now. rate is in messages/s; sender, if
// not nil, is the publisher. OverRate calls newState if the alert is told; the alert ends when the State says so. While
// there is an alert of this channel and direction, there is no second one.
func (t *Table) OverRate(d Dimension, channel []byte, rate float64, sender any, now time.Time, newState func() State) {
	key := t.hash(channel)
	if known := t.alerts.rates[rateKey{key, d}]; known != nil {
		known.states = append(known.states, newState())
		return
	}
	if len(t.alerts.rates) == maxActive {
		t.alerts.budgets[KindRate].leftOut++
		return
	}
	o := &overRate{Alert: Alert{
		Kind: KindRate, Direction: d, Channel: string(channel), Rate: rate, Peak: rate, Since: now,
	}}
	if at, ok := t.look(key); ok {
		r := &t.records[at]
		o.Usual = t.clock.usual(r.learned[d])
		if d == OutMessages { // otherwise most of it may come from other hosts
			o.Publisher = t.publisherOf(r)
			if sender == nil {
				sender = t.pending[at].sender
			}
		}
	}
	if sender != nil {
		o.Publisher = t.opts.Identify(sender)
	}
	if t.alerts.begin(t.opts.Alarms, o.Alert) {
		o.states = []State{newState()}
		t.alerts.rates[rateKey{key, d}] = o
	}
	t.alerts.tell()
}

// isOverRate tells whether there is an alert of KindRate for a channel.
func (t *Table) isOverRate(key uint64) bool {
	return t.alerts.rates[rateKey{key, InMessages}] != nil || t.alerts.rates[rateKey{key, OutMessages}] != nil
}

// endOverRate ends the alerts of channels that are not over their limits any more.
func (t *Table) endOverRate() {
	for key, o := range t.alerts.rates {
		o.states = slices.DeleteFunc(o.states, func(state State) bool {
			over, peak := state(t.clock.now)
			o.Peak = max(o.Peak, peak)
			return !over
		})
		if len(o.states) == 0 {
			delete(t.alerts.rates, key)
			t.alerts.end(t.opts.Alarms, o.Alert, Calm)
		}
	}
}

// list returns the alerts that were told, the newest first.
func (a *alerts) list() (all []Alert) {
	for _, s := range a.spikes {
		if s.told {
			all = append(all, s.Alert)
		}
	}
	for _, o := range a.rates {
		all = append(all, o.Alert)
	}
	slices.SortFunc(all, func(a, b Alert) int { return b.Since.Compare(a.Since) })
	return all
}
