package overview

// What an overview is of.

import (
	"fmt"
	"strings"
	"time"

	"redis-relay/config"
	"redis-relay/relay/alerts"
	"redis-relay/relay/hub"
	"redis-relay/relay/leaf"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/traces"
	"redis-relay/relay/watch"
)

// Parts are asked by an Overview. The functions may be called from anywhere.
type Parts struct {
	Version string
	Config  *config.Config // as at the start

	Loop      *loop.Loop
	Upstreams []*Upstream // main first
	Hub       *hub.Group  // of theirs
	Server    *respserver.Server
	Socket    *listen.Socket
	TCP       *listen.TCP    // nil: off
	Leaf      *leaf.Node     // nil: off
	Traces    *traces.Tracer // nil: off
	Watch     *watch.Watch
	Alerts    *alerts.Board
	Teller    *notice.Teller
	Limits    *respserver.Limits

	NATS    func() natsbridge.Stats
	Last    func() Last // belongs to the loop
	Webhook func() alerts.WebhookStats
	Rules   func() (*policy.Rules, []*monitor.Route) // of this moment, with the counters by Route.Index
	Loaded  func() *Loaded
}

// upstreamOf returns the upstream of a channel.
func (p *Parts) upstreamOf(channel []byte) *Upstream {
	rules, _ := p.Rules()
	return p.Upstreams[rules.Place(channel).Index]
}

// Loaded is how far a configuration was taken over. It is immutable.
type Loaded struct {
	At      time.Time // when the configuration that runs was taken over
	Changes []string  // what it changed; empty at the start
	Refused time.Time // when a later one was refused; zero: none was
	Cause   string    // why
}

// describe says it in one line for people.
func (l *Loaded) describe() string {
	at := l.At.UTC().Format(time.RFC3339)
	if l.Refused.IsZero() {
		return "loaded at " + at
	}
	return fmt.Sprintf("reload refused at %s, the relay goes on with what it loaded at %s: %s",
		l.Refused.UTC().Format(time.RFC3339), at, strings.ReplaceAll(l.Cause, "\n", "; "))
}
