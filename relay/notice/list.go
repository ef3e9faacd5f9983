package notice

// The list of all notices. Other packages log their own lines.

import (
	"fmt"
	"time"

	"go.uber.org/zap/zapcore"
)

// Notice describes an event, a log line, or both. It never changes.
type Notice struct {
	Event  string        // the name on relay:events; empty: the notice is only logged
	To     Audience      // the listeners that get the event
	Fields []string      // fields of the event, besides event and time
	Level  zapcore.Level // of the log line
	Text   string        // of the log line; empty: there is none
	Logger string        // the name of the log line's logger; empty: the relay's own
	Often  string        // a name for the log lines that sampling leaves out; empty: no sampling
	When   string        // when it happens, for people
	Do     string        // what to do then, for people; empty: nothing

	Alert    string        // the kind of alert that it raises, or ends; empty: none
	Ends     bool          // it ends the alert
	Once     bool          // the alert is over as soon as it is raised
	OfClient bool          // the alert is about the client of the event, not about its channel
	Lasts    time.Duration // the alert ends after so long without another notice; 0: only a notice ends it
}

// With returns a copy of n with values formatted into its text.
func (n *Notice) With(values ...any) *Notice {
	with := *n
	with.Text = fmt.Sprintf(n.Text, values...)
	return &with
}

// alertFields are those of the event about a channel that carries too much.
var alertFields = []string{
	"cause", "kind", "channel", "direction", "rate", "usual", "client", "name", "pid", "uid",
}

// alertEndFields are those of the event about the end of that.
var alertEndFields = []string{"cause", "kind", "channel", "direction", "since", "peak"}

// CredentialsKind is the kind of alert about credentials that could not be renewed.
const CredentialsKind = "credentials"

// StuckKind is the kind of alert about a client that does not read.
const StuckKind = "stuck_reader"

var list []*Notice

func add(n Notice) *Notice {
	list = append(list, &n)
	return &n
}

// The connection to Redis.
var (
	UpstreamUp = add(Notice{
		Event: "upstream_up", To: Host, Fields: []string{"upstream", "since", "subscriptions"},
		Alert: "upstream", Ends: true,
		Level: zapcore.InfoLevel, Text: "connected to Redis",
		When: "Redis has confirmed all subscriptions",
	})
	UpstreamDown = add(Notice{
		Event: "upstream_down", To: Host, Fields: []string{"upstream", "cause"},
		Level: zapcore.WarnLevel, Text: "connection to Redis lost; reconnecting",
		When: "the connection to Redis is lost",
		Do: "nothing, if `upstream_up` follows within seconds. " +
			"If it comes again and again, Redis's log may say `output buffer limits`",
	})
	UpstreamWaiting = add(Notice{
		Level: zapcore.WarnLevel, Text: "no connection to Redis; still trying",
		When: "the first attempt to connect fails, and every 10 s without a connection",
		Do:   "see `error`: Redis, the network, or the password",
	})
	ShardWaiting = add(Notice{
		Level: zapcore.WarnLevel, Text: "no connection to a node of the Redis Cluster; still trying",
		When: "shard channels are on a node that cannot be reached: at first, and every 10 s",
		Do:   "see `error`: the `node`, the network, or the password",
	})
	UpstreamAlert = add(Notice{
		Event: "alert", To: Host, Fields: []string{"upstream", "cause", "attempts"},
		Alert: "upstream",
		Level: zapcore.ErrorLevel, Text: "Redis cannot be reached; still trying",
		When: "`redis.alert_after` attempts to connect have failed in a row",
		Do:   "see `cause`: Redis, the network, or the password",
	})
	CredentialsFailed = add(Notice{
		Event: "alert", To: Host, Fields: []string{"upstream", "cause", "kind", "attempts", "until"}, Alert: CredentialsKind,
		Level: zapcore.WarnLevel, Text: "the credentials for Redis could not be renewed; still trying",
		When: "the helper of `redis.credentials.command` fails, or Redis refuses what it prints; connections that stand go " +
			"on",
		Do: "see `cause`, and run the helper as the relay's user. `until` is when the present credentials expire: Redis " +
			"may end the connections then",
	})
	CredentialsWork = add(Notice{
		Event: "alert_end", To: Host, Fields: []string{"upstream", "cause", "kind", "since"},
		Alert: CredentialsKind, Ends: true,
		Level: zapcore.InfoLevel, Text: "the credentials for Redis are renewed again",
		When: "Redis has taken what the helper prints, after such an alert",
	})
	UpstreamGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"upstream", "cause", "since", "until", "prefixes"},
		Alert: "gap", Once: true,
		When: "the connection to Redis stands again: messages of that time may be lost",
		Do:   "read again what the messages were about; a history heals the loss",
	})
	BusGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"upstream", "cause", "since", "until", "prefixes"},
		Alert: "gap", Once: true,
		Level: zapcore.WarnLevel, Text: "messages that were published at another server may be missing",
		Often: "messages that were published at other servers may be missing",
		When: "a node of a Redis Cluster has failed or restarted, or its link to the node that the relay listens to was " +
			"cut; or a former master was made a replica long after Sentinel had named another: messages that were published " +
			"there may be lost",
		Do: "read again what the messages were about. If it comes again and again, see `cause` and the network between " +
			"the servers",
	})
	ShardGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"upstream", "cause", "since", "until", "prefixes"},
		Alert: "gap", Once: true,
		Level: zapcore.WarnLevel, Text: "messages on shard channels of the Redis Cluster may be missing",
		When: "slots of a Redis Cluster have moved to another node, or the connection to their node was lost",
		Do:   "read again what the messages were about",
	})
	RenameGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"cause", "since", "until", "prefixes"}, Alert: "gap", Once: true,
		When: "a reload has changed a `rename`: what others published meanwhile may be missing",
		Do:   "read again what the messages were about",
	})
	SubscriptionRefused = add(Notice{
		Level: zapcore.WarnLevel, Text: "Redis refused a subscription",
		When: "an ACL of Redis forbids a channel or a pattern",
		Do:   "allow `allow_to_the_user` to the relay's user",
	})
	FleetRefused = add(Notice{
		Level: zapcore.WarnLevel,
		Text:  "Redis does not let relays ask each other: every relay is counted as one listener%s",
		When:  "an ACL of Redis forbids the relays' own channels",
		Do:    "allow `&relay:*` to the relay's user",
	})
	RightMissing = add(Notice{
		Level: zapcore.WarnLevel, Text: "Redis does not allow %s: %s; %s",
		When: "Redis refuses a command, by an ACL or because it was renamed",
		Do:   "allow it, or go without what the line names",
	})
	RightBack = add(Notice{
		Level: zapcore.InfoLevel, Text: "Redis allows %s again",
		When: "such a command is not refused any more",
	})
)

