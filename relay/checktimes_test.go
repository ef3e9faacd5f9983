package relay

import (
	"testing"

	"redis-relay/config"
	"redis-relay/relay/monitor"
)

const typing = `{"type":"typing","userId":"ann","roomId":"42"}`

// chatRules are those of the shipped relay.yaml.
func chatRules(tb testing.TB) (*rules, *monitor.Metrics) {
	tb.Helper()
	cfg, err := config.Load(config.Source{Path: "../relay.yaml", Required: true})
	if err != nil {
		tb.Fatal(err)
	}
	m := monitor.New("test")
	r, err := newRules(cfg, cfg.UpstreamNames(), m)
	if err != nil {
		tb.Fatal(err)
	}
	return r, m
}

func TestShortChecksAreSampled(t *testing.T) {
	r, m := chatRules(t)
	checker := r.Route([]byte("chat:42")).Checker
	for n, want := range map[int]uint64{1: 128, 128: 128, 129: 256} {
		before := m.SchemaCheck.Figures().Count
		checker.(*timedChecker).scans = 0
		for range n {
			if _, _, decided, err := checker.Scan([]byte(typing)); err != nil || !decided {
				t.Fatal(decided, err)
			}
		}
		if got := m.SchemaCheck.Figures().Count - before; got != want {
			t.Errorf("%d checks count as %d, want %d", n, got, want)
		}
	}
}

func TestLongChecksAreAllMeasured(t *testing.T) {
	r, m := chatRules(t)
	checker := r.Route([]byte("chat:42")).Checker
	for range 3 {
		if err := checker.Validate([]byte(typing), nil); err != nil {
			t.Fatal(err)
		}
	}
	if f := m.SchemaCheck.Figures(); f.Count != 3 || f.Sum == 0 {
		t.Error(f.Count, f.Sum)
	}
}

func BenchmarkScan(b *testing.B) {
	r, _ := chatRules(b)
	timed := r.Route([]byte("chat:42")).Checker.(*timedChecker)
	b.Run("timed", func(b *testing.B) {
		for b.Loop() {
			_, _, _, _ = timed.Scan([]byte(typing))
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			_, _, _, _ = timed.Checker.Scan([]byte(typing))
		}
	})
}
