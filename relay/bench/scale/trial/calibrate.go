//go:build linux

package trial

// The constants of the model, measured anew.

import (
	"context"
	"slices"
	"time"

	"redis-relay/relay/bench/scale/model"
)

// Constant is what a constant of the model came to here, by its name there: a value for each round, in order.
type Constant struct {
	Name   string
	Values []float64
}

// Median is the value in the middle.
func (c Constant) Median() float64 { return c.Values[len(c.Values)/2] }

// Scale is how much is measured.
type Scale struct {
	Rounds     int
	Deliveries int           // of one run, about
	Idle       int           // seconds for which nothing is published
	Pause      time.Duration // between two looks at what comes to rest
	Fleet      int           // relays that are idle
	Most       int           // relays of the largest run
	Masters    int           // of the largest cluster
}

// Full is what `make bench` measures, Quick its shape.
var (
	Full  = Scale{Rounds: 3, Deliveries: 30000, Idle: 10, Pause: 4 * time.Second, Fleet: 20, Most: 50, Masters: 6}
	Quick = Scale{Rounds: 1, Deliveries: 2000, Idle: 2, Pause: time.Second, Fleet: 3, Most: 3, Masters: 3}
)

// Sizes of payloads, and how many messages share a write, where the constants are measured.
const (
	small  = 200
	large  = 4096
	batch  = 64
	crowd  = 40 // listeners at Redis
	locals = 20 // at a relay
)

// calibration is a measuring of constants that is under way.
type calibration struct {
	Scale
	Setting
	ctx   context.Context
	found []Constant
}

// Calibrate measures the constants.
func Calibrate(ctx context.Context, s Setting, scale Scale) ([]Constant, error) {
	c := &calibration{Scale: scale, Setting: s, ctx: ctx}
	for _, part := range []func() error{c.redis, c.memory, c.relay, c.idle, c.bus} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return c.found, nil
}

// note keeps the values of a constant.
func (c *calibration) note(name string, values []float64) {
	values = slices.Clone(values)
	slices.Sort(values)
	c.found = append(c.found, Constant{name, values})
}

// runs measures a shape with so many listeners on one channel.
func (c *calibration) runs(t model.Topology, listeners, size, batch int, through bool) ([]Result, error) {
	c.Progress("constants: %v, %d listeners, %d B, %d at once", t, listeners, size, batch)
	return Measure(c.ctx, c.Setting, Shape{
		Topology:   t,
		Deployment: model.Deployment{Hosts: 1, Processes: listeners, Channels: 1, Size: float64(size)},
		Batch:      batch, Messages: c.messages(listeners), Through: through,
	}, c.Rounds)
}

// messages is how many a run has, in whole batches, for so many deliveries of each.
func (c *calibration) messages(receivers int) int {
	least, most := min(c.Deliveries, 500), 5000
	n := min(most, max(least, c.Deliveries/max(1, receivers)))
	return (n + batch - 1) / batch * batch
}

// line is what a message costs, by how many listeners there are: with none, and for each.
type line struct{ none, each []float64 }

// through is the line through two runs of each round, with few and with many listeners.
func through(few, many []Result, n, m int, of func(Result) float64) (l line) {
	for i := range few {
		each := (of(many[i]) - of(few[i])) / float64(m-n)
		l.each = append(l.each, each)
		l.none = append(l.none, of(few[i])-float64(n)*each)
	}
	return l
}

// costs are the CPU of one process, of messages that come alone and of batches.
type costs struct{ message, leastMessage, delivery, write, bytes []float64 }

// costs measures with 1 and with many listeners.
func (c *calibration) costs(t model.Topology, many int, of func(Result) float64) (found costs, err error) {
	var all [5][]Result
	for i, s := range []struct{ listeners, size, batch int }{
		{1, small, 1}, {many, small, 1}, {1, small, batch}, {many, small, batch}, {many, large, 1},
	} {
		if all[i], err = c.runs(t, s.listeners, s.size, s.batch, false); err != nil {
			return costs{}, err
		}
	}
	alone := through(all[0], all[1], 1, many, of)
	shared := through(all[2], all[3], 1, many, of)
	for i := range alone.each {
		perByte := (of(all[4][i]) - of(all[1][i])) / float64((many+1)*(large-small))
		moved := perByte * float64(all[0][i].frame)
		write := (alone.each[i] - shared.each[i]) * batch / (batch - 1) // alone: a write; shared: its share of one
		found.write = append(found.write, write)
		found.delivery = append(found.delivery, alone.each[i]-write-moved)
		found.message = append(found.message, alone.none[i]-moved)
		found.leastMessage = append(found.leastMessage, shared.none[i]-moved)
		found.bytes = append(found.bytes, perByte)
	}
	return found, nil
}

