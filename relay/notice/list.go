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

	Alert string        // the kind of alert that it raises, or ends; empty: none
	Ends  bool          // it ends the alert
	Once  bool          // the alert is over as soon as it is raised
	Lasts time.Duration // the alert ends after so long without another notice; 0: only a notice ends it
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
	UpstreamAlert = add(Notice{
		Event: "alert", To: Host, Fields: []string{"upstream", "cause", "attempts"},
		Alert: "upstream",
		Level: zapcore.ErrorLevel, Text: "Redis cannot be reached; still trying",
		When: "`redis.alert_after` attempts to connect have failed in a row",
		Do:   "see `cause`: Redis, the network, or the password",
	})
	UpstreamGap = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"upstream", "cause", "since", "until", "prefixes"},
		Alert: "gap", Once: true,
		When: "the connection to Redis stands again: messages of that time may be lost",
		Do:   "read again what the messages were about; a history heals the loss",
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
		When: "a channel carries `alerts.spike.factor` times its usual rate, and at least `alerts.spike.floor` messages/s",
		Do:   "look for its publisher: `pid` and `uid`, if it is on this host",
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

// The relay itself.
var (
	SocketDown = add(Notice{
		Event: "socket_down", To: Host, Fields: []string{"cause"},
		Alert: "socket",
		Level: zapcore.ErrorLevel, Text: "clients cannot connect; those who are connected stay",
		When: "the socket's file is gone, or another one is in its place",
		Do:   "nothing: the relay makes it anew; find out who removed it",
	})
	SocketUp = add(Notice{
		Event: "socket_up", To: Host, Alert: "socket", Ends: true,
		Level: zapcore.InfoLevel, Text: "clients can connect again",
		When: "the socket's file is there again",
	})
	Reloaded = add(Notice{
		Event: "reload", To: Host, Alert: "reload", Ends: true, Level: zapcore.InfoLevel, Text: "configuration reloaded",
		When: "a changed configuration was taken over",
	})
	ReloadRefused = add(Notice{
		Event: "reload", To: Host, Fields: []string{"cause"},
		Alert: "reload",
		Level: zapcore.ErrorLevel, Text: "reload refused, the relay goes on as before",
		When: "a changed configuration has a mistake",
		Do:   "correct what `cause` names",
	})
	Moved = add(Notice{
		Event: "gap", To: Host | Cluster, Fields: []string{"upstream", "cause", "since", "until", "prefixes"},
		Alert: "gap", Once: true,
		Level: zapcore.InfoLevel, Text: "channels have moved to another upstream",
		When: "a reload has moved channels to an upstream that was not heard before: messages of that time may be lost",
		Do:   "read again what the messages were about; `also_subscribe` on the route moves channels without a gap",
	})
	MirrorDropped = add(Notice{
		Level: zapcore.WarnLevel, Text: "a mirrored message was dropped", Often: "more mirrored messages were dropped",
		When: "the upstream in `mirror` is away, refuses a message, or is too slow; the message itself was published",
		Do:   "see `error` and `upstream`; nothing, if that Redis is only being tried",
	})
	RestartNeeded = add(Notice{
		Level: zapcore.WarnLevel, Text: "restart needed for some of the changes",
		When: "a reload cannot take over some of the keys that have changed",
		Do:   "restart the relay when convenient",
	})
	SettingWarning = add(Notice{
		Level: zapcore.WarnLevel, Text: "%s",
		When: "a route or a schema does less than it seems to; the line says what",
		Do:   "correct it, or ignore the line",
	})
	SchemasCompiled = add(Notice{
		Level: zapcore.InfoLevel, Text: "schemas compiled",
		When: "at the start, and after a reload",
	})
	SchemaSlow = add(Notice{
		Level: zapcore.WarnLevel, Text: "a schema is not compiled: to check a message costs some three times as much",
		When: "a schema uses a keyword, `because_of`, that the compiled checker does not know",
		Do:   "write the schema without it, if its messages are many",
	})
	TracesLost = add(Notice{
		Level: zapcore.WarnLevel, Text: "traces are lost: their receiver does not take them",
		When: "spans cannot be sent to `traces.endpoint`; at most once a minute",
		Do:   "see `error`: the collector must take OTLP over HTTP, mostly on port 4318; messages are not affected",
	})
	TracesBack = add(Notice{
		Level: zapcore.InfoLevel, Text: "traces are received again",
		When: "spans can be sent again after such a line",
	})
	FewDescriptors = add(Notice{
		Level: zapcore.WarnLevel,
		Text:  "limits.clients is lowered: the process may open too few files (ulimit -n, LimitNOFILE)",
		When:  "the system allows the process fewer open files than `limits.clients` needs",
		Do:    "raise the limit of open files",
	})
	LongTurn = add(Notice{
		Level: zapcore.WarnLevel, Text: "the relay stood still for others", Often: "the relay stood still for others",
		When: "one piece of work kept the event loop for over 50 ms",
		Do:   "if it comes often: more processor time, or report what `longest` says",
	})
	NotEncoded = add(Notice{
		Level: zapcore.ErrorLevel, Text: "cannot encode an event",
		When: "never, but for a mistake of the relay",
		Do:   "report it",
	})
)
