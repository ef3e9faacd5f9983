package traces_test

// The Tracer against a receiver that works: what is sampled, what the environment says, and what it costs.

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/collector"
	"redis-relay/relay/test/process"
	"redis-relay/relay/traces"
)

const (
	traceID   = "0af7651916cd43dd8448eb211c80319c"
	parentID  = "b7ad6b7169203331"
	sampled   = `{"traceparent":"00-` + traceID + `-` + parentID + `-01"}`
	unsampled = `{"traceparent":"00-` + traceID + `-` + parentID + `-00"}`
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a Tracer, with what it tells.
type scene struct {
	*traces.Tracer
	t     *testing.T
	close func()

	mu    sync.Mutex
	tells []string // guarded by mu
}

// newScene returns a scene that ends with the test.
func newScene(t *testing.T, endpoint string, sample float64) *scene {
	t.Helper()
	s := &scene{t: t}
	tell := func(what string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tells = append(s.tells, what)
	}
	tracer, err := traces.New(traces.Options{
		Endpoint: endpoint, Sample: sample, Field: "traceparent", Version: "1.2.3", Instance: "me",
		Failed: func(err error, lost uint64) { tell(fmt.Sprintf("%d lost: %v", lost, err)) },
		Back:   func() { tell("back") },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Tracer = tracer
	s.close = sync.OnceFunc(func() {
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.close)
	return s
}

// told waits until the last of what was told holds a text.
func (s *scene) told(text string) {
	s.t.Helper()
	redistest.Eventually(s.t, redistest.DefaultTimeout, "the Tracer tells "+text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.tells) > 0 && strings.Contains(s.tells[len(s.tells)-1], text)
	})
}

// stats waits until figures are as they should be.
func (s *scene) stats(what string, ok func(traces.Stats) bool) {
	s.t.Helper()
	redistest.Eventually(s.t, redistest.DefaultTimeout, what, func() bool { return ok(s.Stats()) })
}

// one traces one message from Redis, and returns how many spans it has.
func (s *scene) one(payload string) int {
	trace := s.Receive(&traces.Message{Channel: []byte("chat:1"), Payload: []byte(payload), Size: len(payload), Route: "chat:"})
	trace.Checked("")
	trace.Dispatched(2, traces.EntryID{})
	s.EndTurn()
	if trace == nil {
		return 0
	}
	return 3
}

func TestSampling(t *testing.T) {
	const messages = 400
	c := collector.Start(t)
	for name, row := range map[string]struct {
		sample      float64
		payload     string
		least, most int // of the messages
	}{
		"the parent says yes":     {0, sampled, messages, messages},
		"the parent says no":      {1, unsampled, 0, 0},
		"no parent, all":          {1, "text", messages, messages},
		"no parent, none":         {0, "text", 0, 0},
		"no parent, one in four":  {0.25, `{"a":1}`, 50, 150}, // 100 and five times the deviation
		"a parent that is broken": {1, `{"traceparent":"x"}`, messages, messages},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.URL(), row.sample)
			s.WaitForReceiver()
			traced := 0
			for range messages {
				traced += s.one(row.payload) / 3
			}
			if traced < row.least || traced > row.most {
				t.Errorf("%d of %d messages are traced, want %d to %d", traced, messages, row.least, row.most)
			}
			s.close()
			if stats := s.Stats(); stats != (traces.Stats{Exported: uint64(3 * traced)}) {
				t.Errorf("%+v for %d messages", stats, traced)
			}
		})
	}
}

