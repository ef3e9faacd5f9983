//go:build linux

// Two Redises behind one relay: what the routes of one notice while the other is killed, stopped and comes back.

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
)

const twoTitle = "Two Redises, one of them lost"

const (
	twoReaders = 16
	twoRate    = 1000 // messages/s: on the channel that is measured, and on one of the lost Redis
)

// twoRoutes are what the relay on two Redises has more than the others.
const twoRoutes = `
  - {prefix: "` + prefixMain + `", schema: chat.json, on_gap: notify}
  - {prefix: "` + prefixEU + `", schema: chat.json, on_gap: notify, upstream: eu}
`

// hurry has a relay give up main, or eu, when it says nothing within a part of a round.
var (
	hurryMain = []string{"--redis.publish_timeout=300ms", "--redis.probe_interval=200ms"}
	hurryEU   = ", publish_timeout: 300ms, probe_interval: 200ms"
)

// pair is a relay on two Redises, one of which is to be lost.
type pair struct {
	*venue
	x      *variant // on the Redis that lives
	relay  *relay
	lost   *redisServer
	load   *worker // publishes through the relay on a channel of the lost Redis
	loaded string  // that channel, which has a listener
}

// incident is something that happens to a Redis. The name says what it is from then on.
type incident struct {
	name string
	take func(p *pair) error
	back bool // the relay will be ready again
}

var incidents = []incident{
	{name: "killed", take: func(p *pair) error { p.lost.stop(); return nil }},
	{name: "started again", take: func(p *pair) error { return p.lab.runRedis(p.lost) }, back: true},
	{name: "stopped", take: func(p *pair) error { return p.lost.cmd.Process.Signal(syscall.SIGSTOP) }},
	{name: "continued", take: func(p *pair) error { return p.lost.cmd.Process.Signal(syscall.SIGCONT) }, back: true},
}

func twoRedises(l *lab) ([]*table, error) {
	t := &table{
		title: twoTitle,
		notes: []string{
			fmt.Sprintf("A relay on the Redises main and eu. %d readers of a channel of one get %d messages/s of %d B,",
				twoReaders, twoRate, smallPayload),
			fmt.Sprintf("while the other one is lost. All the time a process publishes %d messages/s for that, too, and one",
				twoRate),
			"listens to them. Latencies are those of the readers, in microseconds: while both live (quiet), and from when the",
			"other is killed by SIGKILL, started again, stopped by SIGSTOP, and continued. Here the relay gives that one up",
			"when it says nothing for 300 ms. Worst is of all rounds together. " + aboutSpread,
		},
		keys:    []string{"lost", "it is"},
		columns: slices.Clone(ordealColumns),
	}
	for _, lost := range []string{"main", "eu"} {
		l.progress("two Redises: %s is lost", lost)
		if err := l.lose(t, lost); err != nil {
			return nil, fmt.Errorf("%s is lost: %w", lost, err)
		}
	}
	return []*table{t}, nil
}

// lose measures the loss of one Redis.
func (l *lab) lose(t *table, lost string) error {
	p := &pair{venue: &venue{
		lab: l, sizes: split(twoReaders, workersFor(twoReaders)), interest: interest{channels: 1},
	}}
	defer p.close()
	if err := p.set(lost); err != nil {
		return err
	}
	all := make([]ordeal, len(incidents))
	for round := range l.rounds + 1 { // the first warms up
		if err := p.round(all, round > 0); err != nil {
			return err
		}
	}
	for i := range incidents {
		t.addOn(p.x.redis, []any{lost, incidents[i].name}, all[i].latencies()...)
	}
	return nil
}

// set starts everything.
func (p *pair) set(lost string) error {
	main, err := p.start()
	if err != nil {
		return err
	}
	eu, err := p.start()
	if err != nil {
		return err
	}
	if err := p.startRelay(main, eu, lost); err != nil {
		return err
	}
	lives, w := main, way{"main", prefixMain, atRelay}
	p.lost, p.loaded = eu, channel(prefixEU, 0)
	if lost == "main" {
		lives, w = eu, way{"eu", prefixEU, atRelay}
		p.lost, p.loaded = main, channel(prefixMain, 0)
	}
	return p.fill(lives, w)
}

// start starts a Redis that may be lost.
func (p *pair) start() (*redisServer, error) {
	r, err := p.lab.newRedis(p.lab.first().binary)
	if err != nil {
		return nil, err
	}
	r.version = p.lab.first().version
	p.stops = append(p.stops, func() { r.stop() }) // the process that it has by then
	return r, nil
}

func (p *pair) startRelay(main, eu *redisServer, lost string) (err error) {
	config := filepath.Join(p.lab.dir, "two.yaml")
	flags, more := []string{"--config=" + config}, hurryEU
	if lost == "main" {
		flags, more = append(flags, hurryMain...), ""
	}
	upstream := "eu: {url: 'unix://" + eu.socket + "', required: true" + more + "}"
	if err := p.lab.writeUpstream(config, upstream, twoRoutes); err != nil {
		return err
	}
	if p.relay, err = p.lab.readyRelay(main, flags...); err != nil {
		return err
	}
	p.stops = append(p.stops, p.relay.stop)
	return nil
}

// fill connects the readers, and who uses the Redis that is to be lost.
func (p *pair) fill(lives *redisServer, w way) error {
	s := &stage{redis: lives, socket: p.relay.socket, server: p.relay.process, relay: p.relay}
	p.x = &variant{w, s}
	var err error
	if s.source, err = p.worker(setup{Role: rolePublisher, Connect: lives.socket}); err != nil {
		return err
	}
	if err := p.gather(s, w.prefix); err != nil {
		return err
	}
	if _, err := p.worker(listening(p.relay.socket, p.loaded)); err != nil {
		return err
	}
	p.load, err = p.worker(setup{Role: rolePublisher, Connect: p.relay.socket})
	return err
}

// round causes all incidents, and adds what the readers noticed to what they went through at each.
func (p *pair) round(all []ordeal, keep bool) error {
	quiet, err := p.measure()
	if err != nil {
		return err
	}
	for i, s := range incidents {
		if err := s.take(p); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		during, err := p.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.back {
			if err := poll(p.lab.ctx, p.relay.ready); err != nil {
				return fmt.Errorf("%s: the relay is not ready again: %w", s.name, err)
			}
		}
		if keep {
			all[i].quiet, all[i].during = append(all[i].quiet, quiet), append(all[i].during, during)
		}
	}
	return nil
}

// measure is one measurement of the readers, while somebody publishes for the other Redis.
func (p *pair) measure() (*histogram, error) {
	err := p.load.send(order{For: p.lab.paced, Stream: &stream{Channel: p.loaded, Rate: twoRate, Payload: smallPayload}})
	if err != nil {
		return nil, err
	}
	h, err := p.pace(p.x, twoRate, p.lab.paced)
	if err != nil {
		return nil, err
	}
	_, err = p.load.answer()
	return h, err
}
