//go:build linux

// Fan-out: how many deliveries a second, and for how much of the processor.

package main

import (
	"fmt"
	"slices"
)

const fanoutTitle = "Fan-out on one channel"

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
			"x CPU compares the latter with redis-server's, direct. "+aboutSpread),
		keys: []string{"subscribers", "payload", "variant"},
		columns: []string{
			"messages/s", "deliveries/s", "x direct", "x floor", "CPU Redis", "CPU server", "x CPU",
		},
	}
}

// fanoutOne has everybody listen to one channel.
func fanoutOne(l *lab) (*table, error) {
	t := newFanoutTable(fanoutTitle)
	for _, n := range l.subscribers {
		l.progress("fan-out on one channel: %d subscribers", n)
		v, err := l.newVenue(l.redises, split(n, workersFor(n)), interest{channels: 1},
			append(slices.Clone(apps), hopWay, floorWay))
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
	t := newFanoutTable(fmt.Sprintf("Fan-out on %d channels, spread over the subscribers", spreadChannels),
		"Each channel has one listener, and messages go to all channels in turn. Of 16 KiB on each of them only one round",
		"is on its way at a time: two are more than redis-server lets wait for one connection.")
	for _, n := range l.subscribers {
		l.progress("fan-out on %d channels: %d subscribers", spreadChannels, n)
		v, err := l.newVenue(l.redises[:1], split(n, workersFor(n)), interest{channels: spreadChannels, step: n}, apps,
			"--limits.queue=32MiB") // for one subscriber of all channels
		if err != nil {
			return nil, err
		}
		for _, bytes := range l.payloads {
			if err := v.compare(t, n, 1, bytes, spreadRound(n, frameSize(bytes))); err != nil {
				v.close()
				return nil, err
			}
		}
		v.close()
	}
	return t, nil
}

// spreadRound is how many messages of a size a round has on each channel.
func spreadRound(subscribers, frameSize int) int {
	const most = 4                                               // messages
	channels := (spreadChannels + subscribers - 1) / subscribers // of one subscriber
	return max(1, min(most, maxRound/(spreadChannels*frameSize), maxInFlight/window/(channels*frameSize)))
}

// maxRound is the largest round, in bytes, of which two may be on their way to the relay. redis-server lets 32 MB
// wait for one connection.
const maxRound = 8 << 20

// compare lets the variants take turns and adds a row for each. Each message is
// received by so many listeners.
func (v *venue) compare(t *table, subscribers, listeners, payloadSize, round int) error {
	rounds, err := v.floods(payloadSize, round)
	if err != nil {
		return fmt.Errorf("%d subscribers, %d B: %w", subscribers, payloadSize, err)
	}
	for _, x := range v.variants {
		mine, straight, floor := rounds[x], rounds[v.beside(x, direct)], rounds[v.beside(x, floorWay)]
		t.addOn(x.redis, []any{subscribers, size(float64(payloadSize)), x.name},
			x.figures(mine, straight, floor, float64(listeners))...)
	}
	return nil
}

// floods has the variants take turns with floods, and returns what each came to: a value per round.
func (v *venue) floods(payloadSize, round int) (map[*variant][]throughput, error) {
	all := map[*variant][]throughput{}
	err := v.turns(v.lab.rounds, func(x *variant, keep bool) error {
		r, err := v.flood(x, payloadSize, round, keep)
		if keep {
			all[x] = append(all[x], r)
		}
		return err
	})
	return all, err
}

// figures are the rounds of a variant, beside those of direct and of the floor.
func (x *variant) figures(mine, straight, floor []throughput, listeners float64) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
	cells := []figure{
		each(func(i int) float64 { return mine[i].messages }, count).plain(),
		each(func(i int) float64 { return mine[i].messages * listeners }, count).plain(),
		each(func(i int) float64 { return mine[i].messages / straight[i].messages }, ratio),
		{},
		{},
		{},
		{},
	}
	if floor != nil {
		cells[3] = each(func(i int) float64 { return mine[i].messages / floor[i].messages }, ratio)
	}
	if x.door != atFloor {
		cells[4] = each(func(i int) float64 { return mine[i].redis / listeners }, perMillion).plain()
	}
	if x.door != atRedis {
		cells[5] = each(func(i int) float64 { return mine[i].server / listeners }, perMillion).plain()
		cells[6] = each(func(i int) float64 { return mine[i].server / straight[i].redis }, ratio)
	}
	return cells
}
