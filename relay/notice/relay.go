package notice

// The list goes on: notices about the relay itself.

import "go.uber.org/zap/zapcore"

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
