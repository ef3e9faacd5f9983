package model

// Who publishes and who listens.

import (
	"errors"
	"fmt"
	"math"
)

// Topology is what stands between publishers and listeners.
type Topology int

// The topologies.
const (
	Direct  Topology = iota // each process has its own connections to one redis-server
	Relays                  // a relay on each host, one redis-server
	Cluster                 // a relay on each host, a Redis Cluster, channels as they are
	Sharded                 // a relay on each host, a Redis Cluster, shard channels
)

// Topologies are all of them, in the order of tables.
var Topologies = []Topology{Direct, Relays, Cluster, Sharded}

// String is the name in tables.
func (t Topology) String() string {
	return [...]string{"direct", "relays", "cluster", "sharded"}[t]
}

// Deployment is a number of hosts with processes that publish and listen. What is said for each host grows with them.
type Deployment struct {
	Hosts     int
	Processes int // of each host

	Channels        float64 // in all
	ChannelsPerHost float64 // more for each host
	Subscriptions   float64 // channels that each process listens to; 0: all

	Rate        float64 // messages a second that are published, in all
	RatePerHost float64 // more for each host
	Size        float64 // bytes of a payload
	Name        float64 // bytes of the name of a channel; 0: 16

	Nodes    int // masters of the cluster; 0: 3
	Replicas int // of each master
}

const (
	defaultName  = 16 // bytes
	defaultNodes = 3
)

// complete fills in what was left out.
func (d Deployment) complete() Deployment {
	if d.Name == 0 {
		d.Name = defaultName
	}
	if d.Nodes == 0 {
		d.Nodes = defaultNodes
	}
	return d
}

// On is the same deployment on so many hosts.
func (d Deployment) On(hosts int) Deployment {
	d.Hosts = hosts
	return d
}

// Check returns all that is wrong with a deployment, or nil.
func (d Deployment) Check() error {
	var all []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Errorf(format, args...))
		}
	}
	wrong(d.Hosts < 1, "hosts: %d, want 1 or more", d.Hosts)
	wrong(d.Processes < 1, "processes: %d, want 1 or more", d.Processes)
	wrong(d.Nodes < 0 || d.Replicas < 0, "nodes and replicas: want 0 or more")
	wrong(d.Size < 0 || d.Name < 0 || d.Rate < 0 || d.RatePerHost < 0, "sizes and rates: want 0 or more")
	wrong(d.channels() < 1, "channels: %v, want 1 or more", d.channels())
	wrong(d.Subscriptions < 0 || d.Subscriptions > d.channels(), "subscriptions: %v, want 0 (all) to %v, the channels",
		d.Subscriptions, d.channels())
	return errors.Join(all...)
}

// channels are those of all hosts.
func (d Deployment) channels() float64 { return d.Channels + float64(d.Hosts)*d.ChannelsPerHost }

// rate is how many messages all hosts publish in a second.
func (d Deployment) rate() float64 { return d.Rate + float64(d.Hosts)*d.RatePerHost }

// processes are those of all hosts.
func (d Deployment) processes() float64 { return float64(d.Hosts * d.Processes) }

// byProcess is the chance that a process listens to a channel.
func (d Deployment) byProcess() float64 {
	if d.Subscriptions == 0 {
		return 1
	}
	return min(1, d.Subscriptions/d.channels())
}

// byHost is the chance that any process of a host does.
func (d Deployment) byHost() float64 { return anyOf(float64(d.Processes), d.byProcess()) }

// anyOf is the chance that at least one of n does what each does with chance p.
func anyOf(n, p float64) float64 { return 1 - math.Pow(1-p, n) }

// nodes are the masters and replicas of the cluster.
func (d Deployment) nodes() float64 { return float64(d.Nodes * (1 + d.Replicas)) }
