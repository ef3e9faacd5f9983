//go:build linux

// The ways from a publisher to subscribers, and the venues where they compete.

package main

import (
	"fmt"
	"slices"
	"time"
)

// door is what subscribers connect to.
type door int

const (
	atRedis door = iota
	atRelay
	atHop
	atFloor
	atNATS       // of the relay
	atNATSServer // a bare one
	atFeatures   // a relay that has all features, on routes of their own
	atPrefixed   // a relay with redis.prefix
)

// way is one way of a message: a row of most tables. Ways with one door share
// their subscribers.
type way struct {
	name   string
	prefix string // of its channels
	door   door
}

var (
	direct    = way{"direct", prefixDirect, atRedis}
	unrouted  = way{"relay", prefixBare, atRelay}
	validated = way{"validated", prefixChat, atRelay}
	kept      = way{"kept", prefixKept, atRelay}
	hopWay    = way{"hop", prefixHop, atHop}
	floorWay  = way{"floor", prefixHop, atFloor}
)

// apps are the ways that an app can choose from.
var apps = []way{direct, unrouted, validated}

// stage is a door to one Redis that is open, and who has come in.
type stage struct {
	redis  *redisServer
	socket string
	crowd  *crowd
	server *process // what does the fan-out
	source *worker  // who sends: the publisher, or the floor
	relay  *relay   // nil: there is none
}

// variant is a way that is open.
type variant struct {
	way
	*stage
}

// venue is a set of variants, each way to each Redis, with crowds of one size. They differ in nothing
// else, and take turns.
type venue struct {
	lab      *lab
	sizes    []int // of the processes of a crowd
	interest interest
	flags    []string // of the relay
	variants []*variant
	stops    []func()
}

// newVenue connects a crowd to each door of the ways. The flags are for the relay.
func (l *lab) newVenue(redises []*redisServer, sizes []int, in interest, ways []way, flags ...string) (*venue, error) {
	v := &venue{lab: l, sizes: sizes, interest: in, flags: flags}
	for _, redis := range redises {
		if err := v.open(redis, ways); err != nil {
			v.close()
			return nil, fmt.Errorf("redis-server %s: %w", redis.version, err)
		}
	}
	return v, nil
}

func (v *venue) open(redis *redisServer, ways []way) error {
	publisher, err := v.worker(setup{Role: rolePublisher, Connect: redis.socket})
	if err != nil {
		return err
	}
	prefixes := map[door][]string{}
	for _, w := range ways {
		prefixes[w.door] = append(prefixes[w.door], w.prefix)
	}
	stages := map[door]*stage{}
	for _, w := range ways {
		if stages[w.door] == nil {
			s := &stage{redis: redis, source: publisher}
			if err := v.build(s, w.door, prefixes[w.door]); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			stages[w.door] = s
		}
		v.variants = append(v.variants, &variant{w, stages[w.door]})
	}
	return nil
}

// beside returns the variant of another way to the same Redis; nil if the venue has none.
func (v *venue) beside(x *variant, w way) *variant {
	for _, other := range v.variants {
		if other.redis == x.redis && other.way == w {
			return other
		}
	}
	return nil
}

// build opens the door of a stage.
func (v *venue) build(s *stage, d door, prefixes []string) error {
	switch d {
	case atRelay, atFeatures, atPrefixed:
		return v.buildRelay(s, prefixes, v.lab.flagsOf(d)...)
	case atHop:
		return v.buildBaseline(s, setup{Role: roleHop, Connect: s.redis.socket, Channel: channel(prefixes[0], 0)})
	case atFloor:
		return v.buildBaseline(s, setup{Role: roleFloor})
	case atNATS:
		return v.buildNATS(s, prefixes)
	case atNATSServer:
		return v.buildNATSServer(s, prefixes)
	}
	s.socket, s.server = s.redis.socket, s.redis.process
	return v.gather(s, prefixes...)
}

func (v *venue) buildRelay(s *stage, prefixes []string, flags ...string) (err error) {
	if s.relay, err = v.lab.readyRelay(s.redis, slices.Concat(v.flags, flags)...); err != nil {
		return err
	}
	v.stops = append(v.stops, s.relay.stop)
	s.socket, s.server = s.relay.socket, s.relay.process
	if err := v.gather(s, prefixes...); err != nil {
		return err
	}
	// A relay that lets this one pass is found out: nobody expects it.
	_, err = ask(s.redis.socket, "PUBLISH", channel(prefixChat, 0), invalidMessage)
	return err
}

