package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// everything is a deployment in which everybody hears everything.
func everything() Deployment {
	return Deployment{Hosts: 20, Processes: 8, Channels: 10, Rate: 100, Size: 300, Nodes: 3, Replicas: 1}
}

// near allows a millionth, for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b)) }

func TestProcessesCostOnlyWhereThereIsNoRelay(t *testing.T) {
	few, many := everything(), everything()
	many.Processes *= 4
	for _, top := range Topologies {
		a, b := Of(top, few).Server, Of(top, many).Server
		if top == Direct {
			if !near(b.Messages, 4*a.Messages) || !near(b.Connections, 4*a.Connections) || b.CPU <= a.CPU {
				t.Errorf("direct: four times as many processes: %+v after %+v", b, a)
			}
			continue
		}
		if a != b {
			t.Errorf("%v: Redis does more for more processes: %+v after %+v", top, b, a)
		}
	}
}

func TestEachRelayGetsEachMessageOnce(t *testing.T) {
	d := everything()
	for _, top := range []Topology{Relays, Cluster, Sharded} {
		l := Of(top, d)
		d := d
		d.Rate = 0
		idle := Of(top, d)
		if got, want := (l.Server.Messages-idle.Server.Messages)*float64(l.Servers), 100.0*20; !near(got, want) {
			t.Errorf("%v: %v messages a second out of all servers, want %v", top, got, want)
		}
		if l.Host.Messages != 100 || l.Host.Deliveries != 800 {
			t.Errorf("%v: a host gets %v messages and delivers %v", top, l.Host.Messages, l.Host.Deliveries)
		}
	}
	if got := Of(Direct, d).Server.Messages; !near(got, 100*20*8) {
		t.Errorf("direct: %v messages a second", got)
	}
}

func TestConnections(t *testing.T) {
	d := everything()
	for top, want := range map[Topology][2]float64{
		Direct: {320, 16}, Relays: {40, 2}, Cluster: {20 + 2*20./3, 8}, Sharded: {40 + 2*20./3, 11},
	} {
		if l := Of(top, d); !near(l.Server.Connections, want[0]) || l.Host.Connections != want[1] {
			t.Errorf("%v: %v at a server, %v of a host, want %v", top, l.Server.Connections, l.Host.Connections, want)
		}
	}
}

// What grows must not cost less.
func TestMonotone(t *testing.T) {
	grown := map[string]func(*Deployment){
		"hosts":     func(d *Deployment) { d.Hosts *= 2 },
		"processes": func(d *Deployment) { d.Processes *= 2 },
		"rate":      func(d *Deployment) { d.Rate *= 2 },
		"size":      func(d *Deployment) { d.Size *= 2 },
		"replicas":  func(d *Deployment) { d.Replicas++ },
	}
	for _, subscriptions := range []float64{0, 3} {
		for _, top := range Topologies {
			d := everything()
			d.Subscriptions = subscriptions
			before := Of(top, d).Server
			for what, grow := range grown {
				more := d
				grow(&more)
				s := Of(top, more).Server
				if s.Egress < before.Egress || s.Bus < before.Bus || s.Connections < before.Connections || s.Wire < before.Wire ||
					s.CPU < before.CPU || s.LeastCPU < before.LeastCPU || s.Memory < before.Memory || s.LeastCPU > s.CPU {
					t.Errorf("%v, twice the %s: %+v after %+v", top, what, s, before)
				}
			}
		}
	}
}

// The bus carries each publish to all other nodes, in a sharded cluster to the replicas of one master alone.
func TestBus(t *testing.T) {
	d := everything()
	d.Rate = 1e6 // beside which the probes are nothing
	one := BusHead.Value + defaultName + d.Size
	for top, want := range map[Topology]float64{Direct: 0, Relays: 0, Cluster: 1e6 * 5 * one / 3, Sharded: 1e6 * one / 3} {
		if got := Of(top, d).Server.Bus; math.Abs(got-want) > .001*want {
			t.Errorf("%v: %v bytes/s over the bus of a server, want %v", top, got, want)
		}
	}
}

