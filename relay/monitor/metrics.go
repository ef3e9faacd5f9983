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

// Volume counts messages, and the bytes of their payloads.
type Volume struct{ messages, bytes Counter }

// Add counts messages whose payloads have so many bytes together.
func (v Volume) Add(messages, bytes int) {
	v.messages.Add(float64(messages))
	v.bytes.Add(float64(bytes))
}

// values reads the counters.
func (v Volume) values() (messages, bytes float64) { return value(v.messages), value(v.bytes) }

// Route counts the messages of one route.
type Route struct {
	Received  Volume  // from Redis
	Delivered Volume  // to local listeners, once for each
	Published Volume  // by local publishers, and acknowledged by Redis
	Noisy     Counter // alerts of channels over rate.alert

	// Of what was to be mirrored: what the other upstream has taken, and what was dropped.
	Mirrored, MirrorDropped Counter

	rejects map[Direction]map[string]Counter
}

// Rejected returns the counter of refused messages. An unknown code panics.
func (r *Route) Rejected(d Direction, code string) Counter { return r.rejects[d][code] }

// Totals are the figures of a route's counters.
type Totals struct {
	Received, ReceivedBytes   float64
	Delivered, DeliveredBytes float64
	Published, PublishedBytes float64
	Rejected                  float64
}

// Totals returns the figures of this moment.
func (r *Route) Totals() Totals {
	var t Totals
	t.Received, t.ReceivedBytes = r.Received.values()
	t.Delivered, t.DeliveredBytes = r.Delivered.values()
	t.Published, t.PublishedBytes = r.Published.values()
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
	Times

	registry  *prometheus.Registry
	received  volumes
	delivered volumes
	published volumes
	noisy     *prometheus.CounterVec
	mirrored  *prometheus.CounterVec
	rejects   *prometheus.CounterVec
	matches   *prometheus.CounterVec

	mu     sync.Mutex
	routes map[string]*Route // guarded by mu
}

// New returns metrics with those of the Go runtime and the process.
func New(version string) *Metrics {
	m := &Metrics{
		Times:    newTimes(),
		registry: prometheus.NewRegistry(),
		received: newVolumes("received", "Messages from Redis"),
		delivered: newVolumes("delivered",
			"Messages for local listeners, one for each; those of drops_total among them"),
		published: newVolumes("published", "Messages of local publishers that Redis acknowledged"),
		noisy:     vec("rate_alerts_total", "Alerts of channels that carried more than rate.alert.", "route"),
		mirrored: vec("mirrored_total", "Publishes for the upstream in mirror: taken by it, or dropped.",
			"route", "result"),
		rejects: vec("rejects_total", "Messages refused, and invalid ones that invalid: log let through.",
			"route", "direction", "code"),
		matches: vec("schema_matches_total", "Messages by the schema that accepted them, on routes that have several.",
			"route", "schema"),
		routes: map[string]*Route{},
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "The version, as a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	for _, v := range []volumes{m.received, m.delivered, m.published} {
		m.registry.MustRegister(v.messages, v.bytes)
	}
	for _, h := range m.all() {
		m.registry.MustRegister(h)
	}
	m.registry.MustRegister(m.noisy, m.mirrored, m.rejects, m.matches, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func vec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// volumes has the Volume of each route.
type volumes struct{ messages, bytes *prometheus.CounterVec }

func newVolumes(name, help string) volumes {
	return volumes{
		vec("messages_"+name+"_total", help+".", "route"),
		vec(name+"_bytes_total", help+": the bytes of their payloads.", "route"),
	}
}

func (v volumes) of(route string) Volume {
	return Volume{v.messages.WithLabelValues(route), v.bytes.WithLabelValues(route)}
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
		Received:  m.received.of(name),
		Delivered: m.delivered.of(name),
		Published: m.published.of(name),
		Noisy:     m.noisy.WithLabelValues(name),

		Mirrored:      m.mirrored.WithLabelValues(name, "taken"),
		MirrorDropped: m.mirrored.WithLabelValues(name, "dropped"),

		rejects: map[Direction]map[string]Counter{Inbound: {}, Outbound: {}},
	}
	for d, codes := range r.rejects {
		for _, code := range Codes {
			codes[code] = m.rejects.WithLabelValues(name, string(d), code)
		}
	}
	m.routes[name] = r
	return r
}

// SchemaMatches returns the counter of messages that one of several schemas of a route has accepted.
func (m *Metrics) SchemaMatches(route, schema string) Counter {
	return m.matches.WithLabelValues(route, schema)
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
