package monitor

// The metrics of a relay. Every series exists from the start, at 0.

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

const namespace = "redis_relay"

// Counter only goes up.
type Counter interface {
	Inc()
	Add(n float64)
}

// Direction is where a message came from, as a label.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"  // from Redis, for local listeners
	Outbound Direction = "outbound" // from a local publisher, for Redis
)

// Codes are the reasons for a refused message: the code words of the errors.
var Codes = []string{"INVALID", "DENIED", "TOOLARGE", "RATELIMIT", "UPSTREAMDOWN", "BUSY"}

// Route counts the messages of one route.
type Route struct {
	Received  Counter // from Redis
	Delivered Counter // to local listeners, one for each
	Published Counter // by local publishers, and acknowledged by Redis
	Noisy     Counter // alerts of channels over rate.alert

	rejects map[Direction]map[string]Counter
}

// Rejected returns the counter of refused messages. An unknown code panics.
func (r *Route) Rejected(d Direction, code string) Counter { return r.rejects[d][code] }

// Totals are the figures of a route's counters.
type Totals struct{ Received, Delivered, Published, Rejected float64 }

// Totals returns the figures of this moment.
func (r *Route) Totals() Totals {
	t := Totals{Received: value(r.Received), Delivered: value(r.Delivered), Published: value(r.Published)}
	for _, codes := range r.rejects {
		for _, c := range codes {
			t.Rejected += value(c)
		}
	}
	return t
}

// value reads a counter.
func value(c Counter) float64 {
	var m dto.Metric
	if of, ok := c.(prometheus.Metric); !ok || of.Write(&m) != nil {
		return 0
	}
	return m.GetCounter().GetValue()
}

// Metrics holds all counters and reads all gauges.
type Metrics struct {
	// Fixed after construction.
	registry  *prometheus.Registry
	received  *prometheus.CounterVec
	delivered *prometheus.CounterVec
	published *prometheus.CounterVec
	noisy     *prometheus.CounterVec
	rejects   *prometheus.CounterVec

	mu     sync.Mutex
	routes map[string]*Route // guarded by mu
}

// New returns metrics with those of the Go runtime and the process.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		received: vec("messages_received_total", "Messages from Redis.", "route"),
		delivered: vec("messages_delivered_total",
			"Messages for local listeners, one for each; those of drops_total among them.", "route"),
		published: vec("messages_published_total", "Messages of local publishers that Redis acknowledged.", "route"),
		noisy:     vec("rate_alerts_total", "Alerts of channels that carried more than rate.alert.", "route"),
		rejects: vec("rejects_total", "Messages refused, and invalid ones that invalid: log let through.",
			"route", "direction", "code"),
		routes: map[string]*Route{},
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "The version, as a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.received, m.delivered, m.published, m.noisy, m.rejects, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func vec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// Route returns the counters of a route by its name. The same name has the same counters,
// as after a reload.
func (m *Metrics) Route(name string) *Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.routes[name]; r != nil {
		return r
	}
	r := &Route{
		Received:  m.received.WithLabelValues(name),
		Delivered: m.delivered.WithLabelValues(name),
		Published: m.published.WithLabelValues(name),
		Noisy:     m.noisy.WithLabelValues(name),
		rejects:   map[Direction]map[string]Counter{Inbound: {}, Outbound: {}},
	}
	for d, codes := range r.rejects {
		for _, code := range Codes {
			codes[code] = m.rejects.WithLabelValues(name, string(d), code)
		}
	}
	m.routes[name] = r
	return r
}

// Gauge adds a gauge; read returns its value, and is called from any goroutine. labels are names and values
// in turn. The same name with the same labels twice panics.
func (m *Metrics) Gauge(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: name, Help: help, ConstLabels: pairs(labels),
	}, read))
}

// Count adds a counter, in the same way as Gauge.
func (m *Metrics) Count(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: name, Help: help, ConstLabels: pairs(labels),
	}, read))
}

func pairs(labels []string) prometheus.Labels {
	m := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	return m
}

// Handler serves the metrics in Prometheus's formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
