package overview

// The metrics, but for those of routes and the histograms.

import (
	"slices"

	"redis-relay/relay/admin"
	"redis-relay/relay/alerts"
	"redis-relay/relay/deadletter"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/leaf"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/traces"
)

// Measure names the metrics, those of a server for HTTP among them; nil: there is none. It must be called once.
func (o *Overview) Measure(m *monitor.Metrics, http *admin.Server) {
	p := &o.parts
	fromLoop := func(figure func() float64) func() float64 { // a figure of what belongs to the loop is asked of it
		return func() (v float64) {
			p.Loop.Call(func() { v = figure() })
			return v
		}
	}
	measureClients(m, p.Server, p.Socket, p.Limits)
	m.Gauge("queue_oldest_seconds", "How long output has waited by now, for the connection where it has waited longest.",
		fromLoop(func() float64 { return p.Limits.Oldest().Seconds() }))
	measureHub(m, p.Hub, fromLoop)
	measureLast(m, p.Last, fromLoop)
	measureNATS(m, p.NATS, p.Leaf)
	for _, u := range p.Upstreams {
		o.measureUpstream(m, u, fromLoop)
	}
	measureHTTP(m, http)
	measureTraces(m, p.Traces)
	measureReloads(m, p.Loaded)
	measureAlerts(m, p.Alerts, p.Webhook)
	m.Gauge("loop_longest_turn_seconds", "The longest time so far in which the event loop served nobody else.",
		func() float64 { return p.Loop.Longest().Seconds() })
	m.Count("loop_turns_total", "Turns of the event loop.", func() float64 { return float64(p.Loop.Turns()) })
	m.Count("upstream_alerts_total", "Outages in which Redis could not be reached redis.alert_after times in a row.",
		func() float64 { return float64(p.Teller.Told(notice.UpstreamAlert)) })
}

func measureClients(m *monitor.Metrics, s *respserver.Server, socket *listen.Socket, l *respserver.Limits) {
	m.Gauge("clients", "Connections on the socket and by TCP.", func() float64 { return float64(s.Stats().Clients) })
	m.Gauge("socket_reachable", "1 while the socket's file is there, so that clients can connect.",
		func() float64 { return boolGauge(socket.Unreachable() == nil) })
	m.Count("socket_remade_total", "Times that the socket's file was gone or replaced, and was made anew.",
		func() float64 { return float64(socket.Remade()) })
	m.Count("clients_accepted_total", "Connections accepted.",
		func() float64 { return float64(s.Stats().Accepted) })
	m.Count("clients_refused_total", "Connections turned away.",
		func() float64 { return float64(s.Stats().Refused) })
	m.Count("subscriptions_refused_total", "Commands of clients that may not listen to a name, or read its history.",
		func() float64 { return float64(s.Stats().Denied) })
	m.Count("commands_total", "Commands of clients.",
		func() float64 { return float64(s.Stats().Commands) })
	for _, why := range respserver.EndReasons {
		m.Count("disconnects_total", "Clients disconnected by the relay.",
			func() float64 { return float64(s.Ended(why)) }, "reason", string(why))
	}
	m.Gauge("queued_bytes",
		"Output that waits for clients whose sockets are full, and their commands and answers that are not whole.",
		func() float64 { return float64(max(0, l.Used()-l.Kept()-l.Others())) })
	m.Gauge("memory_used_bytes", "Bytes that wait, or are kept, for all connections together: limits.memory bounds them.",
		func() float64 { return float64(l.Used()) })
	m.Gauge("memory_limit_bytes", "What limits.memory allows.", func() float64 { return float64(l.Memory.Load()) })
	m.Gauge("subscription_bytes", "Memory kept for what local connections listen to, and wait for in XREAD, about.",
		func() float64 { return float64(l.Kept()) })
}

func measureFleet(m *monitor.Metrics, f *fleet.Fleet, labels []string) {
	m.Count("fleet_questions_total", "Questions to all relays, about how many listeners there are.", func() float64 {
		questions, _ := f.Stats()
		return float64(questions)
	}, labels...)
	m.Count("fleet_answers_missing_total", "Answers of relays that did not come in time: each counts as one.",
		func() float64 {
			_, missing := f.Stats()
			return float64(missing)
		}, labels...)
}

