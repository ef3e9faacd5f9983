package deploy

// The alerts: that Prometheus takes them, that they name metrics which exist, and
// that they fire when they should, and only then.

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"sigs.k8s.io/yaml"
)

// scenarios say for each alert what makes it fire: samples of one a minute, as
// promtool writes them. Each alert is also tried on every other scenario, in
// which it must be silent, and on calm.
var scenarios = map[string]string{
	"RedisRelayDown":            `up{container="redis-relay"} 1x5 0x15`,
	"RedisRelayNotReady":        `redis_relay_upstream_ready 1x5 0x15`,
	"RedisRelayReloadRefused":   `redis_relay_config_last_reload_successful 1x5 0x15`,
	"RedisRelaySocketLost":      `redis_relay_socket_reachable 1x5 0x15`,
	"RedisRelayFlapping":        `redis_relay_upstream_connections_total 1+1x20`,
	"RedisRelayPublishesFail":   `redis_relay_rejects_total{direction="outbound", code="UPSTREAMDOWN", route="chat:"} 0+3x20`,
	"RedisRelayInvalidMessages": `redis_relay_rejects_total{direction="inbound", code="INVALID", route="chat:"} 0+3x20`,
	"RedisRelaySlowListeners":   `redis_relay_disconnects_total{reason="slow"} 0x10 1x10`,
	"RedisRelayLag": `redis_relay_upstream_round_trip_seconds_bucket{le="0.5"} 0x20
redis_relay_upstream_round_trip_seconds_bucket{le="1"} 0+30x20
redis_relay_upstream_round_trip_seconds_bucket{le="+Inf"} 0+30x20`,
	"RedisRelayStuckReader":    `redis_relay_queue_oldest_seconds 0x10 15x10`,
	"RedisRelayHistoryBehind":  `redis_relay_history_channels_behind 0x5 3x15`,
	"RedisRelayHistoryGap":     `redis_relay_history_gaps_total 2x10 3x10`,
	"RedisRelayNoisyChannel":   `redis_relay_rate_alerts_total{route="chat:"} 0x10 1x10`,
	"RedisRelayClientsRefused": `redis_relay_clients_refused_total 0x10 5x10`,
	"RedisRelayMemory": `process_resident_memory_bytes{container="redis-relay"} 236000000x20
go_gc_gomemlimit_bytes{container="redis-relay"} 241172480x20`,
}

// calm is a relay that does its work: it has connected twice, once listeners were
// disconnected for it, and the app has metrics of the same names.
const calm = `up{container="redis-relay"} 1x20
redis_relay_upstream_ready 1x20
redis_relay_socket_reachable 1x20
redis_relay_config_last_reload_successful 1x20
redis_relay_upstream_connections_total 1x10 2x10
redis_relay_rejects_total{direction="outbound", code="DENIED", route="chat:"} 0+3x20
redis_relay_rejects_total{direction="outbound", code="INVALID", route="chat:"} 7x20
redis_relay_disconnects_total{reason="gap"} 0x10 5x10
redis_relay_clients_refused_total 5x20
redis_relay_queue_oldest_seconds 0x10 3x10
redis_relay_upstream_round_trip_seconds_bucket{le="0.001"} 0+29x20
redis_relay_upstream_round_trip_seconds_bucket{le="1"} 0+30x20
redis_relay_upstream_round_trip_seconds_bucket{le="+Inf"} 0+30x20
redis_relay_history_channels_behind 0x20
redis_relay_history_gaps_total 2x20
redis_relay_rate_alerts_total{route="chat:"} 1x20
process_resident_memory_bytes{container="redis-relay"} 40000000x20
process_resident_memory_bytes{container="app"} 900000000x20
go_gc_gomemlimit_bytes{container="redis-relay"} 241172480x20
go_gc_gomemlimit_bytes{container="app"} 241172480x20`

var promQL = parser.NewParser(parser.Options{})

// alerts returns the expressions of the shipped alerts by name, as Prometheus
// reads them.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	spec := find[*monitoring.PrometheusRule](t, kustomized(t, "sidecar"), "PrometheusRule/redis-relay").Spec
	text, err := yaml.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	all := map[string]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			all[rule.Alert] = rule.Expr
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or no summary", rule.Alert)
			}
		}
	}
	return all
}

func TestAlertsFire(t *testing.T) {
	all := alerts(t)
	if want, got := slices.Sorted(maps.Keys(scenarios)), slices.Sorted(maps.Keys(all)); !slices.Equal(want, got) {
		t.Fatalf("alerts %q, scenarios %q", got, want)
	}
	for scenario, samples := range scenarios {
		for alert, expr := range all {
			if fired := fires(t, expr, samples); fired != (alert == scenario) {
				t.Errorf("%s, in the scenario of %s: fires is %v", alert, scenario, fired)
			}
		}
	}
	for alert, expr := range all {
		if fires(t, expr, calm) {
			t.Errorf("%s fires when all is calm", alert)
		}
	}
}

// TestEverySlowListenerAlerts holds all the reasons for which a client that does not
// keep up is let go.
func TestEverySlowListenerAlerts(t *testing.T) {
	expr := alerts(t)["RedisRelaySlowListeners"]
	for _, reason := range []string{"slow", "age", "memory"} {
		if !fires(t, expr, `redis_relay_disconnects_total{reason="`+reason+`"} 0x10 1x10`) {
			t.Errorf("silent when a client is disconnected for %s", reason)
		}
	}
}

// fires evaluates an expression after 20 minutes of samples.
func fires(t *testing.T, expr, samples string) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n  "+strings.ReplaceAll(samples, "\n", "\n  "))
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	query, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, time.Unix(0, 0).Add(20*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	found, ok := result.Value.(promql.Vector)
	if !ok {
		t.Fatalf("%s is a %s, not a vector", expr, result.Value.Type())
	}
	return len(found) > 0
}

// checkSelectors holds each selector in the alerts to the series of a running
// relay: a misspelt metric, label or value would be silent for ever. exposition
// is what /metrics says; Prometheus adds up, and the labels of its target.
func checkSelectors(t *testing.T, exposition []byte) {
	t.Helper()
	series := []labels.Labels{target(labels.FromStrings(model.MetricNameLabel, "up"))}
	p := textparse.NewPromParser(exposition, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if err != nil {
			break // io.EOF; what came before must do
		}
		if entry == textparse.EntrySeries {
			var l labels.Labels
			p.Labels(&l)
			series = append(series, target(l))
		}
	}
	for alert, text := range alerts(t) {
		expr, err := promQL.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, matchers := range parser.ExtractSelectors(expr) {
			if !slices.ContainsFunc(series, func(l labels.Labels) bool { return matchesAll(matchers, l) }) {
				t.Errorf("%s: no series of a relay matches %s", alert, matchers)
			}
		}
	}
}

// target adds the labels that Prometheus gives to what it finds by the PodMonitor.
func target(l labels.Labels) labels.Labels {
	return labels.NewBuilder(l).Set("namespace", "default").Set("pod", "chat-1").Set("container", "redis-relay").Labels()
}

func matchesAll(matchers []*labels.Matcher, l labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}
