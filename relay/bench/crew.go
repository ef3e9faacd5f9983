//go:build linux

// Crews: local processes that publish and wait for the replies.

package main

import (
	"fmt"
	"strings"
	"time"
)

// crew is a number of publishing processes on one way to one Redis.
type crew struct {
	way
	redis   *redisServer
	socket  string
	server  *process // what answers them: redis-server or the relay
	clients []*worker
}

// shift is what a crew did in one round.
type shift struct {
	publishes float64    // per second
	redis     float64    // CPU nanoseconds per publish
	server    float64    // the same, of the relay
	latencies *histogram // from request to reply, of one publish or of those that are sent at once
}

// contest is a set of crews: each way to each Redis.
type contest struct {
	lab   *lab
	crews []*crew
	stops []func()
}

// newContest hires crews of so many processes. Each process sends so many publishes of 124 B at once, to channel 1 of
// its way.
func (l *lab) newContest(ways []way, processes, pipeline int) (*contest, error) {
	c := &contest{lab: l}
	for _, redis := range l.redises {
		if err := c.enter(redis, ways, processes, pipeline); err != nil {
			c.close()
			return nil, fmt.Errorf("redis-server %s: %w", redis.version, err)
		}
	}
	return c, nil
}

// enter hires the crews of one Redis. Those that publish through a relay share it.
func (c *contest) enter(redis *redisServer, ways []way, processes, pipeline int) error {
	relay, err := c.lab.readyRelay(redis)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, relay.stop)
	if err := checked(relay); err != nil {
		return err
	}
	for _, w := range ways {
		crew := &crew{way: w, redis: redis, socket: redis.socket, server: redis.process}
		if w.door == atRelay {
			crew.socket, crew.server = relay.socket, relay.process
		}
		c.crews = append(c.crews, crew)
		for range processes {
			client, err := c.worker(publishing(crew.socket, channel(w.prefix, 1), payload(smallPayload), pipeline))
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			crew.clients = append(crew.clients, client)
		}
	}
	return nil
}

// publishing is a client that publishes one message again and again, so many at once.
func publishing(socket, channel string, message []byte, pipeline int) setup {
	return setup{
		Role: roleClient, Connect: socket, Parallel: pipeline, Command: command("PUBLISH", channel, string(message)),
	}
}

// checked makes sure that the relay validates.
func checked(r *relay) error {
	reply, err := ask(r.socket, "PUBLISH", channel(prefixChat, 0), invalidMessage)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(reply, "-INVALID") {
		return fmt.Errorf("the relay does not validate: an invalid message was answered with %q", reply)
	}
	return nil
}

// worker starts a worker that ends with the contest.
func (c *contest) worker(s setup) (*worker, error) {
	w, err := c.lab.worker(s)
	if err == nil {
		c.stops = append(c.stops, w.stop)
	}
	return w, err
}

// close ends everything, the relays last.
func (c *contest) close() {
	for i := len(c.stops); i > 0; i-- {
		c.stops[i-1]()
	}
}

// turns has each crew work once a round. There is one round more, the first, whose result is not to be kept: it
// warms up.
func (c *contest) turns(measure func(crew *crew, keep bool) error) error {
	for round := range c.lab.rounds + 1 {
		for _, crew := range c.crews {
			if err := measure(crew, round > 0); err != nil {
				return fmt.Errorf("%s, redis-server %s: %w", crew.name, crew.redis.version, err)
			}
		}
	}
	return nil
}

// shifts has each crew work for a burst a round, and returns what each did: a value per round.
func (c *contest) shifts() (map[*crew][]shift, error) {
	all := map[*crew][]shift{}
	err := c.turns(func(crew *crew, keep bool) error {
		s, err := crew.work(c.lab.burst)
		if keep {
			all[crew] = append(all[crew], s)
		}
		return err
	})
	return all, err
}

// beside returns the crew of another way to the same Redis.
func (c *contest) beside(mine *crew, w way) *crew {
	for _, other := range c.crews {
		if other.redis == mine.redis && other.way == w {
			return other
		}
	}
	return nil
}

// work lets all of a crew publish at the same time.
func (c *crew) work(length time.Duration) (shift, error) {
	before, err := spent(c.redis.process, c.server)
	if err != nil {
		return shift{}, err
	}
	for _, w := range c.clients {
		if err := w.send(order{For: length}); err != nil {
			return shift{}, err
		}
	}
	s, total := shift{latencies: newHistogram()}, 0.0
	for _, w := range c.clients {
		done, err := w.answer()
		if err != nil {
			return shift{}, err
		}
		s.publishes += float64(done.Count) / done.Elapsed.Seconds()
		total += float64(done.Count)
		s.latencies.merge(done.Latencies)
	}
	after, err := spent(c.redis.process, c.server)
	if err != nil {
		return shift{}, err
	}
	s.redis = float64(after[0]-before[0]) / total
	s.server = float64(after[1]-before[1]) / total
	return s, nil
}
