//go:build linux

package trial

// What a run came to.

import (
	"context"
	"math"
	"time"

	"redis-relay/relay/bench/scale/model"
)

// Result is what a run came to, of all servers and of all relays together. CPU is in seconds a message.
type Result struct {
	Seconds     float64 // that the run took
	frame       int     // bytes of a message as a listener gets it
	Receivers   float64 // sum of the replies to PUBLISH, a message
	Egress      float64 // bytes to clients, a message, idle traffic included
	Bus         float64 // bytes between nodes, a message
	Connections float64
	RedisCPU    float64
	RelayCPU    float64
}

// reading is what all processes have done so far.
type reading struct {
	at                           time.Time
	egress, bus, redisCPU, relay float64
	clients                      float64
}

// read reads all processes. What the questions themselves cost is small: each server answers one.
func (sc *scene) read() (r reading, err error) {
	r.at = time.Now()
	for _, n := range sc.nodes {
		f, err := n.figures("total_net_output_bytes", "connected_clients")
		if err != nil {
			return r, err
		}
		written, err := n.written()
		if err != nil {
			return r, err
		}
		cpu, err := n.cpu()
		if err != nil {
			return r, err
		}
		r.egress += f[0]
		r.bus += written - f[0]
		r.clients += f[1] - 1 // who asks
		r.redisCPU += cpu
	}
	for _, one := range sc.relays {
		cpu, err := one.cpu()
		if err != nil {
			return r, err
		}
		r.relay += cpu
	}
	return r, nil
}

// run publishes once, and says what that cost.
func (sc *scene) run() (Result, error) {
	before, err := sc.read()
	if err != nil {
		return Result{}, err
	}
	for _, l := range sc.listeners {
		l.got.Store(0)
	}
	receivers, err := sc.publish()
	if err != nil {
		return Result{}, err
	}
	after, err := sc.read()
	if err != nil {
		return Result{}, err
	}
	own, err := sc.question()
	if err != nil {
		return Result{}, err
	}
	n := float64(sc.Messages)
	return Result{
		Seconds:     after.at.Sub(before.at).Seconds(),
		frame:       sc.length,
		Receivers:   receivers / n,
		Egress:      (after.egress - before.egress - own) / n,
		Bus:         (after.bus - before.bus) / n,
		Connections: after.clients - float64(len(sc.publishers())),
		RedisCPU:    (after.redisCPU - before.redisCPU) / n,
		RelayCPU:    (after.relay - before.relay) / n,
	}, nil
}

// idle says what a second costs while nothing is published.
func (sc *scene) idle(seconds int) (Result, error) {
	before, err := sc.read()
	if err != nil {
		return Result{}, err
	}
	select {
	case <-sc.ctx.Done():
		return Result{}, sc.ctx.Err()
	case <-time.After(time.Duration(seconds) * time.Second):
	}
	after, err := sc.read()
	if err != nil {
		return Result{}, err
	}
	own, err := sc.question()
	if err != nil {
		return Result{}, err
	}
	took := after.at.Sub(before.at).Seconds()
	return Result{
		Seconds:     took,
		Egress:      (after.egress - before.egress - own) / took,
		Bus:         (after.bus - before.bus) / took,
		Connections: after.clients - float64(len(sc.mouths)),
		RedisCPU:    (after.redisCPU - before.redisCPU) / took,
		RelayCPU:    (after.relay - before.relay) / took,
	}, nil
}

// rest is the memory of all servers, as they count it themselves, when it does not change any more: buffers of clients
// shrink for some seconds.
func (sc *scene) rest(pause time.Duration) (float64, error) {
	const (
		most   = 15  // pauses
		little = .01 // of it may still change
	)
	last := 0.0
	for range most {
		select {
		case <-sc.ctx.Done():
			return 0, sc.ctx.Err()
		case <-time.After(pause):
		}
		now := 0.0
		for _, n := range sc.nodes {
			f, err := n.figures("used_memory")
			if err != nil {
				return 0, err
			}
			now += f[0]
		}
		if math.Abs(now-last) < little*now {
			return now, nil
		}
		last = now
	}
	return last, nil
}

// publishers are the connections of this program at Redis that publish.
func (sc *scene) publishers() []*conn {
	if sc.Through {
		return nil
	}
	return sc.mouths
}

// question is how many bytes all servers answer when they are read once.
func (sc *scene) question() (bytes float64, err error) {
	for _, n := range sc.nodes {
		info, err := n.control.do("INFO", "everything")
		if err != nil {
			return 0, err
		}
		bytes += float64(len(info) + len("$0000\r\n\r\n"))
	}
	return bytes, nil
}

// Measure makes so many runs of a shape, behind one that warms up and is not kept.
func Measure(ctx context.Context, s Setting, shape Shape, rounds int) ([]Result, error) {
	sc, err := newScene(ctx, s, shape)
	if err != nil {
		return nil, err
	}
	defer sc.close()
	return sc.runs(rounds)
}

func (sc *scene) runs(rounds int) (all []Result, err error) {
	for i := range rounds + 1 {
		r, err := sc.run()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			all = append(all, r)
		}
	}
	return all, nil
}

// Predict is what the model says about a shape whose run took so many seconds.
func Predict(shape Shape, seconds float64) Result {
	d := shape.Deployment
	d.Name, d.Rate = channelName, float64(shape.Messages)/seconds
	l := model.Of(shape.Topology, d)
	servers, hosts := float64(l.Servers), float64(d.Hosts)
	perMessage := servers / d.Rate
	batch := float64(shape.Batch)
	connections := l.Server.Connections * servers
	if shape.Topology == model.Direct {
		connections /= 2 // the listeners of a trial do not publish
	}
	redis := model.Shared(l.Server.CPU, l.Server.LeastCPU, batch) * perMessage
	if shape.Topology == model.Direct { // the listeners of a trial share a process, and wake each other
		redis -= l.Server.Messages / d.Rate * (model.RedisWrite.Value - model.RedisAwakeWrite.Value) / batch
	}
	// In a trial one relay publishes all, or none does.
	published := model.Shared(model.RelayPublish.Value, model.RelayLeastPublish.Value, batch)
	relays := model.Shared(l.Host.CPU, l.Host.LeastCPU, batch)*hosts/d.Rate - published
	if shape.Through {
		relays += published
	}
	return Result{
		Seconds:     seconds,
		Receivers:   (l.Server.Messages - idleMessages(shape, l)) * perMessage,
		Egress:      l.Server.Egress * perMessage,
		Bus:         l.Server.Bus * perMessage,
		Connections: connections,
		RedisCPU:    redis,
		RelayCPU:    relays,
	}
}

// idleMessages is what relays send themselves, a server and second.
func idleMessages(shape Shape, l model.Load) float64 {
	d := shape.Deployment
	d.Rate = 0
	return model.Of(shape.Topology, d).Server.Messages
}
