package harness

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/redistest"
)

// What can be seen of a relay from outside: HTTP, its log, and what it costs.

// Get asks the relay's HTTP address, again while there is no answer: on a busy machine the relay may give a question up,
// since it gives each two seconds to come.
func (r *Relay) Get(path string) (status int, body string) {
	r.T.Helper()
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; {
		if status, body, err = r.tryGet(path); err == nil {
			return status, body
		}
	}
	r.T.Fatal(err)
	return 0, ""
}

func (r *Relay) tryGet(path string) (status int, body string, err error) {
	_, address := r.Addresses()
	client := http.Client{Timeout: redistest.DefaultTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// Metric reads a series by its whole name, labels in the order of the alphabet:
// rejects_total{code="INVALID",direction="inbound",route="chat:"}.
func (r *Relay) Metric(series string) float64 {
	r.T.Helper()
	_, body := r.Get("/metrics")
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "redis_relay_"+series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				r.T.Fatal(err)
			}
			return v
		}
	}
	r.T.Fatalf("no series %s in\n%s", series, body)
	return 0
}

// Story is what the log says at info and above.
func (r *Relay) Story() (lines []string) {
	for _, e := range r.Logs.All() {
		if e.Level >= zap.InfoLevel {
			lines = append(lines, e.Message)
		}
	}
	return lines
}

// ReturnsTo waits until the process has no more goroutines than before, and about
// as much memory.
func ReturnsTo(t testing.TB, before Footprint) {
	t.Helper()
	const slack = 8 << 20 // bytes: chunks of the taps, and what the tests themselves keep
	var now Footprint
	defer func() {
		if t.Failed() {
			t.Logf("before %+v, now %+v", before, now)
		}
	}()
	redistest.Eventually(t, redistest.DefaultTimeout, "goroutines and memory are back", func() bool {
		now = Measured()
		return now.goroutines <= before.goroutines && now.heap <= before.heap+slack
	})
}

type Footprint struct {
	goroutines int
	heap       uint64 // bytes in use after a collection
}

func Measured() Footprint {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Footprint{runtime.NumGoroutine(), m.HeapAlloc}
}
