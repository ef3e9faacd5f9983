//go:build linux

// Crowds of subscribers, and the variants that are compared on them.

package main

import "time"

// How subscribers share processes.
const (
	perWorker  = 64 // connections of one process
	minWorkers = 4
)

// spreadChannels is over how many channels messages are spread, where they are.
const spreadChannels = 1000

// crowd is a number of subscribers.
type crowd struct {
	workers []*worker
	share   int // each expects messages on 1/share of its channels
}

// workersFor is how many processes hold n subscribers.
func workersFor(n int) int { return max(min(n, minWorkers), (n+perWorker-1)/perWorker) }

// split deals n subscribers out to processes.
func split(n, workers int) []int {
	sizes := make([]int, workers)
	for i := range n {
		sizes[i%workers]++
	}
	return sizes
}

// newCrowd connects subscribers to a socket, in processes of the sizes given.
// interest gives the channels of each subscriber under a prefix; each listens to
// them under all prefixes.
func (l *lab) newCrowd(socket string, sizes []int, interest interest, prefixes ...string) (*crowd, error) {
	c := &crowd{share: len(prefixes)}
	first := 0
	for _, size := range sizes {
		s := setup{Role: roleSubscriber, Connect: socket, Index: len(c.workers)}
		for i := first; i < first+size; i++ {
			s.Interest = append(s.Interest, interest.of(i, prefixes))
		}
		w, err := l.worker(s)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.workers, first = append(c.workers, w), first+size
	}
	return c, nil
}

func (c *crowd) stop() {
	if c == nil {
		return
	}
	for _, w := range c.workers {
		w.stop()
	}
}

// interest says who listens to what: subscriber i to channels i, i+step, ...
// below channels. Step 0: everybody listens to all channels.
type interest struct{ channels, step int }

func (in interest) of(subscriber int, prefixes []string) (names []string) {
	first, step := subscriber, in.step
	if step == 0 {
		first, step = 0, 1
	}
	for _, p := range prefixes {
		for i := first; i < in.channels; i += step {
			names = append(names, channel(p, i))
		}
	}
	return names
}

// variant is one way from the publisher to a crowd.
type variant struct {
	name   string
	prefix string
	crowd  *crowd
	server *process // what does the fan-out, beside redis-server; nil: redis-server itself
	source *worker  // who sends: the publisher, or the floor
}

// venue is a set of variants with crowds of one size. They differ in nothing
// else, and take turns.
type venue struct {
	lab      *lab
	interest interest
	variants []*variant
	stops    []func()
}

// wants says which variants a venue has beside direct, relay and validated.
type wants struct{ hop, floor bool }

// newVenue connects crowds of n subscribers to redis-server, to a relay, and to
// what else is wanted.
func (l *lab) newVenue(sizes []int, in interest, also wants) (*venue, error) {
	v := &venue{lab: l, interest: in}
	if err := v.open(sizes, also); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *venue) open(sizes []int, also wants) error {
	publisher, err := v.worker(setup{Role: rolePublisher, Connect: v.lab.redisSocket})
	if err != nil {
		return err
	}
	direct, err := v.gather(v.lab.redisSocket, sizes, prefixDirect)
	if err != nil {
		return err
	}
	v.add(&variant{"direct", prefixDirect, direct, nil, publisher})
	relay, err := v.lab.readyRelay()
	if err != nil {
		return err
	}
	v.stops = append(v.stops, relay.stop)
	local, err := v.gather(relay.socket, sizes, prefixBare, prefixChat)
	if err != nil {
		return err
	}
	v.add(&variant{"relay", prefixBare, local, relay.process, publisher})
	v.add(&variant{"validated", prefixChat, local, relay.process, publisher})
	if also.hop {
		s := setup{Role: roleHop, Connect: v.lab.redisSocket, Channel: channel(prefixHop, 0)}
		hop, crowd, err := v.stage(s, sizes)
		if err != nil {
			return err
		}
		v.add(&variant{"hop", prefixHop, crowd, hop.process, publisher})
	}
	if also.floor {
		floor, crowd, err := v.stage(setup{Role: roleFloor}, sizes)
		if err != nil {
			return err
		}
		v.add(&variant{"floor", prefixHop, crowd, floor.process, floor})
	}
	return nil
}

func (v *venue) add(x *variant) { v.variants = append(v.variants, x) }

