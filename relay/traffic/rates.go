package traffic

// Rates: what a tick makes of the counts.

import (
	"math"
	"time"
)

const (
	// Interval is the time between two ticks.
	Interval = time.Second
	// Minute is how many intervals the course of a channel is kept.
	Minute = 60

	nowSeconds = 3   // over which the rate now is averaged
	usualHalf  = 300 // the half-life of the usual rate, in seconds

	settle = 30 // seconds after an outage in which nothing is a spike
	warmUp = 60 // seconds after the start in which no usual rate is known: see findEarly
)

// clock holds the times of a Table, and the factors by which its figures change in a tick.
type clock struct {
	now  time.Time // of the last tick
	age  float64   // seconds since the start
	slot int       // of the present interval in record.minute

	step      float64 // seconds since the tick before
	intervals int     // that passed since the tick before
	toNow     float64 // how far the rate now moves to that of the interval
	fade      float64 // by which weights fade
	keep      float64 // by which the usual rate keeps its past; 1: it does not change

	untaught float64 // the part of the usual rate that is still unknown: 1 at the start, falls to 0
	settled  float64 // seconds since the start, or since the last outage
}

func (c *clock) start(now time.Time) { c.now, c.untaught = now, 1 }

// tick moves the clock. In an outage nothing is learned.
func (c *clock) tick(now time.Time, outage bool) {
	c.step = max(now.Sub(c.now).Seconds(), 1e-3)
	c.intervals = max(1, int(math.Round(min(c.step, Minute))))
	c.now, c.age = now, c.age+c.step
	c.toNow = 1 - math.Exp(-c.step/nowSeconds)
	c.fade = math.Exp2(-c.step / fadeHalf)
	c.keep, c.settled = math.Exp2(-c.step/usualHalf), c.settled+c.step
	if outage {
		c.keep, c.settled = 1, 0
	}
	c.untaught *= c.keep
	c.slot = (c.slot + c.intervals) % Minute
}

// watching reports whether the usual rates are known well enough to find spikes.
func (c *clock) watching() bool { return c.age >= warmUp && c.settled >= settle }

// usual returns the usual rate of an average that started at 0, as if it had started at the true rate.
func (c *clock) usual(learned float64) float64 {
	if c.untaught >= 1 {
		return 0
	}
	return learned / (1 - c.untaught)
}

// Tick brings all figures up to date, and tells of alerts that begin or end. It must be called about once each
// Interval. outage says that there is no connection to Redis: then the usual rates stay as they are.
func (t *Table) Tick(now time.Time, outage bool) {
	t.clock.tick(now, outage)
	since := t.sinceTick()
	for d := range since {
		t.faded[d] = t.faded[d]*t.clock.fade + since[d]
	}
	t.missed *= t.clock.fade
	unit := t.units(&Figures{})
	for i, key := range t.keys {
		if key == 0 {
			continue
		}
		p, r := &t.pending[i], &t.records[i]
		t.weights[i] = t.weights[i]*t.clock.fade + p.share(&unit)
		var counts Figures
		p.addTo(&counts)
		r.update(&t.clock, &counts)
		r.largest = max(r.largest, p.largest)
		t.total.largest = max(t.total.largest, p.largest)
		if p.sender != nil {
			r.publisher, r.published = t.opts.Identify(p.sender), now
		}
		*p = pending{}
	}
	t.total.update(&t.clock, &since)
	t.gone = Figures{}
	t.alerts.tick()
}

// update takes in what happened on a channel since the last tick.
func (r *record) update(c *clock, counts *Figures) {
	for d, n := range counts {
		rate := n / c.step
		r.count[d] += n
		r.recent[d] = r.recent[d]*c.fade + n
		r.now[d] += (rate - r.now[d]) * c.toNow
		r.learned[d] = r.learned[d]*c.keep + r.last[d]*(1-c.keep)
		if r.last[d] = rate; r.spike != nil {
			r.last[d] = r.spike.usual[d] // a spike must not become usual while it lasts
		}
	}
	r.unseen *= c.keep
	for i := range c.intervals {
		r.minute[(c.slot+Minute-i)%Minute] = 0
	}
	r.minute[c.slot] = uint32(max(counts[InMessages], counts[OutMessages]))
}