// measureHTTP names the metrics of a server, or of none.
func measureHTTP(m *monitor.Metrics, s *admin.Server) {
	connections := func() (now int, displaced uint64) { return 0, 0 }
	if s != nil {
		connections = s.Connections
	}
	m.Gauge("http_connections", "Connections to the HTTP server.", func() float64 {
		now, _ := connections()
		return float64(now)
	})
	m.Count("http_displaced_total", "Connections to the HTTP server that were closed to make room for new ones.",
		func() float64 {
			_, displaced := connections()
			return float64(displaced)
		})
}

func measureTraces(m *monitor.Metrics, t *traces.Tracer) {
	const help = "Spans of traced messages: taken by the receiver, not taken, or dropped since too many waited."
	m.Count("trace_spans_total", help, func() float64 { return float64(t.Stats().Exported) }, "result", "exported")
	m.Count("trace_spans_total", help, func() float64 { return float64(t.Stats().Failed) }, "result", "failed")
	m.Count("trace_spans_total", help, func() float64 { return float64(t.Stats().Dropped) }, "result", "dropped")
}

func measureHub(m *monitor.Metrics, h *hub.Group, fromLoop func(func() float64) func() float64) {
	for kind, label := range []string{"channel", "pattern", "shard"} {
		m.Gauge("subscriptions", "Names that somebody on this host listens to.",
			fromLoop(func() float64 { return float64(h.Stats().Topics[kind]) }), "kind", label)
		m.Gauge("listeners", "Subscriptions of local connections.",
			fromLoop(func() float64 { return float64(h.Stats().Listeners[kind]) }), "kind", label)
	}
	const drops = "Messages that one listener did not get."
	m.Count("drops_total", drops, fromLoop(func() float64 { return float64(h.Stats().Dropped) }),
		"reason", string(hub.ReasonDropped))
	m.Count("drops_total", drops, fromLoop(func() float64 { return float64(h.Stats().Replaced) }),
		"reason", string(hub.ReasonLatest))
	m.Count("drops_total", drops, fromLoop(func() float64 { return float64(h.Stats().Ended) }),
		"reason", string(hub.ReasonEnded))
}

func measureHistory(
	m *monitor.Metrics, f *history.Feed, fromLoop func(func() float64) func() float64, labels []string,
) {
	m.Gauge("history_channels", "Channels with history that are followed.",
		fromLoop(func() float64 { return float64(f.Stats().Channels) }), labels...)
	m.Gauge("history_channels_behind", "Channels with history of which entries are missing and being read.",
		fromLoop(func() float64 { return float64(f.Stats().Behind) }), labels...)
	m.Gauge("history_readers", "Clients that wait in XREAD BLOCK.",
		fromLoop(func() float64 { return float64(f.Stats().Readers) }), labels...)
	m.Gauge("history_bytes", "Memory of messages that wait for missing entries, and of entries kept for readers.",
		fromLoop(func() float64 { return float64(f.Stats().Held + f.Stats().Kept) }), labels...)
	m.Count("history_healed_total", "Entries that listeners got after a loss, from the stream.",
		fromLoop(func() float64 { return float64(f.Stats().Healed) }), labels...)
	m.Count("history_gaps_total", "Gaps in channels with history that could not be healed, each told on relay:events.",
		fromLoop(func() float64 { return float64(f.Stats().Gaps) }), labels...)
}

// measureReloads names the metrics of reloads, after Prometheus's own.
func measureReloads(m *monitor.Metrics, loaded func() *Loaded) {
	m.Gauge("config_last_reload_successful",
		"1 unless the last reload was refused, so that the relay goes on with an earlier configuration.",
		func() float64 { return boolGauge(loaded().Refused.IsZero()) })
	m.Gauge("config_last_reload_success_timestamp_seconds",
		"When the configuration that runs was taken over.",
		func() float64 { return float64(loaded().At.UnixNano()) / 1e9 })
}

