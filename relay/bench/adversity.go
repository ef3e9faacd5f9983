//go:build linux

// Adversity: what some clients do to a server, and what the others notice of it.

package main

import (
	"fmt"
	"slices"
	"time"
)

const adversityTitle = "Adversity"

const adversityRate = 1000 // messages/s on the channel that is measured

// Names of troubles, which are rows of the table.
const (
	troubleStopped  = "a reader is stopped"
	troubleChannels = "a client subscribes to very many channels"
	troubleMob      = "very many clients come at once"
	troubleInvalid  = "a flood of invalid messages"
	troubleExamined = "a flood of messages to be examined"
)

// trouble is something that clients do while readers of channel 0 are measured. Its workers are told to do it, once a
// round and for a given time, and answer when they have; those of idle only listen.
type trouble struct {
	name    string
	readers int
	flood   bool // they publish as fast as they can
	workers func(l *lab, x *variant) []setup
	idle    func(x *variant) []setup // nil: none
}

// troubles are what a server has to bear.
var troubles = []trouble{
	{name: troubleStopped, readers: 63, workers: stoppedReader},
	{name: troubleChannels, readers: 16, workers: manyChannels},
	{name: troubleMob, readers: 16, workers: manyClients},
	{name: troubleInvalid, readers: 16, flood: true, workers: invalidMessages},
	{name: troubleExamined, readers: 16, flood: true, workers: examinedMessages, idle: examinedListener},
}

// ordeal is what the readers of one variant went through: a value per round.
type ordeal struct {
	quiet, during []*histogram
	took          []float64 // nanoseconds until all workers had done it once
	rate          []float64 // how often they did it in a second, together
}

func adversity(l *lab) ([]*table, error) {
	t := newAdversityTable(l)
	for _, d := range troubles {
		l.progress("adversity: %s", d.name)
		if err := l.suffer(t, d); err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return []*table{t}, nil
}

func newAdversityTable(l *lab) *table {
	return &table{
		title: adversityTitle,
		notes: []string{
			fmt.Sprintf("Readers of one channel get %d messages/s of %d B: 63 beside the one that is stopped, 16 else.",
				adversityRate, smallPayload),
			"Latencies are theirs, in microseconds, without the trouble (quiet) and with it, in turns. Worst is of all rounds",
			"together.",
			"took is how long what the clients do takes once. Direct, redis-server bears the same clients; it checks",
			"nothing. The longest turn is what a relay's loop that has seen nothing else reports of itself since its",
			"start; - where it reports none.",
			fmt.Sprintf("Very many are %d channels and %d clients. A flood comes from %d processes that have %d publishes",
				l.channels, l.mob, floodProcesses, floodPipeline),
			"under way each. Where quiet rounds lie far apart the machine was not quiet, and x quiet means nothing.",
			aboutSpread,
		},
		keys:    []string{"meanwhile", "variant"},
		columns: append(slices.Clone(ordealColumns), "took", "flood, messages/s", "longest turn"),
	}
}

// suffer measures one trouble, with relays that see no other.
func (l *lab) suffer(t *table, d trouble) error {
	v, err := l.newVenue(l.redises[:1], split(d.readers, workersFor(d.readers)), interest{channels: 1},
		[]way{direct, validated})
	if err != nil {
		return err
	}
	defer v.close()
	workers, all := map[*variant][]*worker{}, map[*variant]*ordeal{}
	for _, x := range v.variants {
		all[x] = &ordeal{}
		if workers[x], err = v.engage(d, x); err != nil {
			return err
		}
	}
	err = v.turns(l.rounds, func(x *variant, keep bool) error {
		o := &ordeal{}
		if keep {
			o = all[x]
		}
		return v.endure(x, workers[x], o)
	})
	if err != nil {
		return err
	}
	for _, x := range v.variants {
		turn, err := x.longestTurn()
		if err != nil {
			return err
		}
		t.addOn(x.redis, []any{d.name, x.name}, append(all[x].figures(d.flood), turn)...)
	}
	return nil
}

// engage starts the workers of a trouble, and returns those that take orders.
func (v *venue) engage(d trouble, x *variant) (busy []*worker, err error) {
	if d.idle != nil {
		for _, s := range d.idle(x) {
			if _, err := v.worker(s); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range d.workers(v.lab, x) {
		w, err := v.worker(s)
		if err != nil {
			return nil, err
		}
		busy = append(busy, w)
	}
	return busy, nil
}

// endure adds one round of a variant to an ordeal.
func (v *venue) endure(x *variant, workers []*worker, o *ordeal) error {
	quiet, err := v.pace(x, adversityRate, v.lab.paced)
	if err != nil {
		return err
	}
	start := time.Now()
	for _, w := range workers {
		if err := w.send(order{For: v.lab.paced}); err != nil {
			return err
		}
	}
	over := make(chan error, 1)
	took, rate := 0.0, 0.0
	go func() { // the main goroutine orders none of these workers meanwhile
		var failed error
		for _, w := range workers {
			done, err := w.answer()
			if err != nil {
				failed = err
				break
			}
			took = max(took, float64(done.Elapsed)/float64(done.Count))
			rate += float64(done.Count) / done.Elapsed.Seconds()
		}
		over <- failed
	}()
	during, err := v.paceUntil(x, over)
	if err != nil {
		return fmt.Errorf("after %v: %w", time.Since(start).Round(time.Millisecond), err)
	}
	o.quiet, o.during = append(o.quiet, quiet), append(o.during, during)
	o.took, o.rate = append(o.took, took), append(o.rate, rate)
	return nil
}

// paceUntil measures latencies until something is over, which says how it ended. It does so in short pieces, so that
// little is measured afterwards.
func (v *venue) paceUntil(x *variant, over <-chan error) (*histogram, error) {
	const pieces = 5 // of an ordinary round
	all := newHistogram()
	for {
		h, err := v.pace(x, adversityRate, v.lab.paced/pieces)
		if err != nil {
			return nil, err
		}
		all.merge(h)
		select {
		case err := <-over:
			return all, err
		default:
		}
	}
}

func (o *ordeal) figures(flood bool) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(o.quiet), f, in) }
	took, rate := each(func(i int) float64 { return o.took[i] }, millis), figure{}
	if flood {
		took, rate = rate, each(func(i int) float64 { return o.rate[i] }, count)
	}
	return append(o.latencies(), took, rate)
}

var ordealColumns = []string{"p99 quiet", "p99", "x quiet", "worst quiet", "worst"}

// latencies are the cells of ordealColumns.
func (o *ordeal) latencies() []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(o.quiet), f, in) }
	const q = .99
	return []figure{
		each(func(i int) float64 { return o.quiet[i].quantile(q) }, micros),
		each(func(i int) float64 { return o.during[i].quantile(q) }, micros),
		each(func(i int) float64 { return o.during[i].quantile(q) / o.quiet[i].quantile(q) }, ratio),
		exactly(merged(o.quiet).quantile(1), micros),
		exactly(merged(o.during).quantile(1), micros),
	}
}
