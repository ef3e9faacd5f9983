//go:build linux

// Publishing: local processes that wait for the reply to each PUBLISH.

package main

import (
	"fmt"
	"slices"
	"strings"
)

const publishTitle = "Publishing"

// crew is a number of publishing processes on one way to redis-server.
type crew struct {
	way
	server  *process // who answers them: redis-server or the relay
	clients []*worker
}

// shift is what a crew did in one round.
type shift struct {
	publishes float64 // per second
	redis     float64 // CPU nanoseconds per publish
	server    float64 // the same, of the relay
}

func publish(l *lab) ([]*table, error) {
	t := &table{
		title: publishTitle,
		notes: []string{
			"Processes that publish 124 B on a channel without listeners and wait for every reply; pipeline is how many",
			"they send at once. CPU is seconds per million publishes; x CPU Redis compares redis-server's with direct.",
			aboutSpread,
		},
		keys:    []string{"processes", "pipeline", "variant"},
		columns: []string{"publishes/s", "x direct", "CPU Redis", "x CPU Redis", "CPU relay"},
	}
	for _, n := range l.publishers {
		if err := publishShape(l, t, n, 1); err != nil {
			return nil, err
		}
	}
	const pipeline = 64
	return []*table{t}, publishShape(l, t, 1, pipeline)
}

func publishShape(l *lab, t *table, processes, pipeline int) error {
	l.progress("publishing: %d processes, pipeline %d", processes, pipeline)
	relay, err := l.readyRelay()
	if err != nil {
		return err
	}
	defer relay.stop()
	if err := checked(relay); err != nil {
		return err
	}
	var crews []*crew
	for _, w := range append(slices.Clone(apps), kept) {
		socket := l.redisSocket
		c := &crew{way: w, server: l.redis}
		if w.door == atRelay {
			socket, c.server = relay.socket, relay.process
		}
		defer c.stop()
		crews = append(crews, c)
		if err := c.hire(l, processes, setup{
			Role: roleClient, Connect: socket, Parallel: pipeline,
			Command: command("PUBLISH", channel(w.prefix, 0), string(payload(smallPayload))),
		}); err != nil {
			return err
		}
	}
	shifts := map[string][]shift{}
	for i := range l.rounds + 1 { // the first warms up
		for _, c := range crews {
			s, err := c.work(l)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i > 0 {
				shifts[c.name] = append(shifts[c.name], s)
			}
		}
	}
	for _, c := range crews {
		t.add([]any{processes, pipeline, c.name}, c.figures(shifts[c.name], shifts[direct.name])...)
	}
	return nil
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

func (c *crew) hire(l *lab, n int, s setup) error {
	for range n {
		w, err := l.worker(s)
		if err != nil {
			return err
		}
		c.clients = append(c.clients, w)
	}
	return nil
}

func (c *crew) stop() {
	for _, w := range c.clients {
		w.stop()
	}
}

// work lets all publish at the same time.
func (c *crew) work(l *lab) (shift, error) {
	before, err := spent(l.redis, c.server)
	if err != nil {
		return shift{}, err
	}
	for _, w := range c.clients {
		if err := w.send(order{For: l.burst}); err != nil {
			return shift{}, err
		}
	}
	s, total := shift{}, 0.0
	for _, w := range c.clients {
		done, err := w.answer()
		if err != nil {
			return shift{}, err
		}
		s.publishes += float64(done.Count) / done.Elapsed.Seconds()
		total += float64(done.Count)
	}
	after, err := spent(l.redis, c.server)
	if err != nil {
		return shift{}, err
	}
	s.redis = float64(after[0]-before[0]) / total
	s.server = float64(after[1]-before[1]) / total
	return s, nil
}

// figures are the rounds of a crew, beside those of direct.
func (c *crew) figures(mine, straight []shift) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
	server := figure{}
	if c.door == atRelay {
		server = each(func(i int) float64 { return mine[i].server }, perMillion).plain()
	}
	return []figure{
		each(func(i int) float64 { return mine[i].publishes }, count).plain(),
		each(func(i int) float64 { return mine[i].publishes / straight[i].publishes }, ratio),
		each(func(i int) float64 { return mine[i].redis }, perMillion).plain(),
		each(func(i int) float64 { return mine[i].redis / straight[i].redis }, ratio),
		server,
	}
}
