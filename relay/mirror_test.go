package relay

import (
	"maps"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/policy"
)

// TestMirrorsForgetRoutes that a reload has taken out, or mirrors no more.
func TestMirrorsForgetRoutes(t *testing.T) {
	cfg := config.Default()
	cfg.Schemas.Dir = t.TempDir()
	mirror := &config.Mirror{Upstream: config.MainUpstream, Percent: 10}
	cfg.Routes = []config.Route{
		{Prefix: "a:", Upstream: config.MainUpstream, Mirror: mirror}, {Prefix: "b:", Upstream: config.MainUpstream},
	}
	decided, err := policy.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := newMirrors(nil, nil)
	m.due = map[string]float64{"a:": 30, "b:": 20, "gone:": 10}
	m.prune(&rules{Rules: decided})
	if want := map[string]float64{"a:": 30}; !maps.Equal(m.due, want) {
		t.Errorf("due: %v, want %v", m.due, want)
	}
}
