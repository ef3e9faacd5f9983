package relay

// What a message costs that is not traced.

import (
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/traces"
	"redis-relay/relay/traffic"
	"redis-relay/relay/watch"
)

// quietInterest asks Redis for nothing.
type quietInterest struct{ hub.Upstream }

// inboundForTest is the path in, to nobody, with a route that has history.
func inboundForTest(t testing.TB, tracer *traces.Tracer) (*inbound, *rules) {
	t.Helper()
	cfg := config.Default()
	route := config.NewRoute("diary:")
	route.Policy.History = &config.History{Length: 10}
	cfg.Routes = []config.Route{route}
	now, err := newRules(&cfg, &cfg, monitor.New("test"))
	if err != nil {
		t.Fatal(err)
	}
	var current atomic.Pointer[rules]
	current.Store(now)
	in := &inbound{
		side: &side{hub: hub.New(quietInterest{}, policy.IsLocal)}, rules: &current, checks: &checks.Pool{}, outlets: &outlets{epochs: make([]uint64, 1), moment: 1},
		traces: tracer, viewers: watch.NewViewers(nil, ""), watch: &watch.Watch{Table: traffic.New(traffic.Options{Now: time.Now()})},
	}
	return in, now
}

// TestNotTracedCostsNothing: a message from Redis with an ID, the dearest to describe, with traces off and on.
func TestNotTracedCostsNothing(t *testing.T) {
	tracer, err := traces.New(traces.Options{
		Endpoint: "http://127.0.0.1:1", Field: "traceparent", Failed: func(error, uint64) {}, Back: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tracer.Close() }()
	for name, tracer := range map[string]*traces.Tracer{"off": nil, "on": tracer} {
		in, now := inboundForTest(t, tracer)
		d := &resp.Delivery{
			Kind: resp.Message, Channel: []byte("diary:1"), Payload: []byte(`{"traceparent":"none"}`),
			ID: resp.EntryID{Ms: 1700000000000, Seq: 1},
		}
		rt := now.Route(d.Channel)
		if n := testing.AllocsPerRun(1000, func() { in.act(now, rt, &in.live, d) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
