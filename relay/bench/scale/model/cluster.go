package model

// A Redis Cluster behind relays.

// cluster is the classic one: each publish goes to every node, and each relay listens to one master. Publishes and
// relays are spread evenly over the masters.
func cluster(d Deployment) Load {
	masters, hears := float64(d.Nodes), d.byHost()
	n := float64(d.Hosts) / masters // relays of each master
	l := Load{Servers: d.Nodes}
	f := fanOut{n, d.rate() / masters, n, hears, d.rate(), frame(d.Name, d.Size)}
	l.Server.add(f)
	l.Server.addOverBus(d, d.rate(), BusHead.Value+d.Name+d.Size)
	l.Server.addProbes(d)
	l.Server.holdRelays(float64(d.Hosts), 1, d.channels()*anyOf(n, hears), d.channels()*n*hears) // one asks this node
	l.Server.Connections += n * RelayConnections.Value
	l.Server.finish(f)
	l.Host = relayed(d)
	l.Host.Connections = d.nodes() + RelayConnections.Value
	return l
}

// addOverBus adds publishes of all clients, each of which one master sends to all other nodes.
func (s *Server) addOverBus(d Deployment, publishes, bytes float64) {
	each := publishes / float64(d.Nodes)
	s.addBus(each*(d.nodes()-1), publishes-each, bytes)
}

// probeRate is how often a relay has each other node of a cluster publish for it, in a second.
func (d Deployment) probeRate() float64 {
	const spread = 10 // nodes; in a larger cluster a relay still has so many probes a second
	return min(1, spread/max(1, d.nodes()-1))
}

// addProbes adds what relays ask of a cluster while nothing happens. Each relay publishes to itself at every node, and
// each of these messages crosses the bus to all other nodes, as any does.
func (s *Server) addProbes(d Deployment) {
	hosts, masters, others := float64(d.Hosts), float64(d.Nodes), d.nodes()-1
	s.addIdle(hosts / masters)
	probes := hosts * d.probeRate() * others // a second, at all nodes
	s.Messages += probes / masters
	s.Egress += hosts * others * ClusterEgress.Value / d.nodes()
	s.Wire += probes / masters * PacketHead.Value
	cpu := hosts * others * ClusterCPU.Value / d.nodes()
	s.CPU += cpu
	s.LeastCPU += cpu
	all := probes + hosts*ProbeRate.Value
	each := all / d.nodes()
	s.addBus(each*others, all-each, BusHead.Value+ProbeBytes.Value)
}

// sharded is a cluster with shard channels: a publish goes to the master of its channel, which sends it over the bus to
// its own replicas alone; each relay listens to every master, beside what it has in a classic cluster. It is
// calculated, and nobody has compared it with a real run yet. The PINGs of the connections for shard channels are left
// out.
func sharded(d Deployment) Load {
	n, masters, hears := float64(d.Hosts), float64(d.Nodes), d.byHost()
	l := Load{Servers: d.Nodes}
	each := d.rate() / masters
	f := fanOut{n, each, n, hears, each, frame(d.Name, d.Size) + 1} // smessage is a byte longer
	l.Server.add(f)
	l.Server.addBus(each*float64(d.Replicas), 0, BusHead.Value+d.Name+d.Size)
	l.Server.addProbes(d)
	channels := d.channels() / masters
	l.Server.holdRelays(n, 2, channels*anyOf(n, hears), channels*n*hears) // one hears this node, and one asks it
	l.Server.Connections += n / masters * RelayConnections.Value
	l.Server.finish(f)
	l.Host = relayed(d)
	l.Host.Connections = masters + d.nodes() + RelayConnections.Value
	return l
}