// Messages and their listeners.
var (
	MessageRefused = add(Notice{ // on relay:rejects
		Level: zapcore.WarnLevel, Text: "message refused", Often: "messages refused or invalid",
		When: "a message is refused; on `relay:rejects`, too",
		Do:   "see `code` and `reason`: the publisher, the schema, or the route",
	})
	InvalidPassed = add(Notice{ // on relay:rejects
		Level: zapcore.WarnLevel, Text: "invalid message let through",
		When: "a message is invalid, and its route says `invalid: log`; on `relay:rejects`, too",
		Do:   "see `reason`: the publisher, or the schema",
	})
	RateAlert = add(Notice{
		Event: "alert", To: Host, Fields: alertFields, Alert: "rate",
		Level: zapcore.WarnLevel, Text: "a channel is noisy",
		When: "a channel carries more messages/s than `rate.alert`",
		Do:   "look for its publisher, or raise `rate.alert`",
	})
	SpikeAlert = add(Notice{
		Event: "alert", To: Host, Fields: alertFields, Alert: "spike",
		Level: zapcore.WarnLevel, Text: "a channel carries far more than usual",
		When: "a channel carries `alerts.spike.factor` times its usual rate, and at least `alerts.spike.floor` messages/s; " +
			"in the relay's first minute, that much more than the others of its kind",
		Do: "look for its publisher: `pid` and `uid`, if it is on this host",
	})
	RateAlertEnd = add(Notice{
		Event: "alert_end", To: Host, Fields: alertEndFields, Alert: "rate", Ends: true,
		Level: zapcore.InfoLevel, Text: "a channel is not noisy any more",
		When: "a channel has been below `rate.alert` for 10 s after an alert",
	})
	SpikeEnd = add(Notice{
		Event: "alert_end", To: Host, Fields: alertEndFields, Alert: "spike", Ends: true,
		Level: zapcore.InfoLevel, Text: "a channel carries what is usual again",
		When: "a channel has been quiet for 10 s after a spike, or its spike has lasted so long that it is usual",
	})
	AlertsLeftOut = add(Notice{
		Event: "alert", To: Host, Fields: []string{"cause", "kind", "left_out"},
		Level: zapcore.WarnLevel, Text: "more channels carry too much than are told of one by one",
		When: "more than 10 alerts of one kind were due within a minute",
		Do:   "look for what they have in common: a prefix, a publisher, a Redis that was away",
	})
	SlowListener = add(Notice{
		Event: "slow_listener", To: Host, Fields: []string{
			"client", "name", "pid", "uid", "reason", "disconnected", "messages", "queued", "kept",
		},
		Alert: "slow_listener", Lasts: 15 * time.Second, // while it goes on, it is told every ten seconds
		Level: zapcore.WarnLevel, Text: "a client does not keep up", Often: "a client does not keep up",
		When: "a client misses messages, or is disconnected since it does not keep up",
		Do:   "make the client read faster, or give its route another `slow`",
	})
	StuckReader = add(Notice{
		Event: "alert", To: Host, Fields: []string{
			"cause", "kind", "channel", "client", "name", "pid", "uid", "queued", "waited_seconds",
		},
		Alert: StuckKind, OfClient: true,
		Level: zapcore.WarnLevel, Text: "a client does not read, or too slowly", Often: "a client does not read",
		When: "output has waited for a client for 5 s",
		Do:   "look whether its process hangs; only its own messages wait",
	})
	StuckReaderEnd = add(Notice{
		Event: "alert_end", To: Host, Fields: []string{"cause", "kind", "client", "name", "pid", "uid", "since"},
		Alert: StuckKind, OfClient: true, Ends: true,
		Level: zapcore.InfoLevel, Text: "no output waits any more for a client that did not read",
		Often: "a client reads again",
		When:  "nothing has waited for the client for more than 1 s, or its connection has ended",
	})
	CheckGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"cause", "since", "until", "prefixes", "channel", "missing"},
		Alert: "gap", Once: true,
		Level: zapcore.WarnLevel, Text: "messages were lost: %s", Often: "messages were lost",
		When: "too many messages of a channel that take long to check have waited",
		Do:   "make the schema one that is compiled; `redis-relay check` says why it is not",
	})
	HistoryGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{
			"upstream", "cause", "prefixes", "channel", "pattern", "after", "before", "missing", "entry", "size",
		}, Alert: "gap", Once: true,
		When: "entries of a channel with history could not be had back",
		Do:   "see `cause`; a greater `history.length` keeps more",
	})
	DeadLettersLost = add(Notice{
		Event: "alert", To: Host, Fields: []string{"upstream", "cause", "messages"},
		Alert: "dead_letters", Lasts: time.Minute, // while it goes on, it is told every ten seconds
		Level: zapcore.WarnLevel, Text: "refused messages are not kept as dead letters",
		When: "refused messages were to be kept, and are lost",
		Do: "see `cause`: Redis, its ACL, or `dead_letters.rate`; the publishers have their answers, and `relay:rejects` " +
			"has told of each message",
	})
)