// The means are those of deployments whose subscriptions are really drawn.
func TestDrawnSubscriptions(t *testing.T) {
	d := Deployment{Hosts: 50, Processes: 8, Channels: 500, Subscriptions: 40, Rate: 1, Size: 100}
	draw := rand.New(rand.NewPCG(1, 2))
	processes, hosts := 0, 0 // that listen, over all channels
	for range d.Hosts {
		heard := map[int]bool{}
		for range d.Processes {
			for _, c := range draw.Perm(int(d.Channels))[:int(d.Subscriptions)] {
				processes++
				heard[c] = true
			}
		}
		hosts += len(heard)
	}
	for top, listeners := range map[Topology]int{Direct: processes, Relays: hosts} {
		l := Of(top, d)
		want := float64(listeners) / d.Channels
		if top == Relays {
			want += ProbeRate.Value * float64(d.Hosts)
		}
		if got := l.Server.Messages; math.Abs(got-want) > .01*want {
			t.Errorf("%v: %v messages for each one, drawn: %v", top, got, want)
		}
	}
}

// The turn of a thread that is always busy is that of a loop which is played, message by message.
func TestTurnIsThatOfALoop(t *testing.T) {
	d := Deployment{Hosts: 300, Processes: 1, Channels: 1, Rate: 5000, Size: 300}
	s := Of(Relays, d).Server
	if s.CPU < 1 || s.LeastCPU > 1 {
		t.Fatalf("this is no busy thread: %+v", s)
	}
	draw := rand.New(rand.NewPCG(3, 4))
	const played = 60.0 // seconds
	at, turns, next := 0.0, 0, 0.0
	for at < played {
		waiting, publishers := 0, map[int]bool{}
		for ; next <= at; next += draw.ExpFloat64() / d.Rate {
			waiting++
			publishers[draw.IntN(d.Hosts)] = true
		}
		if waiting == 0 {
			at = next
			continue
		}
		// What LeastCPU says for a second is for so many messages, or for none.
		work := float64(waiting) / d.Rate * s.LeastCPU
		at += work + float64(len(publishers))*RedisRead.Value + float64(d.Hosts)*RedisWrite.Value
		turns++
	}
	if got := played / float64(turns); math.Abs(got-s.Turn) > .1*got {
		t.Errorf("a turn takes %v s, played: %v s", s.Turn, got)
	}
}

func TestUntilFull(t *testing.T) {
	d := Deployment{Processes: 8, Channels: 1, Rate: 2000, Size: 300}
	for _, top := range Topologies {
		first, hosts := First(top, d, Typical)
		for _, x := range Limits {
			n := x.Until(top, d, Typical)
			if n < hosts {
				t.Errorf("%v: %s is full at %d hosts, before %s at %d", top, x.Name, n, first.Name, hosts)
			}
			if n > 0 && n < MostHosts && (x.share(Of(top, d.On(n)), Typical) > 1 || x.share(Of(top, d.On(n+1)), Typical) <= 1) {
				t.Errorf("%v: %s is not full at %d hosts", top, x.Name, n)
			}
		}
	}
	if n := Limits[2].Until(Relays, d, Typical); n != 5000 {
		t.Errorf("10,000 connections are those of %d relays", n)
	}
	d.Rate = 1e9
	if n := Limits[0].Until(Direct, d, Typical); n != 0 {
		t.Errorf("a thread takes 10⁹ messages a second from %d hosts", n)
	}
}

func TestCheck(t *testing.T) {
	if err := everything().Check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Deployment){
		func(d *Deployment) { d.Hosts = 0 },
		func(d *Deployment) { d.Processes = 0 },
		func(d *Deployment) { d.Channels = 0 },
		func(d *Deployment) { d.Subscriptions = 11 },
		func(d *Deployment) { d.Size = -1 },
		func(d *Deployment) { d.Replicas = -1 },
	} {
		d := everything()
		if spoil(&d); d.Check() == nil {
			t.Errorf("%+v passes", d)
		}
	}
	for _, e := range Examples {
		for _, hosts := range []int{3, 10000} {
			if err := e.On(hosts).Check(); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
	}
}

func TestConstantsHaveTheirPlace(t *testing.T) {
	for _, c := range Constants {
		if c.Value <= 0 || c.What == "" || c.From == "" {
			t.Errorf("%s: %+v", c.Name, *c.Constant)
		}
	}
}
