//go:build linux

// Publishing: local processes that wait for the reply to each PUBLISH.

package main

import "fmt"

// crew is a number of publishing processes on one way to redis-server.
type crew struct {
	name    string
	server  *process // the relay; nil: none
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
		title: "Publishing",
		notes: []string{
			"Processes that publish 124 B on a channel without listeners and wait for every reply; pipeline is how many",
			"they send at once. CPU is microseconds per publish.",
		},
		columns: []string{
			"processes", "pipeline", "variant", "publishes/s", "x direct", "CPU Redis", "x direct", "CPU relay",
		},
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
	ways := []struct {
		name, socket, prefix string
		server               *process
	}{
		{"direct", l.redisSocket, prefixDirect, nil},
		{"relay", relay.socket, prefixBare, relay.process},
		{"validated", relay.socket, prefixChat, relay.process},
	}
	var crews []*crew
	for _, w := range ways {
		c := &crew{name: w.name, server: w.server}
		defer c.stop()
		crews = append(crews, c)
		if err := c.hire(l, processes, setup{
			Role: roleClient, Connect: w.socket, Parallel: pipeline,
			Command: command("PUBLISH", channel(w.prefix, 0), string(payload(124))),
		}); err != nil {
			return err
		}
	}
	shifts := make([][]shift, len(crews))
	for i := range l.rounds + 1 { // the first warms up
		for k, c := range crews {
			s, err := c.work(l)
			if err != nil {
				return err
			}
			if i > 0 {
				shifts[k] = append(shifts[k], s)
			}
		}
	}
	for k, c := range crews {
		t.add(c.row(shifts[k], shifts[0], processes, pipeline)...)
	}
	return nil
}

// checked makes sure that the relay validates.
func checked(r *relay) error {
	reply, err := ask(r.socket, "PUBLISH", channel(prefixChat, 0), `{"type":1}`)
	if err != nil {
		return err
	}
	if len(reply) < 8 || reply[:8] != "-INVALID" {
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
	server := c.server
	if server == nil {
		server = l.redis
	}
	before, err := spent(l.redis, server)
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
	after, err := spent(l.redis, server)
	if err != nil {
		return shift{}, err
	}
	s.redis = float64(after[0]-before[0]) / total
	s.server = float64(after[1]-before[1]) / total
	return s, nil
}

func (c *crew) row(mine, direct []shift, processes, pipeline int) []string {
	each := func(f func(i int) float64) float64 { return middle(len(mine), f) }
	server := absent
	if c.server != nil {
		server = fmt.Sprintf("%.2f", each(func(i int) float64 { return mine[i].server })/1e3)
	}
	return []string{
		fmt.Sprint(processes), fmt.Sprint(pipeline), c.name,
		count(each(func(i int) float64 { return mine[i].publishes })),
		ratio(each(func(i int) float64 { return mine[i].publishes / direct[i].publishes })),
		fmt.Sprintf("%.2f", each(func(i int) float64 { return mine[i].redis })/1e3),
		ratio(each(func(i int) float64 { return mine[i].redis / direct[i].redis })),
		server,
	}
}