// redis measures what redis-server does for a message.
func (c *calibration) redis() error {
	f, err := c.costs(model.Direct, crowd, func(r Result) float64 { return r.RedisCPU })
	if err != nil {
		return err
	}
	c.note("RedisPublish", f.message)
	c.note("RedisLeastPublish", f.leastMessage)
	c.note("RedisDelivery", f.delivery)
	c.note("RedisAwakeWrite", f.write)
	c.note("RedisByte", f.bytes)
	return nil
}

// relay measures what a relay does for a message from Redis, and for one that is published through it.
func (c *calibration) relay() error {
	f, err := c.costs(model.Relays, locals, func(r Result) float64 { return r.RelayCPU })
	if err != nil {
		return err
	}
	c.note("RelayMessage", f.message)
	c.note("RelayLeastMessage", f.leastMessage)
	c.note("RelayWrite", f.write)
	c.note("RelayByte", f.bytes)
	if err := c.write(); err != nil {
		return err
	}
	for _, s := range []struct {
		name  string
		batch int
	}{{"RelayPublish", 1}, {"RelayLeastPublish", batch}} {
		theirs, err := c.runs(model.Relays, 1, small, s.batch, false)
		if err != nil {
			return err
		}
		mine, err := c.runs(model.Relays, 1, small, s.batch, true)
		if err != nil {
			return err
		}
		var more []float64
		for i := range mine {
			more = append(more, mine[i].RelayCPU-theirs[i].RelayCPU)
		}
		c.note(s.name, more)
	}
	return nil
}

// write measures what redis-server does to write to one relay more. The listeners at Redis share a process here, which
// is awake when the first of them is; relays do not.
func (c *calibration) write() error {
	var all [2][]Result
	hosts := []int{1, 10}
	for i, n := range hosts {
		c.Progress("constants: writes to %d relays", n)
		var err error
		if all[i], err = Measure(c.ctx, c.Setting, Shape{
			Topology: model.Relays, Deployment: model.Deployment{Hosts: n, Processes: 1, Channels: 1, Size: small},
			Batch: 1, Messages: c.messages(n),
		}, c.Rounds); err != nil {
			return err
		}
	}
	of := func(r Result) float64 { return r.RedisCPU }
	var values []float64
	for i, each := range through(all[0], all[1], hosts[0], hosts[1], of).each {
		values = append(values, each-c.of("RedisDelivery")-c.of("RedisByte")*float64(all[0][i].frame))
	}
	c.note("RedisWrite", values)
	return nil
}

// memory weighs redis-server with connections and names.
func (c *calibration) memory() error {
	const (
		connections = 200
		names       = 1000
		few         = 10 // connections that listen to all names
	)
	weigh := func(n, channels int) (float64, error) {
		c.Progress("constants: memory of %d connections and %d channels", n, channels)
		w, err := c.weigh(Shape{Topology: model.Direct, Deployment: model.Deployment{
			Hosts: 1, Processes: n, Channels: float64(channels), Size: small,
		}})
		return w, err
	}
	many, err := weigh(connections, 1)
	if err != nil {
		return err
	}
	one, err := weigh(1, names)
	if err != nil {
		return err
	}
	all, err := weigh(few, names)
	if err != nil {
		return err
	}
	connection := many / connections
	subscription := (all - one - (few-1)*connection) / ((few - 1) * names)
	c.note("RedisConnection", []float64{connection - subscription})
	c.note("RedisChannel", []float64{(one-connection)/names - subscription})
	c.note("RedisSubscription", []float64{subscription})
	return nil
}

// weigh is the memory that redis-server has taken for the clients of a shape, when it has come to rest.
func (c *calibration) weigh(shape Shape) (float64, error) {
	empty, err := newScene(c.ctx, c.Setting, Shape{Topology: model.Direct, Deployment: model.Deployment{Channels: 1}})
	if err != nil {
		return 0, err
	}
	defer empty.close()
	before, err := empty.rest(c.Pause)
	if err != nil {
		return 0, err
	}
	sc, err := newScene(c.ctx, c.Setting, shape)
	if err != nil {
		return 0, err
	}
	defer sc.close()
	after, err := sc.rest(c.Pause)
	if err != nil {
		return 0, err
	}
	return after - before, nil
}

