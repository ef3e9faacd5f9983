package model

// What a second costs.

// Load is what one second costs. Server is each of Servers: the only redis-server, or each master of the cluster. Host
// is each host.
type Load struct {
	Servers int
	Server  Server
	Host    Host
}

// Server is what one redis-server does in a second. Its thread uses as much as CPU says, until that is 1. From there
// on it is always busy, messages wait for each other and share reads and writes: see Turn. It is full when LeastCPU is
// 1.
type Server struct {
	Connections float64 // of clients
	Messages    float64 // to clients, those of relays to themselves among them
	Egress      float64 // bytes to clients, as INFO's total_net_output_bytes counts them
	Bus         float64 // bytes to other nodes of the cluster
	Wire        float64 // Egress and Bus with the heads of packets
	CPU         float64 // CPU seconds, if each message is read, executed and written alone
	LeastCPU    float64 // CPU seconds, if very many messages share each read and write
	Turn        float64 // seconds of a turn of the thread, for which a message waits; 0: the thread is not always busy
	Memory      float64 // bytes for clients and what they subscribe to
	Backlog     float64 // bytes at most for clients that do not read, by the default client-output-buffer-limit
}

// Host is what one host does in a second. CPU and Memory are those of its relay; direct has none.
type Host struct {
	Connections float64 // to all redis-servers
	Messages    float64 // from all redis-servers
	Ingress     float64 // bytes from all redis-servers
	Deliveries  float64 // messages to the processes of the host
	CPU         float64 // CPU seconds, if each message comes, is delivered and published alone
	LeastCPU    float64 // CPU seconds, if very many share each read and write
	Memory      float64 // bytes of an idle relay and its connections
}

// Of calculates the load of a deployment, which must pass Check.
func Of(t Topology, d Deployment) Load {
	d = d.complete()
	switch t {
	case Direct:
		return direct(d)
	case Relays:
		return relays(d)
	case Cluster:
		return cluster(d)
	}
	return sharded(d)
}

// fanOut is a redis-server that takes publishes and delivers to connections.
type fanOut struct {
	publishers float64 // connections that publish
	publishes  float64 // a second, by them
	listeners  float64 // connections that listen
	chance     float64 // that one of them listens to a channel
	messages   float64 // a second, that may have to be delivered: publishes, or what comes over the bus, too
	frame      float64 // bytes of a delivery
}

func (f fanOut) deliveries() float64 { return f.messages * f.listeners * f.chance }

// add adds a fan-out to what a server does.
func (s *Server) add(f fanOut) {
	moved := (f.deliveries() + f.publishes) * f.frame * RedisByte.Value // copied in, and out again for each
	s.Messages += f.deliveries()
	s.Egress += f.deliveries()*f.frame + f.publishes*reply(f.listeners*f.chance)
	s.CPU += f.publishes*RedisPublish.Value + f.deliveries()*(RedisDelivery.Value+RedisWrite.Value) + moved
	s.LeastCPU += f.publishes*RedisLeastPublish.Value + f.deliveries()*RedisDelivery.Value + moved
}

// finish adds the fan-out's packets and, when the server has all else, finds its turn.
func (s *Server) finish(f fanOut) {
	s.Wire += s.Egress + s.Bus
	packets := f.publishes + f.deliveries()
	if s.CPU > 1 {
		s.Turn = s.turn(f)
		packets = (f.reads(s.Turn) + f.writes(s.Turn)) / s.Turn // replies, and messages
	}
	s.Wire += max(packets, s.Egress/segment) * PacketHead.Value
}

const segment = 1448 // bytes of a packet without its head

// reads is from how many connections something is read in a turn of so many seconds.
func (f fanOut) reads(turn float64) float64 {
	return f.publishers * anyOf(f.publishes*turn, 1/f.publishers)
}

// writes is to how many connections something is written in a turn.
func (f fanOut) writes(turn float64) float64 { return f.listeners * anyOf(f.messages*turn, f.chance) }

