package metrics

// A Prometheus server that scrapes a relay: what it makes of the dashboard and of the rules.

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

// prometheus is a running server.
type prometheus struct {
	t   *testing.T
	url string
}

const scrapeConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: redis-relay
    static_configs: [{targets: [%q]}]
`

var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// startPrometheus runs the server that .ci/deps builds. It scrapes a relay each second, and evaluates the rules.
func startPrometheus(t *testing.T, relay string) *prometheus {
	t.Helper()
	program := harness.Path(t, ".cache/bin/prometheus")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; run .ci/deps prometheus", err)
	}
	dir := t.TempDir()
	config := harness.WriteFile(t, dir, "prometheus.yml", fmt.Sprintf(scrapeConfig, harness.Path(t, rulesFile), relay))
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--web.listen-address=127.0.0.1:0",
		"--storage.tsdb.path="+filepath.Join(dir, "data"))
	var log process.Output
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("Prometheus says\n%s", &log)
		}
	})
	var url string
	redistest.Eventually(t, startup, "Prometheus is ready", func() bool {
		address := listening.FindStringSubmatch(log.String())
		if address == nil {
			return false
		}
		url = "http://" + address[1]
		res, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return &prometheus{t, url + "/api/v1/"}
}

const startup = 30 * time.Second

// get asks the server, and decodes its data into answer.
func (p *prometheus) get(path, query string, answer any) {
	p.t.Helper()
	res, err := http.Get(p.url + path + "?query=" + url.QueryEscape(query))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Error string
		Data  json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Error != "" {
		p.t.Fatalf("%s of %s: %v %s", path, query, err, body.Error)
	}
	if err := json.Unmarshal(body.Data, answer); err != nil {
		p.t.Fatalf("%s of %s: %v in %s", path, query, err, body.Data)
	}
}

// fault says what is wrong with the value of an expression: it is empty, or has something that is no number.
func (p *prometheus) fault(expr string) string {
	p.t.Helper()
	var answer struct {
		Result []struct {
			Metric map[string]string
			Value  []any
		}
	}
	p.get("query", expr, &answer)
	for _, series := range answer.Result {
		text, _ := series.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(series.Metric, " is ", text)
		}
	}
	if len(answer.Result) == 0 {
		return "it is empty"
	}
	return ""
}

// expect waits until none of the expressions has a fault, and says which ones have.
func (p *prometheus) expect(exprs []string) {
	p.t.Helper()
	var faults []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		faults = nil
		for _, expr := range exprs {
			if said := p.fault(expr); said != "" {
				faults = append(faults, expr+": "+said)
			}
		}
		if faults == nil {
			return
		}
	}
	p.t.Errorf("of %d expressions:\n%s", len(exprs), strings.Join(faults, "\n"))
}

// selectors lists the series that an expression asks for, one selector for each.
func (p *prometheus) selectors(expr string) (list []string) {
	p.t.Helper()
	var tree map[string]any
	p.get("parse_query", expr, &tree)
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, n := range node {
				walk(n)
			}
		case map[string]any:
			if matchers, ok := node["matchers"].([]any); ok {
				list = append(list, selector(matchers))
			}
			for _, n := range node {
				walk(n)
			}
		}
	}
	walk(tree)
	return list
}

// selector writes matchers as PromQL.
func selector(matchers []any) string {
	var parts []string
	for _, m := range matchers {
		m := m.(map[string]any)
		parts = append(parts, fmt.Sprintf("%s%s%q", m["name"], m["type"], m["value"]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// alert is one that stands at the server, or a rule.
type alert struct {
	Name, State, Query, Health, LastError string
	Labels, Annotations                   map[string]string
}

// rules lists the server's rules.
func (p *prometheus) rules() []alert {
	p.t.Helper()
	var answer struct{ Groups []struct{ Rules []alert } }
	p.get("rules", "", &answer)
	return answer.Groups[0].Rules
}

// firing lists the names of the alerts that fire.
func (p *prometheus) firing() (names []string, alerts []alert) {
	p.t.Helper()
	var answer struct{ Alerts []alert }
	p.get("alerts", "", &answer)
	for _, a := range answer.Alerts {
		if a.State == "firing" {
			names, alerts = append(names, a.Labels["alertname"]), append(alerts, a)
		}
	}
	return names, alerts
}

// TestPrometheus has a server scrape a relay while it is used in every way.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	r, redis, _ := startForAll(t)
	_, address := r.Addresses()
	p := startPrometheus(t, address)
	redistest.Eventually(t, patience, "a first scrape", func() bool { return p.fault("redis_relay_build_info") == "" })
	probes := count(r, "upstream_round_trip")
	for _, path := range paths {
		path.drive(t, r, redis)
	}
	redistest.Eventually(t, patience, "one more probe", func() bool { return count(r, "upstream_round_trip") > probes })
	p.expect(panels(t, "5m"))

	if got, want := len(p.rules()), len(rules(t)); got != want {
		t.Errorf("the server has %d rules of %d", got, want)
	}
	var series []string
	for _, rule := range p.rules() {
		if rule.Health == "err" {
			t.Errorf("%s: %s", rule.Name, rule.LastError)
		}
		series = append(series, p.selectors(rule.Query)...)
	}
	if len(series) < len(rules(t)) {
		t.Errorf("only %d selectors in %d rules", len(series), len(rules(t)))
	}
	p.expect(series)

	for _, want := range []string{"RedisRelayNoisyChannel", "RedisRelaySlowListeners", "RedisRelayGap"} {
		redistest.Eventually(t, patience, want+" fires", func() bool {
			names, _ := p.firing()
			return slices.Contains(names, want)
		})
	}
	_, alerts := p.firing()
	for _, a := range alerts {
		if s := a.Annotations["summary"]; !strings.HasPrefix(s, address+": ") || strings.Contains(s, "<") {
			t.Errorf("%s says %q", a.Labels["alertname"], s)
		}
	}
	for _, expr := range []string{"redis_relay_no_such_metric", "0/0 * redis_relay_clients", "redis_relay_clients / 0"} {
		if p.fault(expr) == "" {
			t.Errorf("no fault is found in %s", expr)
		}
	}
}
