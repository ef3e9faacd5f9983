package deploy

// The alerts: that Prometheus takes them, that they are those of examples/prometheus, and
// that they name metrics which exist.

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

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
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["runbook"] == "" {
				t.Errorf("%s has no severity, no summary or no runbook", rule.Alert)
			}
		}
	}
	return all
}

var write = flag.Bool("write", false, "write the PrometheusRule from the rules of examples/prometheus")

// TestPrometheusRule holds the PrometheusRule to examples/prometheus, where the rules are tried.
func TestPrometheusRule(t *testing.T) {
	rules, err := os.ReadFile(filepath.Join(examples, "../prometheus/redis-relay.rules.yaml"))
	check(t, err)
	_, groups, _ := strings.Cut(string(rules), "\ngroups:\n")
	path := filepath.Join(examples, "base/prometheusrule.yaml")
	now, err := os.ReadFile(path)
	check(t, err)
	head, _, _ := strings.Cut(string(now), "spec:\n")
	want := head + "spec:\n  groups:\n" + regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(groups, "  $1")
	if *write {
		check(t, os.WriteFile(path, []byte(want), 0o644))
	} else if string(now) != want {
		t.Errorf("%s is not what the rules of examples/prometheus make; CONTRIBUTING.md says how to write it", path)
	}
	if n := len(alerts(t)); n < 15 {
		t.Errorf("only %d alerts", n)
	}
}

// checkSelectors holds each selector in the alerts to the series of a running
// relay: a misspelt metric, label or value would be silent for ever. exposition
// is what /metrics says; Prometheus adds up, and the labels of its target.
func checkSelectors(t *testing.T, exposition []byte) {
	t.Helper()
	monitor := find[*monitoring.PodMonitor](t, kustomized(t, "sidecar"), "PodMonitor/redis-relay")
	job := *monitor.Spec.PodMetricsEndpoints[0].RelabelConfigs[0].Replacement
	target := func(l labels.Labels) labels.Labels { return target(job, l) }
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
func target(job string, l labels.Labels) labels.Labels {
	return labels.NewBuilder(l).Set("namespace", "default").Set("pod", "chat-1").Set("container", "redis-relay").
		Set("job", job).Labels()
}

func matchesAll(matchers []*labels.Matcher, l labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}
