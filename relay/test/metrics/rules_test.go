package metrics

// The alert rules: promtool takes them, and each fires when it should, and only then.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"redis-relay/relay/test/harness"
)

const rulesFile = "examples/prometheus/redis-relay.rules.yaml"

// scenario says what makes one rule fire: samples, one a minute, as promtool writes them. All other rules are silent.
type scenario struct {
	rule    string
	samples []samples
}

var scenarios = []scenario{
	{"RedisRelayDown", []samples{{`up{job="redis-relay"}`, "1x5 0x15"}}},
	{"RedisRelayNotReady", []samples{{"redis_relay_upstream_ready", "1x5 0x15"}}},
	{"RedisRelayCredentials", []samples{{`redis_relay_alerts_active{kind="credentials"}`, "0x5 1x15"}}},
	{"RedisRelayFlapping", []samples{{"redis_relay_upstream_connections_total", "1+1x20"}}},
	{"RedisRelayLag", []samples{
		{`redis_relay_upstream_round_trip_seconds_bucket{le="0.5"}`, "0x20"},
		{`redis_relay_upstream_round_trip_seconds_bucket{le="1"}`, "0+30x20"},
		{`redis_relay_upstream_round_trip_seconds_bucket{le="+Inf"}`, "0+30x20"},
	}},
	{"RedisRelayLongTurns", []samples{
		{"redis_relay_loop_turn_seconds_count", "0+3000x20"},
		{`redis_relay_loop_turn_seconds_bucket{le="0.1"}`, "0+2990x20"},
	}},
	{"RedisRelaySocketLost", []samples{{"redis_relay_socket_reachable", "1x5 0x15"}}},
	{"RedisRelayClientsRefused", []samples{{"redis_relay_clients_refused_total", "0x10 5x10"}}},
	{"RedisRelayReloadRefused", []samples{{"redis_relay_config_last_reload_successful", "1x5 0x15"}}},
	{"RedisRelayPublishesFail", []samples{rejects("outbound", "UPSTREAMDOWN", "0+3x20")}},
	{"RedisRelayPublishesFail", []samples{rejects("outbound", "BUSY", "0+3x20")}},
	{"RedisRelayRejects", []samples{rejects("inbound", "INVALID", "0+3x20")}},
	{"RedisRelayRejects", []samples{rejects("outbound", "TOOLARGE", "0+1x20")}},
	{"RedisRelayNoisyChannel", noise("spike", "0x10 1x10", "0x10 1x10")},
	{"RedisRelayNoisyChannel", noise("rate", "0 1x20", "0 1x20")},       // it lasts, and was counted long ago
	{"RedisRelayNoisyChannel", noise("spike", "0x20", "0x17 1x5")},      // it is over, and no scrape saw it stand
	{"RedisRelayNoisyChannel", noise("rate", "0x17 1 0x5", "4x17 5x5")}, // it is over
	{"RedisRelayStuckReader", []samples{{"redis_relay_queue_oldest_seconds", "0x10 15x10"}}},
	{"RedisRelaySlowListeners", []samples{disconnects("slow", "0x10 1x10")}},
	{"RedisRelaySlowListeners", []samples{disconnects("age", "0x10 1x10")}},
	{"RedisRelaySlowListeners", []samples{disconnects("memory", "0x10 1x10")}},
	{"RedisRelayDrops", []samples{{`redis_relay_drops_total{reason="dropped"}`, "0+60x20"}}},
	{"RedisRelayGap", []samples{{`redis_relay_alerts_total{kind="gap"}`, "2x10 3x10"}}},
	{"RedisRelayHistoryBehind", []samples{{"redis_relay_history_channels_behind", "0x5 3x15"}}},
	{"RedisRelayHistoryGap", []samples{{"redis_relay_history_gaps_total", "2x10 3x10"}}},
	{"RedisRelayDeadLettersLost", []samples{{`redis_relay_dead_letters_lost_total{reason="full"}`, "2x10 9x10"}}},
	{"RedisRelayLeafLost", []samples{{`redis_relay_alerts_active{kind="nats_leaf"}`, "0x10 1x10"}}},
	{"RedisRelayWebhookFails", []samples{{"redis_relay_webhook_waiting", "0x10 1x10"}}},
	{"RedisRelayWebhookFails", []samples{{"redis_relay_webhook_dropped_total", "0x10 1x10"}}},
	{"RedisRelayMemory", memory("redis-relay", "236000000x20")},
}

