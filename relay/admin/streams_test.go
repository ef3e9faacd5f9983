package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/status"
)

// stream is a reader of events, with an id that it has read up to.
type stream struct {
	t      *testing.T
	code   int
	header http.Header
	body   io.ReadCloser
	text   *bufio.Reader
}

// read opens the stream of events. It is closed with the test.
func read(t *testing.T, s *Server, lastID string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &stream{t, res.StatusCode, res.Header, res.Body, bufio.NewReader(res.Body)}
}

// next returns the next event.
func (s *stream) next() (id string, told *status.Status) {
	s.t.Helper()
	told = &status.Status{}
	for {
		line, err := s.text.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\n")
		if after, ok := strings.CutPrefix(line, "id: "); ok {
			id = after
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), told); err != nil {
				s.t.Fatal(err)
			}
			return id, told
		}
	}
}

// counted counts how often a status is made.
func counted(n *atomic.Int64) func(*Options) {
	return func(o *Options) {
		o.Overview = func(last int) *status.Status { n.Add(1); return seconds(last) }
	}
}

func TestEvents(t *testing.T) {
	var made atomic.Int64
	s := serve(t, fine, counted(&made))
	for range 5 {
		s.Tick() // nobody reads
	}
	var all []*stream
	for range 5 {
		r := read(t, s, "")
		if got := r.header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("%d %s", r.code, got)
		}
		id, whole := r.next()
		if len(whole.Seconds) != status.MaxSeconds || id != fmt.Sprintf("%d-%d", whole.Started.UnixNano(), whole.Seconds[status.MaxSeconds-1].At) {
			t.Errorf("first: %d seconds, id %s", len(whole.Seconds), id)
		}
		all = append(all, r)
	}
	before := made.Load()
	s.Tick()
	for _, r := range all {
		if _, one := r.next(); len(one.Seconds) != 1 {
			t.Errorf("then %d seconds", len(one.Seconds))
		}
	}
	if n := made.Load() - before; n != 1 || before != 5 {
		t.Errorf("made %d times for those who came, %d times for a second", before, n)
	}
}

// TestEventsGoOnWhereAReaderWas: who knows the past gets what is new of it.
func TestEventsGoOnWhereAReaderWas(t *testing.T) {
	s := serve(t, fine, nil)
	for id, most := range map[string]int{
		fmt.Sprintf("1-%d", time.Now().Unix()-20): 60, // and how long the test takes
		fmt.Sprintf("1-%d", time.Now().Unix()+99): 60, "1-5": 600, "1-": 600, "nonsense": 600,
	} {
		if _, whole := read(t, s, id).next(); len(whole.Seconds) > most || most == 600 && len(whole.Seconds) != 600 {
			t.Errorf("%s: %d seconds", id, len(whole.Seconds))
		}
	}
}

// TestThousandReaders: a few get the stream, the others are told to come back, and probes get through. Those who have it
// keep it, whoever else comes.
func TestThousandReaders(t *testing.T) {
	s := serve(t, fine, nil)
	var reading []*stream
	for n := range 1000 {
		r := read(t, s, "")
		switch {
		case r.code == http.StatusOK && len(reading) < MaxStreams:
			r.next()
			reading = append(reading, r)
		case r.code == http.StatusServiceUnavailable && len(reading) == MaxStreams && r.header.Get("Retry-After") != "":
			_ = r.body.Close()
		default:
			t.Fatalf("reader %d: %d", n, r.code)
		}
		if n%100 == 99 {
			if err := probe(t, s.Addr().String(), true); err != nil {
				t.Fatalf("beside %d: %v", n, err)
			}
		}
	}
	holdOpen(t, s, 3*MaxConnections)
	if now, _ := s.Connections(); now > MaxConnections+MaxStreams {
		t.Errorf("%d connections", now)
	}
	s.Tick()
	for _, r := range reading {
		r.next()
	}
	_ = reading[0].body.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		if r := read(t, s, ""); r.code == http.StatusOK {
			r.next()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of one who has gone stays taken")
		}
	}
}

// holdOpen opens so many connections that say nothing.
func holdOpen(t *testing.T, s *Server, n int) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if err := probe(t, s.Addr().String(), true); err != nil {
		t.Fatal(err)
	}
}

// TestAStreamOutlivesARequest: neither the time for a request nor that for an answer ends it.
func TestAStreamOutlivesARequest(t *testing.T) {
	t.Parallel()
	s := serve(t, fine, nil)
	r := read(t, s, "")
	r.next()
	for end := time.Now().Add(headerTime + answerTime); time.Now().Before(end); {
		time.Sleep(time.Second) // as it is in life
		s.Tick()
		r.next()
	}
}

// TestSlowReadersMissSeconds, and hold up nobody.
func TestSlowReadersMissSeconds(t *testing.T) {
	s := serve(t, fine, func(o *Options) {
		o.Overview = func(last int) *status.Status {
			told := seconds(last)
			told.Version = strings.Repeat("v", 1<<20)
			return told
		}
	})
	_ = read(t, s, "") // and it takes no more
	r := read(t, s, "")
	r.next()
	for range 50 {
		s.Tick()
		r.next()
	}
}

// TestEventsEndWithTheServer at once, though nobody hangs up.
func TestEventsEndWithTheServer(t *testing.T) {
	s, err := New(Options{Address: "127.0.0.1:0", Overview: seconds, Metrics: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := read(t, s, "")
	r.next()
	cancel()
	if rest, err := io.ReadAll(r.text); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}
