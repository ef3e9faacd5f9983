package traces_test

// The Tracer against a receiver that comes late, refuses, hangs, fails, or is away.

import (
	"net"
	"net/http"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/collector"
	"redis-relay/relay/test/process"
	"redis-relay/relay/traces"
)

// TestAReceiverThatComesLate gets what waited for it.
func TestAReceiverThatComesLate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, "http://"+l.Addr().String(), 0)
	s.one(sampled)
	first, err := l.Accept() // that there is a first attempt
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	c := collector.StartOn(t, l)
	redistest.Eventually(t, redistest.DefaultTimeout, "the spans come", func() bool { return len(c.Spans(collector.Any)) == 3 })
	s.stats("they are counted", func(now traces.Stats) bool { return now == traces.Stats{Exported: 3} })
}

// TestAReceiverThatFails loses spans, tells of it, and gets later ones.
func TestAReceiverThatFails(t *testing.T) {
	c := collector.Start(t)
	c.Answer(http.StatusInternalServerError, []byte("out of\ndisk"))
	s := newScene(t, c.URL(), 0)
	s.one(sampled)
	s.told(`3 lost: `)
	s.told(`500 Internal Server Error: "out of\ndisk"`)
	if n, _, _ := c.Requests(); n != 1 {
		t.Errorf("%d requests for an answer that is final", n)
	}
	c.Answer(http.StatusOK, nil)
	s.one(sampled)
	s.told("back")
	s.stats("both are counted", func(now traces.Stats) bool { return now == traces.Stats{Exported: 3, Failed: 3} })
}

// TestAReceiverThatIsBusy is asked again.
func TestAReceiverThatIsBusy(t *testing.T) {
	c := collector.Start(t)
	c.Answer(http.StatusServiceUnavailable, nil)
	s := newScene(t, c.URL(), 0)
	s.one(sampled)
	redistest.Eventually(t, redistest.DefaultTimeout, "it is asked again", func() bool {
		n, _, _ := c.Requests()
		return n >= 2
	})
	c.Answer(http.StatusOK, nil)
	s.stats("nothing is lost", func(now traces.Stats) bool { return now == traces.Stats{Exported: 3} })
}

// TestAReceiverThatRefusesSome says so in an answer of success.
func TestAReceiverThatRefusesSome(t *testing.T) {
	c := collector.Start(t)
	c.Answer(http.StatusOK, []byte("\x0a\x07\x08\x02\x12\x03odd"))
	s := newScene(t, c.URL(), 0)
	s.one(sampled)
	s.told(`2 lost: `)
	s.told(`the receiver refuses 2 spans: "odd"`)
	s.stats("they are counted", func(now traces.Stats) bool { return now == traces.Stats{Exported: 1, Failed: 2} })
}

// TestNoRedirectIsFollowed: the headers are for one address alone.
func TestNoRedirectIsFollowed(t *testing.T) {
	c := collector.Start(t)
	c.Answer(http.StatusTemporaryRedirect, nil)
	s := newScene(t, c.URL(), 0)
	s.one(sampled)
	s.told("307 Temporary Redirect")
}

// TestAReceiverThatHangs costs a bounded number of spans, and a second at the end.
func TestAReceiverThatHangs(t *testing.T) {
	c := collector.Start(t)
	c.Hang(true)
	s := newScene(t, c.URL(), 0)
	const messages = 5000
	begun, slowest := 0, time.Duration(0)
	for range messages {
		at := time.Now()
		begun += s.one(sampled)
		slowest = max(slowest, time.Since(at))
	}
	if slowest > 3*time.Second {
		t.Errorf("one message took %v: it waits for the exporter", slowest)
	}
	stats := s.Stats()
	if begun+int(stats.Dropped) != 3*messages || begun > 2048 || begun < 2000 {
		t.Errorf("%d spans begun, %+v for %d messages", begun, stats, messages)
	}
	at := time.Now()
	s.close()
	if took := time.Since(at); took > 25*time.Second { // four exports have forty; the machine may be busy
		t.Errorf("the end took %v, want a second", took)
	}
	if stats := s.Stats(); int(stats.Failed) != begun || stats.Exported != 0 {
		t.Errorf("%+v of %d spans", stats, begun)
	}
}

// TestAReceiverThatIsAway does not delay the end.
func TestAReceiverThatIsAway(t *testing.T) {
	s := newScene(t, "http://"+process.FreeAddress(t), 0)
	s.one(sampled)
	at := time.Now()
	s.close()
	if took := time.Since(at); took > 8*time.Second { // with further attempts it would be ten
		t.Errorf("the end took %v", took)
	}
	if stats := s.Stats(); stats != (traces.Stats{Failed: 3}) {
		t.Errorf("%+v", stats)
	}
}