// Weigh is the memory that redis-server has taken for the clients of a shape.
func Weigh(ctx context.Context, s Setting, shape Shape, pause time.Duration) (float64, error) {
	c := &calibration{Scale: Scale{Pause: pause}, Setting: s, ctx: ctx}
	return c.weigh(shape)
}

// idle measures relays while nothing is published.
func (c *calibration) idle() error {
	base, err := c.rates(model.Direct, 0)
	if err != nil {
		return err
	}
	weight, err := c.weigh(Shape{Topology: model.Relays, Deployment: model.Deployment{
		Hosts: c.Fleet, Channels: 1, Size: small,
	}})
	if err != nil {
		return err
	}
	r, err := c.rates(model.Relays, c.Fleet)
	if err != nil {
		return err
	}
	n := float64(c.Fleet)
	c.note("RelayConnections", []float64{r.Connections / n})
	c.note("RedisRelay", []float64{weight / n})
	c.note("IdleEgress", []float64{r.Egress / n})
	c.note("IdleCPU", []float64{(r.RedisCPU - base.RedisCPU) / n})
	c.note("RelayIdleCPU", []float64{r.RelayCPU / n})
	return nil
}

// rates are what a second costs while nothing is published, with so many relays.
func (c *calibration) rates(t model.Topology, relays int) (Result, error) {
	c.Progress("constants: %d relays that are idle, %v", relays, t)
	sc, err := newScene(c.ctx, c.Setting, Shape{Topology: t, Deployment: model.Deployment{
		Hosts: relays, Channels: 1, Nodes: c.Masters, Size: small,
	}})
	if err != nil {
		return Result{}, err
	}
	defer sc.close()
	return sc.idle(c.Idle)
}

// bus measures a cluster without relays, and then with some.
func (c *calibration) bus() error {
	c.Progress("constants: the bus of %d masters", c.Masters)
	shape := Shape{
		Deployment: model.Deployment{Channels: 1, Size: small, Nodes: c.Masters}, Messages: c.messages(2 * c.Masters),
	}
	single, err := newScene(c.ctx, c.Setting, shape)
	if err != nil {
		return err
	}
	defer single.close()
	shape.Topology = model.Cluster
	sc, err := newScene(c.ctx, c.Setting, shape)
	if err != nil {
		return err
	}
	defer sc.close()
	base, err := sc.idle(c.Idle)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		hop   string
		batch int
	}{{"BusHop", 1}, {"BusLeastHop", batch}} {
		single.Batch, sc.Batch = s.batch, s.batch
		alone, err := single.runs(c.Rounds)
		if err != nil {
			return err
		}
		runs, err := sc.runs(c.Rounds)
		if err != nil {
			return err
		}
		others := float64(c.Masters - 1)
		var cpu, bytes []float64
		for i, r := range runs {
			idle := r.Seconds / float64(shape.Messages) // seconds a message
			cpu = append(cpu, (r.RedisCPU-base.RedisCPU*idle-alone[i].RedisCPU)/others)
			bytes = append(bytes, (r.Bus-base.Bus*idle)/others-channelName-small)
		}
		c.note(s.hop, cpu)
		if s.batch == 1 {
			c.note("BusHead", bytes)
		}
	}
	return c.probes(base)
}

// probes measures idle relays on a cluster, of which base is what it does without them.
func (c *calibration) probes(base Result) error {
	r, err := c.rates(model.Cluster, c.Fleet)
	if err != nil {
		return err
	}
	n, others := float64(c.Fleet), float64(c.Masters-1)
	pairs := n * others
	hops := (pairs + n*model.ProbeRate.Value) * others // probes a second, each to all others
	c.note("ProbeBytes", []float64{(r.Bus-base.Bus)/hops - c.of("BusHead")})
	c.note("ClusterEgress", []float64{(r.Egress - n*c.of("IdleEgress")) / pairs})
	c.note("ClusterCPU", []float64{(r.RedisCPU - base.RedisCPU - n*c.of("IdleCPU") - hops*c.of("BusHop")) / pairs})
	return nil
}

// of is a constant that was measured before.
func (c *calibration) of(name string) float64 {
	i := slices.IndexFunc(c.found, func(f Constant) bool { return f.Name == name })
	return c.found[i].Median()
}
