//go:build linux

// Publishing beside a flood: what other hosts send very fast must not hold up those who publish here.

package main

import "fmt"

const besideTitle = "Publishing beside a flood"

const (
	besidePublishers = 16
	besideRate       = 400000 // messages/s of the flood
)

// besides is what one crew went through: a value per round.
type besides struct {
	shifts []shift
	floods []float64 // messages/s that came to pass
}

// beside has processes publish and wait for each reply while a listener of the same server receives a flood.
func beside(l *lab) ([]*table, error) {
	l.progress("%d publishers beside a flood", besidePublishers)
	c, err := l.newContest([]way{direct, validated}, besidePublishers, 1)
	if err != nil {
		return nil, err
	}
	defer c.close()
	sources, all := map[*crew]*worker{}, map[*crew]*besides{}
	for _, crew := range c.crews {
		all[crew] = &besides{}
		if sources[crew], err = c.floodgate(crew); err != nil {
			return nil, err
		}
	}
	err = c.turns(func(crew *crew, keep bool) error {
		b := &besides{}
		if keep {
			b = all[crew]
		}
		return b.round(l, crew, sources[crew])
	})
	if err != nil {
		return nil, err
	}
	t := newBesideTable()
	for _, crew := range c.crews {
		t.addOn(crew.redis, []any{crew.name}, all[crew].figures(all[c.beside(crew, direct)])...)
	}
	return []*table{t}, nil
}

func newBesideTable() *table {
	return &table{
		title: besideTitle,
		notes: []string{
			fmt.Sprintf("%d processes publish %d B and wait for each reply. Meanwhile a listener on another channel of the",
				besidePublishers, smallPayload),
			fmt.Sprintf("same server gets %s messages/s, which are published directly at Redis. p50 and p99 are microseconds",
				count(besideRate)),
			"from request to reply.",
			aboutSpread,
		},
		keys:    []string{"variant"},
		columns: []string{"publishes/s", "x direct", "p50", "p99", "flood, messages/s"},
	}
}

// floodgate starts a listener at the door of a crew, and who will send the flood to it.
func (c *contest) floodgate(crew *crew) (*worker, error) {
	if _, err := c.worker(listening(crew.socket, channel(crew.prefix, 0))); err != nil {
		return nil, err
	}
	return c.worker(setup{Role: rolePublisher, Connect: crew.redis.socket})
}

func (b *besides) round(l *lab, crew *crew, source *worker) error {
	err := source.send(order{For: l.paced, Stream: &stream{
		Channel: channel(crew.prefix, 0), Rate: besideRate, Payload: smallPayload,
	}})
	if err != nil {
		return err
	}
	s, err := crew.work(l.paced)
	if err != nil {
		return err
	}
	sent, err := source.answer()
	if err != nil {
		return err
	}
	b.shifts = append(b.shifts, s)
	b.floods = append(b.floods, float64(sent.Count)/sent.Elapsed.Seconds())
	return nil
}

func (b *besides) figures(straight *besides) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(b.shifts), f, in) }
	return []figure{
		each(func(i int) float64 { return b.shifts[i].publishes }, count),
		each(func(i int) float64 { return b.shifts[i].publishes / straight.shifts[i].publishes }, ratio),
		each(func(i int) float64 { return b.shifts[i].latencies.quantile(.5) }, micros),
		each(func(i int) float64 { return b.shifts[i].latencies.quantile(.99) }, micros),
		each(func(i int) float64 { return b.floods[i] }, count),
	}
}