func (v *venue) worker(s setup) (*worker, error) {
	w, err := v.lab.worker(s)
	if err == nil {
		v.stops = append(v.stops, w.stop)
	}
	return w, err
}

func (v *venue) gather(socket string, sizes []int, prefixes ...string) (*crowd, error) {
	c, err := v.lab.newCrowd(socket, sizes, v.interest, prefixes...)
	v.stops = append(v.stops, c.stop)
	return c, err
}

// stage starts a worker that has listeners of its own, and its crowd, which need
// not subscribe.
func (v *venue) stage(s setup, sizes []int) (*worker, *crowd, error) {
	s.Listen = v.lab.path()
	w, err := v.worker(s)
	if err != nil {
		return nil, nil, err
	}
	crowd, err := v.gather(s.Listen, sizes)
	if err != nil {
		return nil, nil, err
	}
	total := 0
	for _, n := range sizes {
		total += n
	}
	_, err = w.order(order{Accept: total})
	return w, crowd, err
}

// close ends everything, the relay last: nobody is to see it go.
func (v *venue) close() {
	for i := len(v.stops); i > 0; i-- {
		v.stops[i-1]()
	}
}

// turns measures each variant once a round. What the first round brings is not to
// be kept: it warms up.
func (v *venue) turns(measure func(i int, x *variant, keep bool) error) error {
	for round := range v.lab.rounds + 1 {
		for i, x := range v.variants {
			if err := measure(i, x, round > 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// throughput is what one round of a flood came to.
type throughput struct {
	messages float64 // per second
	redis    float64 // CPU nanoseconds of redis-server per message
	server   float64 // CPU nanoseconds per message of what does the fan-out
}

// flood sends as much as the crowd's first n workers take.
func (v *venue) flood(x *variant, workers, payloadSize, round int, burst time.Duration) (throughput, error) {
	f := &flood{
		Prefix: x.prefix, Channels: v.interest.channels, Round: round,
		Payload: payloadSize, Workers: workers, For: burst,
	}
	if err := x.crowd.expect(expectation{Frame: frameSize(payloadSize), Round: round, Share: x.crowd.share}); err != nil {
		return throughput{}, err
	}
	server := x.server
	if server == nil {
		server = v.lab.redis
	}
	before, err := spent(v.lab.redis, server)
	if err != nil {
		return throughput{}, err
	}
	done, err := x.source.order(order{Flood: f})
	if err != nil {
		return throughput{}, err
	}
	after, err := spent(v.lab.redis, server)
	if err != nil {
		return throughput{}, err
	}
	n := float64(done.Count)
	return throughput{
		messages: n / done.Elapsed.Seconds(),
		redis:    float64(after[0]-before[0]) / n,
		server:   float64(after[1]-before[1]) / n,
	}, nil
}

// frameSize is the length of a frame on any of the channels, in bytes.
func frameSize(payloadSize int) int {
	return len(frame(channel(prefixDirect, 0), payload(payloadSize)))
}

// expect prepares all workers that still take orders.
func (c *crowd) expect(e expectation) error {
	for _, w := range c.workers {
		if w.stopped.Load() {
			continue
		}
		if _, err := w.order(order{Expect: &e}); err != nil {
			return err
		}
	}
	return nil
}

// spent is the processor time of some processes.
func spent(processes ...*process) ([]time.Duration, error) {
	all := make([]time.Duration, len(processes))
	for i, p := range processes {
		var err error
		if all[i], err = p.cpu(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// pace sends messages by the clock and returns the latencies of the crowd's
// first n workers.
func (v *venue) pace(x *variant, workers, rate int, length time.Duration) (*histogram, error) {
	const payloadSize = 124
	messages := int(float64(rate) * length.Seconds())
	one := frame(channel(x.prefix, 0), payload(payloadSize))
	e := expectation{Frame: len(one), Round: messages, Share: x.crowd.share, StampAt: stampAt(one)}
	if err := x.crowd.expect(e); err != nil {
		return nil, err
	}
	p := &pace{Prefix: x.prefix, Rate: rate, Messages: messages, Payload: payloadSize, Workers: workers}
	if _, err := x.source.order(order{Pace: p}); err != nil {
		return nil, err
	}
	all := newHistogram()
	for _, w := range x.crowd.workers[:workers] {
		r, err := w.order(order{Report: true})
		if err != nil {
			return nil, err
		}
		all.merge(r.Latencies)
	}
	return all, nil
}
