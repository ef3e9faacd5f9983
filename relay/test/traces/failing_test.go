package traces

// A receiver that fails: no message is lost or late, and the relay ends in time.

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/collector"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

const lost = "traces are lost: their receiver does not take them"

// TestAFailingReceiverCostsNoMessage, whatever it does.
func TestAFailingReceiverCostsNoMessage(t *testing.T) {
	for name, endpoint := range map[string]func(t *testing.T) string{
		"nobody listens": func(t *testing.T) string { return "http://" + process.FreeAddress(t) },
		"it hangs": func(t *testing.T) string {
			c := collector.Start(t)
			c.Hang(true)
			return c.URL()
		},
		"it answers 500": func(t *testing.T) string {
			c := collector.Start(t)
			c.Answer(http.StatusInternalServerError, []byte("full"))
			return c.URL()
		},
		"its name is unknown": func(*testing.T) string { return "http://collector.invalid:4318" },
	} {
		t.Run(name, func(t *testing.T) {
			r := harness.Start(t, redistest.Start(t), to(endpoint(t), 1))
			sub, pub := r.Subscribe("news"), r.Dial()
			const messages = 3000
			go func() {
				for i := range messages {
					pub.Send("PUBLISH", "news", fmt.Sprint(i))
				}
			}()
			for i := range messages {
				if got := sub.Receive(); len(got.Elems) != 3 || got.Elems[2].Str != fmt.Sprint(i) {
					t.Fatalf("message %d: got %v", i, got)
				}
			}
			redistest.Eventually(t, redistest.DefaultTimeout, "spans that are lost are counted", func() bool {
				return r.Metric(`trace_spans_total{result="dropped"}`)+r.Metric(`trace_spans_total{result="failed"}`) > 0
			})
			at := time.Now()
			r.Stop()
			if took := time.Since(at); took > 25*time.Second { // the four exports that wait have forty; the machine may be busy
				t.Errorf("the relay took %v to end", took)
			}
		})
	}
}

// TestAFailureIsTold with the endpoint, once, and so is its end.
func TestAFailureIsTold(t *testing.T) {
	c := collector.Start(t)
	c.Answer(http.StatusUnauthorized, []byte("no token"))
	r := harness.Start(t, nil, to(c.URL(), 0))
	pub := r.Dial()
	publish := func() { pub.Do("PUBLISH", "news", `{"traceparent":"`+parent+`01"}`) }
	for n := 1; n <= 2; n++ {
		publish()
		redistest.Eventually(t, redistest.DefaultTimeout, "the receiver has refused", func() bool {
			return r.Metric(`trace_spans_total{result="failed"}`) == float64(2*n)
		})
	}
	lines := r.Logs.FilterMessage(lost).All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	said := lines[0].ContextMap()
	spans, _ := said["spans"].(uint64) // of the two of a message, the second may come with the next export
	if said["endpoint"] != c.URL() || spans < 1 || spans > 2 || !strings.Contains(fmt.Sprint(said["error"]), "no token") {
		t.Errorf("the line says %v", said)
	}
	c.Answer(http.StatusOK, nil)
	publish()
	redistest.Eventually(t, redistest.DefaultTimeout, "the log says that it is over", func() bool {
		return r.Logs.FilterMessage("traces are received again").Len() == 1
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "both spans are exported", func() bool {
		return r.Metric(`trace_spans_total{result="exported"}`) == 2
	})
}
