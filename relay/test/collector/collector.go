package collector

// The Collector: an HTTP server that keeps the spans it is sent.

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that was received. IDs are in hexadecimal.
type Span struct {
	Name, Kind string
	Trace, ID  string
	Parent     string // empty: none
	Attributes map[string]string
	Resource   map[string]string
	Failed     bool
	Start, End time.Time
}

// Collector receives spans.
type Collector struct {
	Address string // host:port

	server *http.Server

	mu       sync.Mutex
	spans    []Span        // guarded by mu
	requests int           // guarded by mu
	path     string        // of the last request; guarded by mu
	header   http.Header   // of the last request; guarded by mu
	status   int           // to answer with, instead of 200; guarded by mu
	reply    []byte        // to answer with; guarded by mu
	hang     bool          // no request is answered; guarded by mu
	release  chan struct{} // ends those that hang
}

// Start runs a Collector until the test ends.
func Start(t testing.TB) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return StartOn(t, listener)
}

// StartOn runs a Collector on a listener, which it closes.
func StartOn(t testing.TB, listener net.Listener) *Collector {
	t.Helper()
	c := &Collector{Address: listener.Addr().String(), release: make(chan struct{})}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.server.Serve(listener)
	}()
	t.Cleanup(func() {
		close(c.release)
		_ = c.server.Close()
		<-done
	})
	return c
}

// URL is what traces.endpoint says to reach the Collector.
func (c *Collector) URL() string { return "http://" + c.Address }

// Answer has all further requests refused with a status and a text; 200 ends that.
func (c *Collector) Answer(status int, reply []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.reply = status, reply
}

// Hang has no further request answered, or ends that for those to come.
func (c *Collector) Hang(hang bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hang = hang
}

// Requests returns how many requests came, whatever their answer, and the path and headers of the last one.
func (c *Collector) Requests() (n int, path string, header http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, c.path, c.header
}

// Spans returns the spans that were taken so far and that match.
func (c *Collector) Spans(match func(*Span) bool) (list []Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.spans {
		if match(&c.spans[i]) {
			list = append(list, c.spans[i])
		}
	}
	return list
}

// Named matches spans by their names.
func Named(names ...string) func(*Span) bool {
	return func(s *Span) bool { return slices.Contains(names, s.Name) }
}

// Any matches every span.
func Any(*Span) bool { return true }

// ServeHTTP takes the spans of a request.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	c.requests++
	c.path, c.header = r.URL.Path, r.Header
	status, reply, hang := c.status, c.reply, c.hang
	c.mu.Unlock()
	if hang {
		select {
		case <-r.Context().Done():
		case <-c.release:
		}
		return
	}
	if status != 0 && status != http.StatusOK {
		w.WriteHeader(status)
		_, _ = w.Write(reply)
		return
	}
	if err == nil {
		err = c.take(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(reply)
}

// take keeps the spans of a request, which is TracesData on the wire.
func (c *Collector) take(body []byte) error {
	var data tracepb.TracesData
	if err := proto.Unmarshal(body, &data); err != nil {
		return fmt.Errorf("read a request: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range data.ResourceSpans {
		resource := words(of.Resource.GetAttributes())
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{
					Name: s.Name, Kind: s.Kind.String(), Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId),
					Parent: hex.EncodeToString(s.ParentSpanId), Attributes: words(s.Attributes), Resource: resource,
					Failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					Start:  time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
				})
			}
		}
	}
	return nil
}

// words returns attributes as text.
func words(list []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			m[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[a.Key] = fmt.Sprint(v.IntValue)
		default:
			m[a.Key] = a.Value.String()
		}
	}
	return m
}
