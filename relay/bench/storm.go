//go:build linux

// A storm: what a client that subscribes to very many channels, and leaves them,
// costs a channel that delivers.

package main

import (
	"fmt"
	"slices"
	"time"
)

const stormRate = 1000 // messages/s on the channel that delivers

// weather is what one variant went through: a value per round.
type weather struct {
	calm, stormy []*histogram
	joined       []float64 // nanoseconds until all channels were confirmed
	left         []float64 // nanoseconds until all were left
}

// storm measures one subscriber's latencies while nobody else is there, and while
// another client comes and goes.
func storm(l *lab) ([]*table, error) {
	l.progress("a client that subscribes to %d channels", l.channels)
	t := &table{
		title: fmt.Sprintf("Latency while a client subscribes to %d channels", l.channels),
		notes: []string{
			fmt.Sprintf("Microseconds. One subscriber gets %d messages/s of %d B on another channel, while the client",
				stormRate, smallPayload),
			"subscribes, is confirmed, unsubscribes from all at once, is confirmed, and begins anew. p999 and worst are of",
			"all rounds together. " + aboutSpread,
		},
		keys:    []string{"variant", "meanwhile"},
		columns: append(slices.Clone(quantileColumns), "subscribed after", "left after"),
	}
	v, err := l.newVenue([]int{1}, interest{channels: 1}, apps)
	if err != nil {
		return nil, err
	}
	defer v.close()
	all := map[string]*weather{}
	for _, x := range v.variants {
		all[x.name] = &weather{}
	}
	err = v.turns(l.rounds, func(x *variant, keep bool) error {
		w := all[x.name]
		if !keep {
			w = &weather{}
		}
		return v.brave(x, w)
	})
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants {
		w := all[x.name]
		t.add([]any{x.name, "nothing"}, append(quantiles(w.calm), figure{}, figure{})...)
		t.add([]any{x.name, "a storm"}, append(quantiles(w.stormy), figureOf(w.joined, millis), figureOf(w.left, millis))...)
	}
	return []*table{t}, nil
}

// brave adds one round of a variant to its weather.
func (v *venue) brave(x *variant, w *weather) error {
	calm, err := v.pace(x, stormRate, v.lab.paced)
	if err != nil {
		return err
	}
	// The channel that delivers is number 0.
	names := interest{channels: v.lab.channels + 1}.of(0, []string{x.prefix})[1:]
	client, err := v.lab.worker(setup{Role: roleStorm, Connect: x.socket, Interest: [][]string{names}})
	if err != nil {
		return err
	}
	defer client.stop()
	if err := client.send(order{For: v.lab.paced}); err != nil {
		return err
	}
	stormy, err := v.pace(x, stormRate, v.lab.paced)
	if err != nil {
		return err
	}
	done, err := client.answer()
	if err != nil {
		return err
	}
	w.calm, w.stormy = append(w.calm, calm), append(w.stormy, stormy)
	w.joined = append(w.joined, float64(done.Joined)/float64(done.Count))
	w.left = append(w.left, float64(done.Elapsed-done.Joined)/float64(done.Count))
	return nil
}

// stormer is a connection that subscribes and leaves.
type stormer struct {
	fd       int
	channels []string
	buf      []byte
}

func newStormer(s setup) (*stormer, error) {
	fd, err := dial(s.Connect)
	return &stormer{fd, s.Interest[0], make([]byte, readSize)}, err
}

// serve comes and goes until the time is over, at least once.
func (s *stormer) serve(o order) (outcome, error) {
	done := outcome{}
	start := time.Now()
	for done.Elapsed < o.For {
		begun := time.Now()
		if err := subscribe(s.fd, s.channels, s.buf); err != nil {
			return done, err
		}
		done.Joined += time.Since(begun)
		if err := write(s.fd, command("UNSUBSCRIBE")); err != nil {
			return done, err
		}
		if err := lines(s.fd, confirmation*len(s.channels), s.buf); err != nil {
			return done, fmt.Errorf("unsubscribe: %w", err)
		}
		done.Count++
		done.Elapsed = time.Since(start)
	}
	return done, nil
}
