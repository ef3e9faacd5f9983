//go:build linux

// Fan-out: how many deliveries a second, and for how much of the processor.

package main

import "fmt"

// Bytes on their way to one subscriber, over all rounds that are.
const (
	maxInFlight   = 1 << 20   // to one subscriber
	totalInFlight = 256 << 20 // to all
)

// roundFor is how many messages of a size a round has, when all subscribers get
// each of them.
func roundFor(subscribers, frameSize int) int {
	bytes := min(maxInFlight, totalInFlight/subscribers) / window
	return max(2, bytes/frameSize)
}

func fanout(l *lab) ([]*table, error) {
	one, err := fanoutOne(l)
	if err != nil {
		return nil, err
	}
	spread, err := fanoutSpread(l)
	return []*table{one, spread}, err
}

func newFanoutTable(title string, notes ...string) *table {
	return &table{
		title: title,
		notes: append(notes,
			"CPU is seconds per million deliveries, of redis-server and of what does the fan-out instead of it;",
			"x CPU compares the latter with redis-server's, direct."),
		columns: []string{
			"subscribers", "payload", "variant", "messages/s", "deliveries/s", "x direct", "x floor",
			"CPU Redis", "CPU server", "x CPU",
		},
	}
}

// fanoutOne has everybody listen to one channel.
func fanoutOne(l *lab) (*table, error) {
	t := newFanoutTable("Fan-out on one channel")
	for _, n := range l.subscribers {
		l.progress("fan-out on one channel: %d subscribers", n)
		v, err := l.newVenue(split(n, workersFor(n)), interest{channels: 1}, wants{hop: true, floor: true})
		if err != nil {
			return nil, err
		}
		for _, bytes := range l.payloads {
			if err := v.compare(t, n, n, bytes, roundFor(n, frameSize(bytes))); err != nil {
				v.close()
				return nil, err
			}
		}
		v.close()
	}
	return t, nil
}

// fanoutSpread has each channel listened to by one subscriber.
func fanoutSpread(l *lab) (*table, error) {
	const messages = 4 // of a round, on each channel
	t := newFanoutTable(fmt.Sprintf("%d channels spread over the subscribers", spreadChannels),
		"Each channel has one listener, and messages go to all channels in turn.")
	bytes := l.payloads[0]
	for _, n := range l.subscribers {
		l.progress("fan-out on %d channels: %d subscribers", spreadChannels, n)
		v, err := l.newVenue(split(n, workersFor(n)), interest{channels: spreadChannels, step: n}, wants{})
		if err != nil {
			return nil, err
		}
		err = v.compare(t, n, 1, bytes, messages)
		v.close()
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// compare lets the variants take turns and adds a row for each. Each message is
// received by so many listeners.
func (v *venue) compare(t *table, subscribers, listeners, payloadSize, round int) error {
	rounds := make([][]throughput, len(v.variants))
	err := v.turns(func(i int, x *variant, keep bool) error {
		r, err := v.flood(x, len(x.crowd.workers), payloadSize, round, v.lab.burst)
		if keep {
			rounds[i] = append(rounds[i], r)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, x := range v.variants {
		what := []string{fmt.Sprint(subscribers), size(payloadSize), x.name}
		t.add(append(what, x.figures(rounds[i], rounds[0], v.floor(rounds), float64(listeners))...)...)
	}
	return nil
}

// floor returns the rounds of the floor, nil without one.
func (v *venue) floor(rounds [][]throughput) []throughput {
	last := len(v.variants) - 1
	if v.variants[last].name == "floor" {
		return rounds[last]
	}
	return nil
}

// figures words the rounds of a variant beside those of direct and of the floor.
func (x *variant) figures(mine, direct, floor []throughput, listeners float64) []string {
	each := func(f func(i int) float64) float64 { return middle(len(mine), f) }
	messages := each(func(i int) float64 { return mine[i].messages })
	cells := []string{
		count(messages), count(messages * listeners),
		ratio(each(func(i int) float64 { return mine[i].messages / direct[i].messages })),
		absent, absent, absent, absent,
	}
	cpu := func(ns float64) string { // ns per message
		return fmt.Sprintf("%.4f", ns/listeners/1e3) // 1 ns per delivery is 1 ms per million
	}
	if floor != nil {
		cells[3] = ratio(each(func(i int) float64 { return mine[i].messages / floor[i].messages }))
	}
	if x.source.name != string(roleFloor) {
		cells[4] = cpu(each(func(i int) float64 { return mine[i].redis }))
	}
	if x.server != nil {
		cells[5] = cpu(each(func(i int) float64 { return mine[i].server }))
		cells[6] = ratio(each(func(i int) float64 { return mine[i].server / direct[i].redis }))
	}
	return cells
}
