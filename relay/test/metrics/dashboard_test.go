package metrics

// The dashboard: every expression shows something of a relay that was used in every way.

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// dashboard is what matters of Grafana's format.
type dashboard struct {
	Templating struct {
		List []struct{ Name string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(harness.Path(t, "examples/grafana/redis-relay.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 30 {
		t.Fatalf("only %d panels", len(d.Panels))
	}
	return d
}

// ruleTest is a file for promtool test rules, in YAML as JSON: rules, series with their samples, and expressions.
type ruleTest struct {
	RuleFiles          []string   `json:"rule_files"`
	EvaluationInterval string     `json:"evaluation_interval"`
	Tests              []ruleCase `json:"tests"`
}

type ruleCase struct {
	Interval string       `json:"interval"`
	Series   []samples    `json:"input_series"`
	Exprs    []expression `json:"promql_expr_test"`
}

type samples struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type expression struct {
	Expr     string   `json:"expr"`
	EvalTime string   `json:"eval_time"`
	Want     []sample `json:"exp_samples"`
}

type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

// evaluate has promtool evaluate expressions on scrapes of one relay, made every minute, and returns what it says. It
// says nothing if each has a value that is a number.
func evaluate(t *testing.T, scrapes []string, exprs []string) string {
	t.Helper()
	history := map[string][]string{}
	for _, scrape := range scrapes {
		for line := range strings.Lines(scrape) {
			if name, value, ok := cutLast(strings.TrimSpace(line)); ok {
				history[name] = append(history[name], value)
			}
		}
	}
	test := ruleCase{Interval: "1m"}
	for _, name := range slices.Sorted(maps.Keys(history)) {
		test.Series = append(test.Series, samples{target(name), strings.Join(history[name], " ")})
	}
	for _, expr := range exprs {
		test.Exprs = append(test.Exprs, expression{
			"count((" + expr + ") > -Inf) > bool 0", "59m", []sample{{"{}", 1}},
		})
	}
	for i := range test.Series { // the last one stays until the time of evaluation
		s := &test.Series[i]
		s.Values += " " + s.Values[strings.LastIndexByte(s.Values, ' ')+1:] + "x60"
	}
	return runRuleTest(t, ruleTest{EvaluationInterval: "1m", Tests: []ruleCase{test}})
}

// cutLast splits a line of a scrape into series and value.
func cutLast(line string) (series, value string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || strings.HasPrefix(line, "#") {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

// target gives a series the labels of what Prometheus scrapes.
func target(series string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if labels != "" {
		labels += ","
	}
	return name + "{" + labels + `job="redis-relay",instance="host:9464"}`
}

// variable is one of Grafana's that is left.
var variable = regexp.MustCompile(`\$\w+`)

// panels lists the expressions of the dashboard. rate is the time over which rates are taken.
func panels(t *testing.T, rate string) (exprs []string) {
	t.Helper()
	for _, p := range readDashboard(t).Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", rate).Replace(target.Expr)
			if left := variable.FindString(expr); left != "" {
				t.Errorf("panel %q: what is %s?", p.Title, left)
			}
			exprs = append(exprs, expr)
		}
	}
	return exprs
}

func TestNoPanelIsEmpty(t *testing.T) {
	t.Parallel()
	exprs := panels(t, "1h")
	r, redis, _ := startForAll(t)
	_, first := r.Get("/metrics")
	scrapes := []string{first}
	probes := count(r, "upstream_round_trip")
	for _, path := range paths {
		path.drive(t, r, redis)
		_, now := r.Get("/metrics")
		scrapes = append(scrapes, now)
	}
	redistest.Eventually(t, patience, "one more probe", func() bool { return count(r, "upstream_round_trip") > probes })
	_, last := r.Get("/metrics")
	scrapes = append(scrapes, last)
	if said := evaluate(t, scrapes, exprs); said != "" {
		t.Errorf("of %d expressions:\n%s", len(exprs), said)
	}
	if said := evaluate(t, scrapes, []string{"redis_relay_no_such_metric"}); said == "" {
		t.Error("an expression that shows nothing is not found")
	}
	if said := evaluate(t, scrapes, []string{"0/0 * redis_relay_clients"}); said == "" {
		t.Error("an expression that is no number is not found")
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: another one has id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q overlaps %q, or the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
