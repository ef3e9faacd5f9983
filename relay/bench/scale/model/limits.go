package model

// Where a deployment is full.

// Machine is what each redis-server and each relay runs on.
type Machine struct {
	Speed   float64 // of a core, as a multiple of the one that the constants were measured on
	Network float64 // bits a second, in each direction
	Clients float64 // maxclients of redis-server
}

// Typical is a machine with 10 Gbit/s, whose redis-server has the default maxclients.
var Typical = Machine{Speed: 1, Network: 10e9, Clients: 10000}

// room is the share of a thread and of a network that a deployment may take: the rest is for peaks.
const room = .7

// Limit is something that can be full.
type Limit struct {
	Name   string
	Remedy string                      // what to do, in a few words
	share  func(Load, Machine) float64 // of it that is taken; 1: full
}

// Limits are all that the model knows.
var Limits = []Limit{
	{
		"thread of Redis", "fewer and larger messages, or several Redises",
		func(l Load, m Machine) float64 { return l.Server.LeastCPU / m.Speed / room },
	},
	{
		"network of Redis", "smaller messages, or several Redises",
		func(l Load, m Machine) float64 { return 8 * l.Server.Wire / m.Network / room },
	},
	{
		"connections", "a larger maxclients, and as many file descriptors",
		func(l Load, m Machine) float64 { return l.Server.Connections / m.Clients },
	},
	{
		"thread of a relay", "fewer channels on a host",
		func(l Load, m Machine) float64 { return l.Host.LeastCPU / m.Speed / room },
	},
	{
		"network of a host", "smaller messages, or fewer channels on a host",
		func(l Load, m Machine) float64 {
			return 8 * (l.Host.Ingress + l.Host.Messages*PacketHead.Value) / m.Network / room
		},
	},
}

// Busy is where the thread of Redis becomes always busy, if messages come evenly. That is no limit: from there on
// messages share reads and writes, and wait for each other.
var Busy = Limit{
	"thread of Redis always busy", "", func(l Load, m Machine) float64 { return l.Server.CPU / m.Speed },
}

// MostHosts is as far as Until looks.
const MostHosts = 1000000

// Until is the largest number of hosts, up to MostHosts, with which the limit is not exceeded; 0: not even with one.
// The deployment's own number does not count.
func (x Limit) Until(t Topology, d Deployment, m Machine) int {
	fits := func(hosts int) bool { return x.share(Of(t, d.On(hosts)), m) <= 1 }
	if !fits(1) {
		return 0
	}
	low, high := 1, MostHosts+1 // fits, does not fit
	for high-low > 1 {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// First is the limit that is met first as hosts are added, and the hosts until then.
func First(t Topology, d Deployment, m Machine) (Limit, int) {
	first, hosts := Limits[0], MostHosts+1
	for _, x := range Limits {
		if n := x.Until(t, d, m); n < hosts {
			first, hosts = x, n
		}
	}
	return first, hosts
}