func TestCloseExportsWhatWaits(t *testing.T) {
	c := collector.Start(t)
	s := newScene(t, c.URL(), 0)
	s.WaitForReceiver()
	s.one(sampled)
	s.close()
	spans := c.Spans(collector.Any)
	if len(spans) != 3 {
		t.Fatalf("got %+v", spans)
	}
	for _, span := range spans {
		r := span.Resource
		if r["service.name"] != "redis-relay" || r["service.version"] != "1.2.3" || r["service.instance.id"] != "me" {
			t.Errorf("the resource is %v", r)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant = one ,")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-tenant=two")
	t.Setenv("OTEL_SERVICE_NAME", "chat-relay")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off") // the configuration says which
	c := collector.Start(t)
	s := newScene(t, c.URL()+"/otlp/of/ours", 0)
	s.WaitForReceiver()
	s.one(sampled)
	s.close()
	_, path, header := c.Requests()
	if path != "/otlp/of/ours" || header.Get("Authorization") != "Bearer abc" || header.Get("X-Tenant") != "two" {
		t.Errorf("a request to %s with %v", path, header)
	}
	spans := c.Spans(collector.Any)
	if len(spans) == 0 || spans[0].Resource["service.name"] != "chat-relay" ||
		spans[0].Resource["deployment.environment.name"] != "test" {
		t.Errorf("got %+v", spans)
	}
}

// TestTLS: the receiver must have a certificate of an authority that is trusted.
func TestTLS(t *testing.T) {
	c := collector.Start(t)
	server := httptest.NewTLSServer(c)
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s := newScene(t, server.URL, 0)
	s.WaitForReceiver()
	s.one(sampled)
	s.close()
	s.told("certificate")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", ca)
	s = newScene(t, server.URL, 0)
	s.WaitForReceiver()
	s.one(sampled)
	s.close()
	if stats := s.Stats(); stats != (traces.Stats{Exported: 3}) {
		t.Errorf("%+v", stats)
	}
}

func TestEnvironmentThatCannotBeRead(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCertificate, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][3]string{
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,secret", "header 2 in the environment variable OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "secret =a\nb", "header 1"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%secret", "OTEL_EXPORTER_OTLP_TRACES_HEADERS cannot be read"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "se cret=a", "write name=value"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "gone.pem", "open gone.pem"},
		{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", noCertificate, "no PEM certificate in"},
	} {
		t.Run(row[0]+" "+row[1], func(t *testing.T) {
			t.Setenv(row[0], row[1])
			err := traces.Check()
			if err == nil || !strings.HasPrefix(err.Error(), "traces.endpoint: ") || !strings.Contains(err.Error(), row[2]) ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOffCostsNothing: all that the loop calls may be called on nil.
func TestOffCostsNothing(t *testing.T) {
	var tracer *traces.Tracer
	var trace *traces.Trace
	if n := testing.AllocsPerRun(1000, func() {
		trace.Checked("")
		trace.Refused("")
		trace.Published(1, "")
		trace.Dispatched(1, traces.EntryID{Ms: 1})
		tracer.EndTurn()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if err := tracer.Close(); err != nil || tracer.Stats() != (traces.Stats{}) {
		t.Errorf("%v, %+v", err, tracer.Stats())
	}
}

// TestNotSampledAllocatesNothing, if the payload does not name a parent.
func TestNotSampledAllocatesNothing(t *testing.T) {
	s := newScene(t, "http://"+process.FreeAddress(t), 1e-9)
	m := traces.Message{Channel: []byte("chat:1"), Payload: []byte(`{"type":"typing","userId":"ann"}`), Route: "chat:"}
	if n := testing.AllocsPerRun(1000, func() { s.Receive(&m) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkMessage is what a message costs that is not sampled, and one for whose spans there is no room.
func BenchmarkMessage(b *testing.B) {
	const plain = `{"type":"message","id":"1","roomId":"42","userId":"ann","message":"Hi","timestamp":0}`
	with := func(parent string) string { return plain[:len(plain)-1] + "," + parent[1:] }
	for _, row := range []struct{ name, payload string }{
		{"plain", plain}, {"unsampled", with(unsampled)}, {"no room", with(sampled)},
	} {
		b.Run(row.name, func(b *testing.B) {
			tracer, err := traces.New(traces.Options{
				Endpoint: "http://127.0.0.1:1", Sample: 1e-9, Field: "traceparent", Failed: func(error, uint64) {}, Back: func() {},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = tracer.Close() }()
			m := traces.Message{Channel: []byte("chat:1"), Payload: []byte(row.payload), Size: len(row.payload), Route: "chat:"}
			b.ReportAllocs()
			for b.Loop() {
				trace := tracer.Receive(&m)
				trace.Checked("")
				trace.Dispatched(1, traces.EntryID{Ms: 1})
				tracer.EndTurn()
			}
		})
	}
}
