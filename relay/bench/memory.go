//go:build linux

// Memory, size, and the time until ready.

package main

import (
	"fmt"
	"os"
	"time"
)

const memoryTitle = "Memory, size and start"

func memory(l *lab) ([]*table, error) {
	t := &table{
		title: memoryTitle,
		notes: []string{
			"Resident sets, " + l.settle.String() + " after the last subscription was confirmed. Idle subscribers all",
			"listen to one channel. Times to start are the median (least..most).",
		},
		keys:    []string{"what"},
		columns: []string{"relay", "redis-server, direct"},
	}
	for _, add := range []func(*lab, *table) error{weighIdle, weighSubscribers, weighChannels, timeStarts} {
		if err := add(l, t); err != nil {
			return nil, err
		}
	}
	return []*table{t}, nil
}

func weighIdle(l *lab, t *table) error {
	binary, err := os.Stat(l.relayBinary)
	if err != nil {
		return err
	}
	t.add([]any{"binary"}, weighed(int(binary.Size())), figure{})
	relay, err := l.readyRelay(l.first())
	if err != nil {
		return err
	}
	defer relay.stop()
	mine, err := l.weigh(relay.process)
	if err != nil {
		return err
	}
	other, err := l.newRedis(l.first().binary)
	if err != nil {
		return err
	}
	defer other.stop()
	redis, err := l.weigh(other.process)
	if err != nil {
		return err
	}
	t.addOn(l.first(), []any{"idle"}, weighed(mine), weighed(redis))
	return nil
}

// weigh lets a process come to rest.
func (l *lab) weigh(p *process) (int, error) {
	select {
	case <-l.ctx.Done():
		return 0, l.ctx.Err()
	case <-time.After(l.settle):
	}
	return p.memory()
}

// growth is what a crowd added to a process.
type growth struct {
	before, after int // bytes
	took          time.Duration
}

func (g growth) each(n int) figure { return weighed((g.after - g.before) / n) }

// weighed is a size that was measured once.
func weighed(n int) figure { return exactly(float64(n), size) }

// grow connects a crowd to a server, weighs it, and lets the crowd go.
func (l *lab) grow(p *process, socket string, sizes []int, in interest) (g growth, err error) {
	if g.before, err = l.weigh(p); err != nil {
		return g, err
	}
	start := time.Now()
	c, err := l.newCrowd(socket, sizes, in, prefixBare)
	if err != nil {
		return g, err
	}
	defer c.stop()
	g.took = time.Since(start)
	g.after, err = l.weigh(p)
	return g, err
}

// growBoth does it to a new relay and to a new redis-server.
func (l *lab) growBoth(sizes []int, in interest) (mine, redis growth, err error) {
	relay, err := l.readyRelay(l.first())
	if err != nil {
		return mine, redis, err
	}
	defer relay.stop()
	if mine, err = l.grow(relay.process, relay.socket, sizes, in); err != nil {
		return mine, redis, err
	}
	other, err := l.newRedis(l.first().binary)
	if err != nil {
		return mine, redis, err
	}
	defer other.stop()
	redis, err = l.grow(other.process, other.socket, sizes, in)
	return mine, redis, err
}

func weighSubscribers(l *lab, t *table) error {
	const atMost = 5000 // connections of one process, which has a limit of descriptors
	for _, n := range l.idle {
		l.progress("memory: %d idle subscribers", n)
		mine, redis, err := l.growBoth(split(n, (n+atMost-1)/atMost), interest{channels: 1})
		if err != nil {
			return err
		}
		crowd := fmt.Sprintf("%d idle subscribers", n)
		t.addOn(l.first(), []any{crowd}, weighed(mine.after), weighed(redis.after))
		t.addOn(l.first(), []any{crowd + ", each"}, mine.each(n), redis.each(n))
	}
	return nil
}

func weighChannels(l *lab, t *table) error {
	const connections = 10
	l.progress("memory: %d channels", l.channels)
	mine, redis, err := l.growBoth([]int{connections}, interest{channels: l.channels, step: connections})
	if err != nil {
		return err
	}
	names := fmt.Sprintf("%d channels", l.channels)
	all := fmt.Sprintf("%s of %d connections", names, connections)
	t.addOn(l.first(), []any{all}, weighed(mine.after), weighed(redis.after))
	t.addOn(l.first(), []any{names + ", each"}, mine.each(l.channels), redis.each(l.channels))
	t.addOn(l.first(), []any{names + ", until confirmed"},
		exactly(float64(mine.took), millis), exactly(float64(redis.took), millis))
	return nil
}

// timeStarts measures from the start of the process to the first PONG, and to
// readiness.
func timeStarts(l *lab, t *table) error {
	var pong, ready, redis []float64
	l.progress("time to start: %d times", l.starts)
	for range l.starts {
		p, r, err := l.timeRelay()
		if err != nil {
			return err
		}
		start := time.Now()
		other, err := l.newRedis(l.first().binary)
		if err != nil {
			return err
		}
		pong, ready, redis = append(pong, p), append(ready, r), append(redis, float64(time.Since(start)))
		other.stop()
	}
	t.addOn(l.first(), []any{"start to PONG"}, figureOf(pong, millis), figureOf(redis, millis))
	t.addOn(l.first(), []any{"start to ready"}, figureOf(ready, millis), figure{})
	return nil
}

func (l *lab) timeRelay() (pong, ready float64, err error) {
	start := time.Now()
	relay, err := l.startRelay(l.first())
	if err != nil {
		return 0, 0, err
	}
	defer relay.stop()
	if err := poll(l.ctx, func() error { return ping(relay.socket) }); err != nil {
		return 0, 0, err
	}
	pong = float64(time.Since(start))
	err = poll(l.ctx, relay.ready)
	return pong, float64(time.Since(start)), err
}
