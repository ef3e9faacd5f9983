//go:build linux

package trial

// A scene: servers, relays and listeners, as a deployment says.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"redis-relay/relay/bench/scale/model"
)

// Shape is what one run is like. Of its deployment the rates are what the run came to.
type Shape struct {
	model.Topology
	model.Deployment
	Batch    int  // messages that are published at once
	Messages int  // that are published
	Through  bool // the messages are published through the first relay, else at Redis
}

// scene is a shape that stands.
type scene struct {
	*world
	Shape
	text      string // the payload
	length    int    // of a message as a listener gets it, in bytes
	nodes     []*server
	relays    []*relay
	mouths    []*conn     // publishers
	listeners []*listener // all processes of a host after those of the one before
	hears     [][]int     // the channels of each listener
}

// channel is the name of a channel, of 11 bytes, on the route with chat.json.
func channel(i int) string { return fmt.Sprintf("chat:%06d", i) }

const channelName = 11 // bytes

const (
	payloadHead = `{"type":"message","id":"1","roomId":"42","userId":"ann","timestamp":1767225600000,"message":"`
	payloadTail = `"}`
)

// payload is a message of n bytes that chat.json accepts; at least 96.
func payload(n int) string {
	return payloadHead + strings.Repeat("x", max(1, n-len(payloadHead)-len(payloadTail))) + payloadTail
}

// newScene starts all that a shape has; close ends it.
func newScene(ctx context.Context, s Setting, shape Shape) (*scene, error) {
	w, err := newWorld(ctx, s)
	if err != nil {
		return nil, err
	}
	shape.Name = channelName
	sc := &scene{world: w, Shape: shape, text: payload(int(shape.Size))}
	sc.length = len(command(nil, "message", channel(0), sc.text))
	if err := sc.open(); err != nil {
		sc.close()
		return nil, err
	}
	return sc, nil
}

func (sc *scene) close() {
	for _, l := range sc.listeners {
		_ = l.Close()
	}
	sc.world.close()
}

func (sc *scene) open() (err error) {
	clustered := sc.Topology == model.Cluster
	if clustered {
		sc.nodes, err = sc.cluster(sc.Nodes)
	} else {
		sc.nodes = make([]*server, 1)
		sc.nodes[0], err = sc.redis()
	}
	if err != nil {
		return err
	}
	if sc.Topology != model.Direct {
		if sc.relays, err = sc.world.relays(sc.Hosts, sc.nodes, clustered); err != nil {
			return err
		}
	}
	if err := sc.join(); err != nil || !clustered || len(sc.relays) == 0 {
		return err
	}
	return sc.connected()
}

// connected waits until no more connections come: a relay connects to the other nodes of a cluster when it first asks
// them.
func (sc *scene) connected() error {
	const (
		pause  = time.Second
		enough = 3  // pauses without a new connection
		most   = 30 // pauses
	)
	last, still := 0.0, 0
	for range most {
		now := 0.0
		for _, n := range sc.nodes {
			f, err := n.figures("connected_clients")
			if err != nil {
				return err
			}
			now += f[0]
		}
		if still++; now != last {
			last, still = now, 0
		}
		if still == enough {
			break
		}
		select {
		case <-sc.ctx.Done():
			return sc.ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}

// join connects the listeners and the publishers.
func (sc *scene) join() error {
	draw := rand.New(rand.NewPCG(1, uint64(sc.Hosts)))
	for i := range sc.Hosts * sc.Processes {
		mine := sc.interest(draw)
		names := make([]string, len(mine))
		for j, c := range mine {
			names[j] = channel(c)
		}
		network, address := "tcp", sc.nodes[0].addr
		if len(sc.relays) > 0 {
			network, address = "unix", sc.relays[i/sc.Processes].socket
		}
		l, err := listen(network, address, names)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		sc.listeners, sc.hears = append(sc.listeners, l), append(sc.hears, mine)
	}
	if sc.Through {
		c, err := dial("unix", sc.relays[0].socket)
		sc.mouths = []*conn{c}
		return err
	}
	for _, n := range sc.nodes {
		c, err := dial("tcp", n.addr)
		if err != nil {
			return err
		}
		if _, err := c.do("PING"); err != nil { // accepted
			return err
		}
		sc.mouths = append(sc.mouths, c)
	}
	return nil
}

// interest draws the channels of one process.
func (sc *scene) interest(draw *rand.Rand) []int {
	all := draw.Perm(int(sc.Channels))
	if sc.Subscriptions == 0 {
		return all
	}
	return all[:int(sc.Subscriptions)]
}

// publish publishes all messages, on each channel in turn, and returns the sum of the replies to them. Those that are
// sent at once follow when all listeners have the ones before: so no more than these ever share a read or a write.
func (sc *scene) publish() (receivers float64, err error) {
	sent := make([]int, int(sc.Channels))
	for n := 0; n < sc.Messages; n += sc.Batch {
		got, err := sc.send(n, min(sc.Batch, sc.Messages-n), sent)
		if err != nil {
			return 0, err
		}
		receivers += got
		if err := sc.caughtUp(sent); err != nil {
			return 0, err
		}
	}
	return receivers, nil
}

// send publishes messages n to n+count at once, and waits for the replies.
func (sc *scene) send(n, count int, sent []int) (receivers float64, err error) {
	mouth := sc.mouths[n/sc.Batch%len(sc.mouths)]
	var b []byte
	for i := n; i < n+count; i++ {
		c := i % len(sent)
		sent[c]++
		b = command(b, "PUBLISH", channel(c), sc.text)
	}
	if err := mouth.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	if _, err := mouth.Write(b); err != nil {
		return 0, err
	}
	for range count {
		answer, err := mouth.answer()
		if err != nil {
			return 0, fmt.Errorf("PUBLISH: %w", err)
		}
		var r float64
		if _, err := fmt.Sscan(answer, &r); err != nil {
			return 0, err
		}
		receivers += r
	}
	return receivers, nil
}

// caughtUp waits until each listener has all that was sent on its channels. One that has more, or lost its connection,
// is an error.
func (sc *scene) caughtUp(sent []int) error {
	const (
		pause = 50 * time.Microsecond
		limit = time.Minute
	)
	deadline := time.Now().Add(limit)
	for i, l := range sc.listeners {
		want := 0
		for _, c := range sc.hears[i] {
			want += sent[c] * sc.length
		}
		for got := int(l.got.Load()); got != want; got = int(l.got.Load()) {
			err, _ := l.failed.Load().(error)
			if err != nil || got > want || time.Now().After(deadline) || sc.ctx.Err() != nil {
				return errors.Join(sc.ctx.Err(), err, fmt.Errorf("listener %d has %d bytes of %d", i, got, want))
			}
			time.Sleep(pause)
		}
	}
	return nil
}