// NATS.
var (
	NATSRefused = add(Notice{
		Event: "refused", To: Host, Fields: []string{"cause", "channel", "pattern"},
		Alert: "refused", Once: true,
		Level: zapcore.WarnLevel, Text: "Redis refused a subscription of NATS clients",
		When: "Redis refuses a name that NATS clients listen to",
		Do:   "allow the name to the relay's user on Redis",
	})
	NATSGap = add(Notice{
		Event: "gap", To: Host, Fields: []string{"cause", "since", "until", "prefixes", "missing"},
		Alert: "gap", Once: true,
		Level: zapcore.WarnLevel, Text: "the NATS server fell behind",
		When: "the embedded NATS server took messages too slowly: only its clients have missed something",
		Do:   "give the host more processor time",
	})
	NATSLimits = add(Notice{
		Level: zapcore.WarnLevel, Text: "not all limits hold for NATS clients yet",
		When: "a reload changes a limit that the NATS server takes over only at a start",
		Do:   "restart the relay when convenient",
	})
	LeafUp = add(Notice{
		Alert: "nats_leaf", Ends: true,
		Level: zapcore.InfoLevel, Text: "leaf node of the NATS cluster", Logger: "leaf",
		When: "this relay has become the leaf node of the cluster",
	})
	LeafDown = add(Notice{
		Alert: "nats_leaf",
		Level: zapcore.WarnLevel, Logger: "leaf",
		Text: "the relay is not a leaf node of the NATS cluster; trying again",
		When: "an attempt to be the leaf node fails, or is ended by a loss",
		Do:   "see the reason that is told: the cluster, its address or the credentials",
	})
	LeafGap = add(Notice{
		Event: "gap", To: Cluster, Fields: []string{"cause", "since", "until", "prefixes"}, Alert: "gap", Once: true,
		When: "the cluster had no relay as its leaf node for a while",
		Do:   "read again what the messages were about",
	})
	ClusterGap = add(Notice{
		Event: "gap", To: Cluster, Fields: []string{"cause", "since", "until", "prefixes", "missing"},
		Alert: "gap", Once: true,
		Level: zapcore.WarnLevel, Text: "the NATS cluster fell behind, or its max_payload is less than limits.payload",
		When: "the cluster took messages too slowly, or takes none of that size",
		Do:   "compare its `max_payload` with `limits.payload`",
	})
)
