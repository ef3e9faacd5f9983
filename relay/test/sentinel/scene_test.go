package sentinel

// What the tests have in common: a relay, its master with two replicas, and three sentinels.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// patience bounds every wait that expects no particular time.
const patience = time.Minute

// scene is a relay with sentinels.
type scene struct {
	*redistest.SentinelGroup
	t     *testing.T
	relay *harness.Relay
}

// begin starts a master with two replicas, three sentinels and a relay.
func begin(t *testing.T, opts ...harness.Option) *scene {
	t.Helper()
	return relayOf(t, redistest.StartSentinels(t, 2, 3, ""), opts...)
}

func relayOf(t *testing.T, s *redistest.SentinelGroup, opts ...harness.Option) *scene {
	t.Helper()
	return &scene{s, t, harness.Start(t, nil, options(s, opts)...)}
}

func options(s *redistest.SentinelGroup, opts []harness.Option) []harness.Option {
	calm := harness.NewRoute("c:", func(r *config.Route) { r.Policy.OnGap = config.OnGapNotify })
	return append([]harness.Option{
		harness.WithRedis(s.URL()), harness.WithRoutes(calm), func(c *config.Config) { c.Redis.Mode = config.ModeSentinel },
	}, opts...)
}

// at waits until the relay listens to a server, and to no other that runs.
func (s *scene) at(want int) {
	s.t.Helper()
	redistest.Eventually(s.t, patience, "the relay listens to the new master alone", func() bool {
		for i, server := range s.Servers {
			if n, runs := subscribers(server); runs && (n == 1) != (i == want) {
				return false
			}
		}
		return s.relay.IsReady()
	})
}

// subscribers counts the relay's subscriber connections at a server.
func subscribers(server *redistest.Server) (count int, runs bool) {
	list, err := server.Do("CLIENT", "LIST")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(list.Str) {
		if strings.Contains(line, " name=redis-relay:") && strings.Contains(line, ":sub ") {
			count++
		}
	}
	return count, true
}

func isMaster(server *redistest.Server) bool {
	role, err := server.Do("ROLE")
	return err == nil && role.Elems[0].Str == "master"
}

// causes lists the errors in the log.
func causes(r *harness.Relay) string {
	var b strings.Builder
	for _, e := range r.Logs.All() {
		if text, ok := e.ContextMap()["error"].(string); ok {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}