// measureDeadLetters names the metrics of dead letters.
func measureDeadLetters(m *monitor.Metrics, w *deadletter.Writer, labels []string) {
	m.Count("dead_letters_written_total", "Refused messages that this relay has written into a stream of dead letters.",
		func() float64 { return float64(w.Stats().Written) }, labels...)
	m.Count("dead_letters_known_total", "Refused messages from Redis that were not written, since a relay just had.",
		func() float64 { return float64(w.Stats().Known) }, labels...)
	const help = "Refused messages that are not kept, though their route asks for it."
	lost := func(reason string, count func() float64) {
		m.Count("dead_letters_lost_total", help, count, append(slices.Clip(labels), "reason", reason)...)
	}
	lost("full", func() float64 { return float64(w.Stats().NoRoom) })
	lost("refused", func() float64 { return float64(w.Stats().Refused) })
	lost("ended", func() float64 { return float64(w.Stats().Ended) })
	m.Gauge("dead_letters_waiting", "Refused messages that wait to be written.",
		func() float64 { return float64(w.Stats().Waiting) }, labels...)
}

// measureNATS names the metrics of the NATS gateway, and of the connection to a cluster.
func measureNATS(m *monitor.Metrics, stats func() natsbridge.Stats, l *leaf.Node) {
	m.Gauge("nats_clients", "Connections to the NATS server.", func() float64 { return float64(stats().Clients) })
	m.Gauge("nats_subscriptions", "Channels and patterns that NATS clients listen to.",
		func() float64 { return float64(stats().Subscriptions) })
	m.Count("nats_delivered_total", "Messages given to the NATS server, once for all its clients.",
		func() float64 { return float64(stats().Delivered) })
	m.Count("nats_drops_total", "Messages not given to the NATS server, which had fallen behind.",
		func() float64 { return float64(stats().Dropped) })
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Slow) }, "reason", "slow")
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Gaps) }, "reason", "gap")
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Large) }, "reason", "memory")
	m.Gauge("nats_subscription_bytes", "Memory kept for what NATS clients listen to, about.",
		func() float64 { return float64(stats().Kept) })
	for _, reason := range natsbridge.Reasons {
		m.Count("nats_refused_total", "What NATS clients were refused.", func() float64 {
			return float64(stats().Refused[reason] + l.Stats().Refused[reason])
		}, "reason", reason)
	}
	m.Gauge("nats_leaf_up", "1 while this relay is the leaf node of a NATS cluster.",
		func() float64 { return boolGauge(l.Stats().Up) })
	m.Count("nats_leaf_failures_total", "Attempts to be the leaf node that failed, or ended by a loss.",
		func() float64 { return float64(l.Stats().Failures) })
	m.Count("nats_leaf_delivered_total", "Messages given to the NATS cluster.",
		func() float64 { return float64(l.Stats().Delivered) })
	m.Count("nats_leaf_drops_total", "Messages the NATS cluster was too far behind for, or that are too large for it.",
		func() float64 { return float64(l.Stats().Dropped) })
}

// measureAlerts names the metrics of alerts, and of the webhook.
func measureAlerts(m *monitor.Metrics, b *alerts.Board, webhook func() alerts.WebhookStats) {
	for _, kind := range notice.AlertKinds() {
		m.Gauge("alerts_active", "Alerts that stand.",
			func() float64 { return float64(b.Count(kind).Standing) }, "kind", kind)
		m.Count("alerts_total", "Alerts raised.", func() float64 { return float64(b.Count(kind).Raised) }, "kind", kind)
	}
	m.Count("alerts_ignored_total", "Reports that raised no alert, because too many of their kind stood.",
		func() float64 { return float64(b.Ignored()) })
	m.Count("webhook_sent_total", "Messages that alerts.webhook has taken.",
		func() float64 { return float64(webhook().Sent) })
	m.Count("webhook_failures_total", "Requests to alerts.webhook that failed.",
		func() float64 { return float64(webhook().Failures) })
	m.Count("webhook_dropped_total", "Messages for alerts.webhook that were dropped.",
		func() float64 { return float64(webhook().Dropped) })
	m.Gauge("webhook_waiting", "Messages that wait for alerts.webhook.",
		func() float64 { return float64(webhook().Waiting) })
}

// boolGauge returns a condition as a gauge.
func boolGauge(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
