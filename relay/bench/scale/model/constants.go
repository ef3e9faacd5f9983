package model

// What was measured, and what is known.

// Constant is a figure that the model rests on.
type Constant struct {
	Value float64
	Unit  Unit
	What  string
	From  string // where it comes from
}

// Unit is what a constant counts.
type Unit int

// The units.
const (
	Number Unit = iota
	Seconds
	Bytes
)

const (
	measured = "`make bench ARGS=\"-only scale\"`, commit ca7300e"
	protocol = "the protocol"
	source   = "the relay's source"
)

// Of redis-server.
var (
	RedisPublish = Constant{
		34.5e-6, Seconds, "CPU of redis-server for a PUBLISH that comes alone, without deliveries",
		measured,
	}
	RedisLeastPublish = Constant{.804e-6, Seconds, "the same, of many that come at once", measured}
	RedisRead         = Constant{
		7e-6, Seconds, "CPU of redis-server to read a command from a connection and to write the reply, while it is busy",
		"`make bench ARGS=\"-only publish\"`, commit 9977a1a: 64 processes against one that pipelines",
	}
	RedisDelivery   = Constant{.0626e-6, Seconds, "CPU of redis-server to queue a message for one connection", measured}
	RedisWrite      = Constant{5.19e-6, Seconds, "CPU of redis-server to write to a process that sleeps, by TCP", measured}
	RedisAwakeWrite = Constant{1.08e-6, Seconds, "the same, to a process that is awake", measured}
	RedisByte       = Constant{.117e-9, Seconds, "CPU of redis-server for a byte more of a message, in or out", measured}
	RedisConnection = Constant{2520, Bytes, "memory of redis-server for the connection of a process", measured}
	RedisRelay      = Constant{
		16600, Bytes, "memory of redis-server for the connections and channels of a relay",
		measured,
	}
	RedisChannel      = Constant{159, Bytes, "memory of redis-server for a channel that anybody listens to", measured}
	RedisSubscription = Constant{
		49.8, Bytes, "memory of redis-server for each connection that listens to a channel",
		measured,
	}
	BufferLimit = Constant{
		32 << 20, Bytes, "what redis-server keeps at most for a subscriber that does not read",
		"`client-output-buffer-limit pubsub 32mb 8mb 60`, its default",
	}
	PacketHead = Constant{66, Bytes, "head of a packet: Ethernet, IPv4 and TCP with timestamps", protocol}
)

// Of a cluster.
var (
	BusHop = Constant{
		7.85e-6, Seconds, "CPU of both nodes for a message that one sends the other over the bus",
		measured,
	}
	BusLeastHop   = Constant{1.89e-6, Seconds, "the same, of many that come at once", measured}
	BusHead       = Constant{2260, Bytes, "bytes of a message on the bus beside channel and payload", measured}
	ProbeBytes    = Constant{97.6, Bytes, "bytes of name and payload of a relay's probe at another node", measured}
	ClusterEgress = Constant{788, Bytes, "bytes a second that an idle relay gets for each other node", measured}
	ClusterCPU    = Constant{
		77.3e-6, Seconds, "CPU a second of all nodes that an idle relay takes for each other node, but for the bus",
		measured,
	}
)

// Of a relay.
var (
	RelayConnections = Constant{
		2, Number, "connections of a relay to Redis: one subscribes and publishes, one reads",
		measured,
	}
	ProbeRate = Constant{
		.5, Number, "probes of an idle relay in a second, by the default of `redis.probe_interval`",
		source,
	}
	IdleEgress = Constant{39.7, Bytes, "bytes a second that an idle relay gets from Redis", measured}
	IdleCPU    = Constant{
		35e-6, Seconds, "CPU a second of redis-server for an idle relay",
		"the same, in the middle of three runs: -6, 35 and 98 µs",
	}
	RelayMessage = Constant{
		25.2e-6, Seconds, "CPU of a relay for a message that comes alone, checked against a schema",
		measured,
	}
	RelayLeastMessage = Constant{.482e-6, Seconds, "the same, of many that come at once", measured}
	RelayDelivery     = Constant{
		.03e-6, Seconds, "CPU of a relay to queue a message for one process",
		"[Benchmarks](benchmarks.md), 1,000 subscribers, commit 9977a1a",
	}
	RelayWrite        = Constant{.777e-6, Seconds, "CPU of a relay for a write to one process, by Unix socket", measured}
	RelayByte         = Constant{.0804e-9, Seconds, "CPU of a relay for a byte more of a message, in or out", measured}
	RelayPublish      = Constant{31.6e-6, Seconds, "CPU of a relay for a PUBLISH that comes alone", measured}
	RelayLeastPublish = Constant{1.55e-6, Seconds, "the same, of many that come at once", measured}
	RelayIdleCPU      = Constant{1520e-6, Seconds, "CPU a second of a relay while nothing happens", measured}
	RelayMemory       = Constant{
		29 << 20, Bytes, "memory of an idle relay, 17 MiB of it pages of the binary",
		"[Benchmarks](benchmarks.md), commit ca5cefb",
	}
	RelayClient = Constant{
		1466, Bytes, "memory of a relay for the connection of a process",
		"[Benchmarks](benchmarks.md), commit ca5cefb",
	}
)

// Named is a constant with the name that a trial gives it.
type Named struct {
	Name string
	*Constant
}

// Constants are all of them.
var Constants = []Named{
	{"RedisPublish", &RedisPublish},
	{"RedisLeastPublish", &RedisLeastPublish},
	{"RedisRead", &RedisRead},
	{"RedisDelivery", &RedisDelivery},
	{"RedisWrite", &RedisWrite},
	{"RedisAwakeWrite", &RedisAwakeWrite},
	{"RedisByte", &RedisByte},
	{"RedisConnection", &RedisConnection},
	{"RedisRelay", &RedisRelay},
	{"RedisChannel", &RedisChannel},
	{"RedisSubscription", &RedisSubscription},
	{"BufferLimit", &BufferLimit},
	{"PacketHead", &PacketHead},
	{"BusHop", &BusHop},
	{"BusLeastHop", &BusLeastHop},
	{"BusHead", &BusHead},
	{"ProbeBytes", &ProbeBytes},
	{"ClusterEgress", &ClusterEgress},
	{"ClusterCPU", &ClusterCPU},
	{"RelayConnections", &RelayConnections},
	{"ProbeRate", &ProbeRate},
	{"IdleEgress", &IdleEgress},
	{"IdleCPU", &IdleCPU},
	{"RelayMessage", &RelayMessage},
	{"RelayLeastMessage", &RelayLeastMessage},
	{"RelayDelivery", &RelayDelivery},
	{"RelayWrite", &RelayWrite},
	{"RelayByte", &RelayByte},
	{"RelayPublish", &RelayPublish},
	{"RelayLeastPublish", &RelayLeastPublish},
	{"RelayIdleCPU", &RelayIdleCPU},
	{"RelayMemory", &RelayMemory},
	{"RelayClient", &RelayClient},
}