// calm is a relay that does its work, with what happens on a good day.
var calm = slices.Concat([]samples{
	{`up{job="redis-relay"}`, "1x9 0 1x10"}, // one scrape failed
	{`up{job="app"}`, "0x20"},
	{"redis_relay_upstream_ready", "1x9 0 1x10"},
	{"redis_relay_upstream_connections_total", "1x10 2x10"}, // Redis was upgraded
	{`redis_relay_upstream_round_trip_seconds_bucket{le="0.001"}`, "0+29x20"},
	{`redis_relay_upstream_round_trip_seconds_bucket{le="1"}`, "0+30x20"},
	{`redis_relay_upstream_round_trip_seconds_bucket{le="+Inf"}`, "0+30x20"},
	{"redis_relay_loop_turn_seconds_count", "0+3001x20"},
	{`redis_relay_loop_turn_seconds_bucket{le="0.1"}`, "0+3000x20"},
	{"redis_relay_socket_reachable", "1x20"},
	{"redis_relay_clients_refused_total", "5x20"},
	{"redis_relay_config_last_reload_successful", "1x20"},
	rejects("outbound", "UPSTREAMDOWN", "4x20"),
	rejects("outbound", "DENIED", "0x10 7x10"), // once
	rejects("inbound", "INVALID", "7x20"),
	disconnects("gap", "0x10 5x10"),
	disconnects("slow", "3x20"),
	{"redis_relay_queue_oldest_seconds", "0x10 3x10"},
	{`redis_relay_drops_total{reason="dropped"}`, "0x14 9x6"},    // once
	{`redis_relay_drops_total{reason="latest"}`, "0+600x20"},     // as the route wants it
	{`redis_relay_alerts_total{kind="gap"}`, "2x20"},             // long ago
	{`redis_relay_alerts_total{kind="slow_listener"}`, "0+1x20"}, // has rules of its own
	{"redis_relay_history_channels_behind", "0x9 3 0x10"},        // heals
	{"redis_relay_history_gaps_total", "2x20"},
	{`redis_relay_dead_letters_lost_total{reason="refused"}`, "4x20"}, // long ago
	{`redis_relay_alerts_active{kind="nats_leaf"}`, "0x9 1 0x10"},
	{"redis_relay_webhook_waiting", "0x9 1 0x10"},
	{"redis_relay_webhook_dropped_total", "2x20"},
}, noise("spike", "0x20", "4x20"), memory("redis-relay", "40000000x20"), []samples{
	{`process_resident_memory_bytes{job="app"}`, "900000000x20"},
	{`go_gc_gomemlimit_bytes{job="app"}`, "241172480x20"},
})

func rejects(direction, code, values string) samples {
	return samples{`redis_relay_rejects_total{route="chat:",direction="` + direction + `",code="` + code + `"}`, values}
}

func disconnects(reason, values string) samples {
	return samples{`redis_relay_disconnects_total{reason="` + reason + `"}`, values}
}

func noise(kind, active, total string) []samples {
	label := `{kind="` + kind + `"}`
	return []samples{{"redis_relay_alerts_active" + label, active}, {"redis_relay_alerts_total" + label, total}}
}

func memory(job, resident string) []samples {
	label := `{job="` + job + `",instance="host:9464"}`
	return []samples{
		{"process_resident_memory_bytes" + label, resident},
		{"go_gc_gomemlimit_bytes" + label, "241172480x20"},
		{"redis_relay_build_info" + label, "1x20"},
	}
}

var ruleName = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)

// rules lists the names of the shipped rules.
func rules(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile(harness.Path(t, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ruleName.FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	if len(names) < 15 {
		t.Fatalf("only %d rules", len(names))
	}
	return names
}

// fires is a test for promtool: after 20 minutes of samples, this rule fires and no other. Without a name none does.
func fires(rule string, series []samples) ruleCase {
	var want []sample
	if rule != "" {
		want = []sample{{`{alertname="` + rule + `"}`, 1}}
	}
	firing := expression{`count by (alertname) (ALERTS{alertstate="firing"})`, "20m", want}
	return ruleCase{Interval: "1m", Series: series, Exprs: []expression{firing}}
}

// testRules has promtool run tests of the shipped rules, and returns what it says if one fails.
func testRules(t *testing.T, tests ...ruleCase) string {
	t.Helper()
	return runRuleTest(t, ruleTest{
		RuleFiles: []string{harness.Path(t, rulesFile)}, EvaluationInterval: "1m", Tests: tests,
	})
}

// runRuleTest runs promtool test rules, and returns what it says if a test fails.
func runRuleTest(t *testing.T, test ruleTest) string {
	t.Helper()
	text, err := json.Marshal(test)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := promtool(t, "test", "rules", file).CombinedOutput()
	if err != nil {
		return string(out)
	}
	return ""
}

func TestPromtoolTakesTheRules(t *testing.T) {
	t.Parallel()
	out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", harness.Path(t, rulesFile)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRulesFire(t *testing.T) {
	t.Parallel()
	tests := []ruleCase{fires("", calm)}
	tried := map[string]bool{}
	for _, s := range scenarios {
		tests, tried[s.rule] = append(tests, fires(s.rule, s.samples)), true
	}
	names := rules(t)
	for _, rule := range names {
		if !tried[rule] {
			t.Errorf("no scenario makes %s fire", rule)
		}
	}
	if len(tried) > len(names) {
		t.Errorf("scenarios of %d rules; there are %d", len(tried), len(names))
	}
	if said := testRules(t, tests...); said != "" {
		t.Error(said)
	}
}

// TestRulesAreTried: the test above could fail.
func TestRulesAreTried(t *testing.T) {
	t.Parallel()
	down := scenarios[0].samples
	for what, test := range map[string]ruleCase{
		"a rule that does not fire":       fires("RedisRelayLag", down),
		"a rule that fires":               fires("", down),
		"another rule that fires as well": fires("RedisRelayDown", append(noise("spike", "1x20", "1x20"), down...)),
	} {
		if testRules(t, test) == "" {
			t.Errorf("%s is not found", what)
		}
	}
}
