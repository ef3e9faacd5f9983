package traffic

// Spikes: channels far over their usual rate.

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Spikes says what a spike is: a rate of at least Floor messages/s that is at least Factor times the usual one. A
// Factor of 0 switches off.
type Spikes struct{ Factor, Floor float64 }

// spike is one that is under way.
type spike struct {
	Alert
	told  bool
	usual Figures // of the time before; it stays the usual rate meanwhile
	limit float64 // messages/s that were exceeded
	calm  float64 // seconds for which the rate was below half of limit
}

// rest is how long nothing is told of a channel after a spike, so that one that has bursts by nature is told less and
// less often.
type rest struct {
	until time.Time
	last  time.Duration
}

// candidate is a channel that begins to spike.
type candidate struct {
	at int
	spike
}

// SetSpikes changes what a spike is. Spikes that are under way are not affected.
func (t *Table) SetSpikes(s Spikes) { t.alerts.limits = s }

// findSpikes finds the spikes that begin now, and tells of the largest.
func (a *alerts) findSpikes() {
	t, found := a.table, a.found[:0]
	switch {
	case a.limits.Factor <= 0:
		return
	case t.clock.watching():
		found = a.findUnusual(found)
	case t.clock.age < warmUp:
		found = a.findEarly(found)
	}
	slices.SortFunc(found, func(x, y candidate) int { return cmp.Compare(y.Rate, x.Rate) })
	for _, c := range found {
		s := c.spike
		s.told = a.begin(s.Alert)
		t.records[c.at].last = s.usual
		t.records[c.at].spike, a.spikes[t.keys[c.at]] = &s, &s
	}
	clear(found)
	a.found = found[:0]
}

// findUnusual adds the channels that begin to be far over their usual rates to found.
func (a *alerts) findUnusual(found []candidate) []candidate {
	t, limits := a.table, a.limits
	for i, key := range t.keys {
		r := &t.records[i]
		if key == 0 || r.spike != nil || max(r.now[InMessages], r.now[OutMessages]) < limits.Floor {
			continue
		}
		if known := a.spikes[key]; known != nil {
			r.spike = known // the channel was forgotten and is back
		} else if s, ok := a.judge(r); ok && !a.isOverRate(key) {
			found = append(found, candidate{i, s})
		}
	}
	return found
}

// judge tells whether a channel is far over its usual rate.
func (a *alerts) judge(r *record) (s spike, ok bool) {
	t := a.table
	if t.clock.now.Before(r.rest.until) {
		return s, false
	}
	for _, d := range [...]Dimension{OutMessages, InMessages} { // what comes from this host comes back from Redis
		usual, known := a.usualBefore(r, d)
		limits := a.limits
		s.limit = max(limits.Floor, limits.Factor*usual, limits.Factor*r.unseen*t.total.now[d])
		if !known || r.now[d] < s.limit {
			continue
		}
		for d := range s.usual {
			s.usual[d] = t.clock.usual(r.learned[d])
		}
		s.Alert = Alert{
			Kind: KindSpike, Direction: d, Channel: string(r.name), Rate: r.now[d], Usual: usual, Peak: r.now[d],
			Since: t.clock.now,
		}
		if d == OutMessages { // otherwise most of it comes from other hosts
			s.Publisher = a.publisherOf(r)
		}
		return s, true
	}
	return s, false
}

// usualBefore returns the usual rate of a channel. What is not known: how much a channel carried before the relay
// subscribed to it.
func (a *alerts) usualBefore(r *record, d Dimension) (rate float64, known bool) {
	t := a.table
	taught := 1 - t.clock.untaught
	if d == InMessages && r.length <= MaxName {
		heard := t.opts.HeardFor(r.name).Seconds()
		if heard < warmUp {
			return 0, false
		}
		taught = min(taught, 1-math.Exp2(-heard/usualHalf))
	}
	return r.learned[d] / taught, true
}

// endSpikes ends the spikes that are over.
func (a *alerts) endSpikes() {
	t := a.table
	for key, s := range a.spikes {
		var r *record // nil: the channel was forgotten, so it carries little
		var rate float64
		if at, ok := t.index.look(key); ok {
			r = &t.records[at]
			rate = r.now[s.Direction]
		}
		why, over := s.isOver(&t.clock, rate)
		if !over {
			continue
		}
		delete(a.spikes, key)
		if s.told {
			a.end(s.Alert, why)
		}
		if r != nil {
			r.endSpike(&t.clock, why)
		}
	}
}

// isOver takes in the rate since the last tick, and tells whether the spike is over.
func (s *spike) isOver(c *clock, rate float64) (why Ending, over bool) {
	s.Peak = max(s.Peak, rate)
	s.calm += c.step
	if rate >= s.limit/2 {
		s.calm = 0
	}
	if s.calm >= calmFor.Seconds() {
		return Calm, true
	}
	return MadeNormal, c.now.Sub(s.Since) >= usualAfter
}

// endSpike lets the usual rate change again.
func (r *record) endSpike(c *clock, why Ending) {
	r.spike = nil
	if why == MadeNormal {
		for d, rate := range r.now {
			r.learned[d] = rate * (1 - c.untaught)
		}
	}
	if c.now.Sub(r.rest.until) > longestRest {
		r.rest.last = shortestRest / 2
	}
	r.rest.last = min(2*r.rest.last, longestRest)
	r.rest.until = c.now.Add(r.rest.last)
}