// buildBaseline starts a worker that listens itself, and its crowd, which need not
// subscribe.
func (v *venue) buildBaseline(s *stage, how setup) error {
	s.socket = v.lab.path()
	how.Listen = s.socket
	w, err := v.worker(how)
	if err != nil {
		return err
	}
	s.server = w.process
	if how.Role == roleFloor {
		s.source = w
	}
	if err := v.gather(s); err != nil {
		return err
	}
	total := 0
	for _, n := range v.sizes {
		total += n
	}
	_, err = w.order(order{Accept: total})
	return err
}

func (v *venue) worker(s setup) (*worker, error) {
	w, err := v.lab.worker(s)
	if err == nil {
		v.stops = append(v.stops, w.stop)
	}
	return w, err
}

// gather connects the crowd of a stage.
func (v *venue) gather(s *stage, prefixes ...string) (err error) {
	s.crowd, err = v.lab.newCrowd(s.socket, v.sizes, v.interest, prefixes...)
	v.stops = append(v.stops, s.crowd.stop)
	return err
}

// close ends everything, the relay last: nobody is to see it go.
func (v *venue) close() {
	for i := len(v.stops); i > 0; i-- {
		v.stops[i-1]()
	}
}

// turns measures each variant once a round. There is one round more, the first,
// whose result is not to be kept: it warms up.
func (v *venue) turns(rounds int, measure func(x *variant, keep bool) error) error {
	for round := range rounds + 1 {
		for _, x := range v.variants {
			if err := measure(x, round > 0); err != nil {
				return fmt.Errorf("%s, redis-server %s: %w", x.name, x.redis.version, err)
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

// flood sends as much as the crowd takes. When the round is not kept, each message
// is looked at; else they are counted, in bytes.
func (v *venue) flood(x *variant, payloadSize, round int, keep bool) (throughput, error) {
	one := x.frame(payloadSize)
	e := expectation{Frame: len(one), Round: round, Share: x.crowd.share}
	if !keep {
		e.StampAt = stampAt(one)
	}
	if err := x.crowd.expect(e); err != nil {
		return throughput{}, err
	}
	before, err := spent(x.redis.process, x.server)
	if err != nil {
		return throughput{}, err
	}
	done, err := x.source.order(order{Flood: &flood{
		Prefix: x.prefix, Channels: v.interest.channels, Round: round,
		Payload: payloadSize, Workers: len(x.crowd.awake()), For: v.lab.burst,
		Alone: v.interest.channels*round*len(one) > maxRound,
	}})
	if err != nil {
		return throughput{}, x.crowd.why(err)
	}
	after, err := spent(x.redis.process, x.server)
	if err != nil {
		return throughput{}, err
	}
	messages := float64(done.Count)
	return throughput{
		messages: messages / done.Elapsed.Seconds(),
		redis:    float64(after[0]-before[0]) / messages,
		server:   float64(after[1]-before[1]) / messages,
	}, nil
}

// frame is what a subscriber receives of a message with a payload of so many bytes.
func (x *variant) frame(payloadSize int) []byte {
	name, body := channel(x.prefix, 0), payload(payloadSize)
	if x.door == atNATS || x.door == atNATSServer {
		return natsFrame(name, body)
	}
	return frame(name, body)
}

// frameSize is the length of a frame on any of the channels, in bytes.
func frameSize(payloadSize int) int {
	return len(frame(channel(prefixDirect, 0), payload(payloadSize)))
}

// pace sends messages by the clock and returns the crowd's latencies.
func (v *venue) pace(x *variant, rate int, length time.Duration) (*histogram, error) {
	messages := int(float64(rate) * length.Seconds())
	one := x.frame(smallPayload)
	e := expectation{Frame: len(one), Round: messages, Share: x.crowd.share, StampAt: stampAt(one), Timed: true}
	if err := x.crowd.expect(e); err != nil {
		return nil, err
	}
	if _, err := x.source.order(order{Pace: &pace{
		Prefix: x.prefix, Rate: rate, Messages: messages, Payload: smallPayload, Workers: len(x.crowd.awake()),
	}}); err != nil {
		return nil, x.crowd.why(err)
	}
	all := newHistogram()
	for _, w := range x.crowd.awake() {
		r, err := w.order(order{Report: true})
		if err != nil {
			return nil, err
		}
		all.merge(r.Latencies)
	}
	return all, nil
}
