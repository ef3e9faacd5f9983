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
	found := Alert{Kind: KindRate, Direction: d, Channel: string(channel), Rate: rate, Peak: rate, Since: now}
	t.alerts.overRate(t.hash(channel), found, sender, newState)
}

// overRate takes in that a channel was found over its limit.
func (a *alerts) overRate(key uint64, found Alert, sender any, newState func() State) {
	t, d := a.table, found.Direction
	if known := a.rates[rateKey{key, d}]; known != nil {
		known.states = append(known.states, newState())
		return
	}
	if len(a.rates) == maxActive {
		a.budgets[KindRate].leftOut++
		return
	}
	if at, ok := t.index.look(key); ok {
		r := &t.records[at]
		found.Usual = t.clock.usual(r.learned[d])
		if d == OutMessages { // otherwise most of it may come from other hosts
			found.Publisher = a.publisherOf(r)
			if sender == nil {
				sender = t.pending[at].sender
			}
		}
	}
	if sender != nil {
		found.Publisher = t.opts.Identify(sender)
	}
	if a.begin(found) {
		a.rates[rateKey{key, d}] = &overRate{found, []State{newState()}}
	}
	a.tell()
}

// isOverRate tells whether there is an alert of KindRate for a channel.
func (a *alerts) isOverRate(key uint64) bool {
	return a.rates[rateKey{key, InMessages}] != nil || a.rates[rateKey{key, OutMessages}] != nil
}

// endOverRate ends the alerts of channels that are not over their limits any more.
func (a *alerts) endOverRate() {
	for key, o := range a.rates {
		o.states = slices.DeleteFunc(o.states, func(state State) bool {
			over, peak := state(a.table.clock.now)
			o.Peak = max(o.Peak, peak)
			return !over
		})
		if len(o.states) == 0 {
			delete(a.rates, key)
			a.end(o.Alert, Calm)
		}
	}
}
