package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestEverySeriesOfARouteStartsAtZero(t *testing.T) {
	m := New("v1")
	m.Route("chat:")
	got := scrape(m)
	for _, want := range []string{
		`redis_relay_messages_received_total{route="chat:"} 0`,
		`redis_relay_messages_delivered_total{route="chat:"} 0`,
		`redis_relay_messages_published_total{route="chat:"} 0`,
		`redis_relay_received_bytes_total{route="chat:"} 0`,
		`redis_relay_delivered_bytes_total{route="chat:"} 0`,
		`redis_relay_published_bytes_total{route="chat:"} 0`,
		`redis_relay_publish_reply_seconds_bucket{le="0.001"} 0`,
		`redis_relay_rejects_total{code="INVALID",direction="inbound",route="chat:"} 0`,
		`redis_relay_rejects_total{code="BUSY",direction="outbound",route="chat:"} 0`,
		`redis_relay_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}

func TestARouteKeepsItsCountersThroughAReload(t *testing.T) {
	m := New("v1")
	m.Route("chat:").Received.Add(1, 10)
	m.Route("chat:").Received.Add(1, 20)
	m.Route("chat:").Rejected(Outbound, "INVALID").Inc()
	got := scrape(m)
	if !strings.Contains(got, `redis_relay_messages_received_total{route="chat:"} 2`) ||
		!strings.Contains(got, `redis_relay_received_bytes_total{route="chat:"} 30`) ||
		!strings.Contains(got, `redis_relay_rejects_total{code="INVALID",direction="outbound",route="chat:"} 1`) {
		t.Error(got)
	}
}

func TestGaugesAreReadWhenAsked(t *testing.T) {
	m, v := New("v1"), 1.0
	m.Gauge("things", "Things.", func() float64 { return v }, "kind", "x")
	m.Count("events_total", "Events.", func() float64 { return v })
	v = 7
	got := scrape(m)
	if !strings.Contains(got, `redis_relay_things{kind="x"} 7`) || !strings.Contains(got, "redis_relay_events_total 7") {
		t.Error(got)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := New("v1")
	r := m.Route("chat:")
	if n := testing.AllocsPerRun(100, func() { r.Received.Add(1, 9); r.Delivered.Add(3, 27); m.Turn.Observe(1e6) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStatusIsForPeople(t *testing.T) {
	m := New("v1")
	chat := m.Route("chat:")
	chat.Received.Add(3, 30)
	chat.Rejected(Inbound, "INVALID").Inc()
	chat.Rejected(Outbound, "DENIED").Inc()
	m.Gauge("clients", "Connections.", func() float64 { return 2 })
	m.Count("ends_total", "Ends.", func() float64 { return 5 }, "reason", "slow")
	m.Turn.Observe(time.Millisecond)
	var b strings.Builder
	if err := m.WriteStatus(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ROUTE  RECEIVED  DELIVERED  PUBLISHED  REFUSED  ALERTS\n", "chat:  3         0          0          2        0\n",
		"\nTIME", "\nloop_turn_seconds ", "1ms   1\n", "\nclients", `ends_total{reason="slow"}`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
