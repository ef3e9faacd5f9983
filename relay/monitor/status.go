package monitor

// The metrics for people: what a status page shows.

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	dto "github.com/prometheus/client_model/go"
)

// routeColumns are the columns of the table of routes, by the metric they sum up.
var routeColumns = []struct{ metric, title string }{
	{"messages_received_total", "RECEIVED"},
	{"messages_delivered_total", "DELIVERED"},
	{"messages_published_total", "PUBLISHED"},
	{"rejects_total", "REFUSED"},
	{"rate_alerts_total", "ALERTS"},
}

// WriteStatus writes the figures of this moment as text: a table of the routes, one of how long things took since the
// start, then one line for every other figure of the relay.
func (m *Metrics) WriteStatus(w io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	routes := map[string]map[string]float64{} // by name, by metric
	var rest []string
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), namespace+"_")
		if !ours {
			continue
		}
		if f.GetType() == dto.MetricType_HISTOGRAM {
			continue // see below
		}
		for _, one := range f.GetMetric() {
			v := one.GetCounter().GetValue() + one.GetGauge().GetValue() // it has one of them
			if route, ok := label(one, "route"); ok {
				if routes[route] == nil {
					routes[route] = map[string]float64{}
				}
				routes[route][name] += v
				continue
			}
			rest = append(rest, fmt.Sprintf("%s%s\t%.0f", name, labels(one), v))
		}
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	p("ROUTE")
	for _, c := range routeColumns {
		p("\t%s", c.title)
	}
	p("\n")
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		p("%s", route)
		for _, c := range routeColumns {
			p("\t%.0f", routes[route][c.metric])
		}
		p("\n")
	}
	p("\nTIME\tP50\tP99\tMEAN\tCOUNT\n")
	for _, h := range m.all() {
		f := h.Figures()
		p("%s\t%v\t%v\t%v\t%d\n", h.name, f.Quantile(0.5), f.Quantile(0.99), f.Mean(), f.Count)
	}
	p("\n%s\n", strings.Join(rest, "\n"))
	return out.Flush()
}

func label(m *dto.Metric, name string) (value string, ok bool) {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue(), true
		}
	}
	return "", false
}

func labels(m *dto.Metric) string {
	var list []string
	for _, l := range m.GetLabel() {
		list = append(list, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	if len(list) == 0 {
		return ""
	}
	return "{" + strings.Join(list, ",") + "}"
}
