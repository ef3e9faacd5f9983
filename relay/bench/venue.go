//go:build linux

// The ways from a publisher to subscribers, and the venues where they compete.

package main

import (
	"fmt"
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

// stage is a door that is open, and who has come in.
type stage struct {
	socket string
	crowd  *crowd
	server *process // what does the fan-out
	source *worker  // who sends: the publisher, or the floor
}

// variant is a way that is open.
type variant struct {
	way
	*stage
}

// venue is a set of variants with crowds of one size. They differ in nothing
// else, and take turns.
type venue struct {
	lab       *lab
	sizes     []int // of the processes of a crowd
	interest  interest
	flags     []string // of the relay
	publisher *worker
	variants  []*variant
	stops     []func()
}

// newVenue connects a crowd to each door of the ways. The flags are for the relay.
func (l *lab) newVenue(sizes []int, in interest, ways []way, flags ...string) (*venue, error) {
	v := &venue{lab: l, sizes: sizes, interest: in, flags: flags}
	if err := v.open(ways); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *venue) open(ways []way) (err error) {
	if v.publisher, err = v.worker(setup{Role: rolePublisher, Connect: v.lab.redisSocket}); err != nil {
		return err
	}
	prefixes := map[door][]string{}
	for _, w := range ways {
		prefixes[w.door] = append(prefixes[w.door], w.prefix)
	}
	stages := map[door]*stage{}
	for _, w := range ways {
		if stages[w.door] == nil {
			if stages[w.door], err = v.stage(w.door, prefixes[w.door]); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		v.variants = append(v.variants, &variant{w, stages[w.door]})
	}
	return nil
}

// stage opens a door.
func (v *venue) stage(d door, prefixes []string) (*stage, error) {
	switch d {
	case atRelay:
		return v.relayStage(prefixes)
	case atHop:
		return v.baseline(setup{Role: roleHop, Connect: v.lab.redisSocket, Channel: channel(prefixes[0], 0)})
	case atFloor:
		return v.baseline(setup{Role: roleFloor})
	case atNATS:
		return v.natsStage(prefixes)
	case atNATSServer:
		return v.natsServerStage(prefixes)
	}
	crowd, err := v.gather(v.lab.redisSocket, prefixes...)
	return &stage{v.lab.redisSocket, crowd, v.lab.redis, v.publisher}, err
}

func (v *venue) relayStage(prefixes []string) (*stage, error) {
	relay, err := v.lab.readyRelay(v.flags...)
	if err != nil {
		return nil, err
	}
	v.stops = append(v.stops, relay.stop)
	crowd, err := v.gather(relay.socket, prefixes...)
	if err != nil {
		return nil, err
	}
	// A relay that lets this one pass is found out: nobody expects it.
	_, err = ask(v.lab.redisSocket, "PUBLISH", channel(prefixChat, 0), invalidMessage)
	return &stage{relay.socket, crowd, relay.process, v.publisher}, err
}

// baseline starts a worker that listens itself, and its crowd, which need not
// subscribe.
func (v *venue) baseline(s setup) (*stage, error) {
	s.Listen = v.lab.path()
	w, err := v.worker(s)
	if err != nil {
		return nil, err
	}
	crowd, err := v.gather(s.Listen)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, n := range v.sizes {
		total += n
	}
	source := v.publisher
	if s.Role == roleFloor {
		source = w
	}
	_, err = w.order(order{Accept: total})
	return &stage{s.Listen, crowd, w.process, source}, err
}

func (v *venue) worker(s setup) (*worker, error) {
	w, err := v.lab.worker(s)
	if err == nil {
		v.stops = append(v.stops, w.stop)
	}
	return w, err
}

func (v *venue) gather(socket string, prefixes ...string) (*crowd, error) {
	c, err := v.lab.newCrowd(socket, v.sizes, v.interest, prefixes...)
	v.stops = append(v.stops, c.stop)
	return c, err
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
				return fmt.Errorf("%s: %w", x.name, err)
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
	before, err := spent(v.lab.redis, x.server)
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
	after, err := spent(v.lab.redis, x.server)
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