// turn is how long a turn takes when the thread is always busy. In a turn it does what LeastCPU says for each second of
// it, and one read and one write for each connection that has anything: the longer the turn, the more messages share
// them. Without end, when LeastCPU is 1.
func (s *Server) turn(f fanOut) float64 {
	work := func(turn float64) float64 {
		return turn*s.LeastCPU + f.reads(turn)*RedisRead.Value + f.writes(turn)*RedisWrite.Value
	}
	const longest, steps = 1e6, 200 // seconds; halvings
	low, high := 0.0, longest
	for range steps {
		if middle := (low + high) / 2; work(middle) > middle {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// addBus adds messages that the server sends to other nodes and gets from them, in a second.
func (s *Server) addBus(sent, got, bytes float64) {
	const half = .5 // of a hop's cost is the sender's
	s.Bus += sent * bytes
	s.Wire += sent * max(1, bytes/segment) * PacketHead.Value
	s.CPU += (sent + got) * half * BusHop.Value
	s.LeastCPU += (sent + got) * half * BusLeastHop.Value
}

// hold adds the memory for connections, for names that anybody subscribes to, and for each subscription.
func (s *Server) hold(connections, names, subscriptions float64) {
	s.Connections += connections
	s.Memory += connections*RedisConnection.Value + names*RedisChannel.Value + subscriptions*RedisSubscription.Value
	s.Backlog += connections * BufferLimit.Value
}

// holdRelays is hold for relays with so many connections each.
func (s *Server) holdRelays(relays, connections, names, subscriptions float64) {
	s.hold(0, names, subscriptions)
	s.Connections += relays * connections
	s.Memory += relays * RedisRelay.Value
	s.Backlog += relays * BufferLimit.Value // the one that subscribes
}

// direct has two connections a process: a connection in RESP2 that is subscribed cannot publish.
func direct(d Deployment) Load {
	const each = 2
	n, hears := d.processes(), d.byProcess()
	l := Load{Servers: 1}
	f := fanOut{n, d.rate(), n, hears, d.rate(), frame(d.Name, d.Size)}
	l.Server.add(f)
	l.Server.hold(each*n, d.channels()*anyOf(n, hears), d.channels()*n*hears)
	l.Server.finish(f)
	mine := float64(d.Processes) * hears * d.rate()
	l.Host = Host{Connections: each * float64(d.Processes), Messages: mine, Deliveries: mine, Ingress: mine * f.frame}
	return l
}

// relays has one subscriber connection a host, whatever its processes hear.
func relays(d Deployment) Load {
	n, hears := float64(d.Hosts), d.byHost()
	l := Load{Servers: 1}
	f := fanOut{n, d.rate(), n, hears, d.rate(), frame(d.Name, d.Size)}
	l.Server.add(f)
	l.Server.addIdle(n)
	l.Server.holdRelays(n, RelayConnections.Value, d.channels()*anyOf(n, hears), d.channels()*n*hears)
	l.Server.finish(f)
	l.Host = relayed(d)
	l.Host.Connections = RelayConnections.Value
	return l
}

// addIdle adds what so many relays ask of their server while nothing happens: a probe, which comes back, and a PING.
func (s *Server) addIdle(relays float64) {
	s.Messages += relays * ProbeRate.Value
	s.Egress += relays * IdleEgress.Value
	s.Wire += relays * idlePackets * PacketHead.Value
	s.CPU += relays * IdleCPU.Value
	s.LeastCPU += relays * IdleCPU.Value
}

// idlePackets is how many packets an idle relay gets in a second: the probe, its reply and a PONG every two seconds.
const idlePackets = 1.5

// relayed is what the relay of a host does, but for its connections.
func relayed(d Deployment) Host {
	own := d.rate() / float64(d.Hosts) // published here
	h := Host{
		Messages:   d.rate() * d.byHost(),
		Deliveries: d.rate() * d.byProcess() * float64(d.Processes),
		Memory:     RelayMemory.Value + float64(d.Processes)*RelayClient.Value,
	}
	h.Ingress = h.Messages * frame(d.Name, d.Size)
	moved := (h.Ingress + h.Deliveries*frame(d.Name, d.Size)) * RelayByte.Value
	h.CPU = h.Messages*RelayMessage.Value + h.Deliveries*(RelayDelivery.Value+RelayWrite.Value) +
		own*RelayPublish.Value + moved + RelayIdleCPU.Value
	h.LeastCPU = h.Messages*RelayLeastMessage.Value + h.Deliveries*RelayDelivery.Value +
		own*RelayLeastPublish.Value + moved + RelayIdleCPU.Value
	return h
}

// Shared is what is used if so many messages share each read and write: alone for one, near least for very many.
func Shared(alone, least, messages float64) float64 { return least + (alone-least)/messages }
