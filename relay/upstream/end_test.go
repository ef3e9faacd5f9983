package upstream

// The end of Run, and callbacks that call back.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestEndAnswersWhatWasSent: what was asked before Run is to end is answered by Redis.
func TestEndAnswersWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			srv := w.start(t)
			for range 10 {
				opts := w.opts(srv)
				c := connect(t, opts)
				c.awaitUp(1)
				var list []*answers
				fence := make(chan bool, 1)
				for i := range uint64(50) {
					list = append(list, c.publish(i, "a", "m"), call(c, i, "a", "m"))
				}
				c.do(func() { c.Fence(func(lost bool) { fence <- lost }) })
				go c.stop()
				for i, a := range list {
					if a := a.wait(); a.err != nil {
						t.Errorf("message %d: %v", i, a.err)
					}
				}
				if <-fence {
					t.Error("the fence is lost")
				}
				c.stop()
			}
			redistest.Eventually(t, patience, "no connection is left", func() bool {
				return !strings.Contains(srv.MustDo("CLIENT", "LIST").Str, "redis-relay:")
			})
		})
	}
}

// TestEndWithoutAnswers does not take longer than a publish may.
func TestEndWithoutAnswers(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.PublishTimeout = time.Second
	c := connect(t, opts, "a")
	c.awaitUp(1)
	c.calm() // that Redis is silent does not end the connection
	srv.Stop()
	a := c.publish(1, "a", "m")
	began := time.Now()
	c.stop()
	if got := a.wait(); !errors.Is(got.err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", got.err)
	}
	if took := time.Since(began); took > patience/2 { // else it would not end at all
		t.Errorf("it took %v", took)
	}
}

// TestCallbacksCallBack: whatever is called back may use, or end, the connection.
func TestCallbacksCallBack(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts)
	for range 3 {
		peer, ended := c.attach(t)
		f := &fake{cutIn: never, cutOut: never, executed: &executions{}}
		served := make(chan struct{})
		go func() { defer close(served); f.serve(peer) }()
		order := ""
		c.do(func() {
			c.Subscribe(resp.Message, []string{"a"}, func(bool, error) {
				order += "a"
				c.Subscribe(resp.Message, []string{"b"}, func(lost bool, _ error) {
					order += fmt.Sprint("b", lost)
					c.Subscribe(resp.Message, []string{"c"}, func(bool, error) { order += "c" })
				})
				c.Fence(func(bool) { order += "f" })
				_ = c.Publish(1, false, nil, nil, AnswerFunc(func(resp.Value, error) {
					order += "p"
					c.backlog.session.end(errDeaf)
					c.Fence(func(lost bool) { order += fmt.Sprint("g", lost) })
					c.Subscribe(resp.Message, []string{"d"}, func(lost bool, _ error) { order += fmt.Sprint("d", lost) })
				}))
			})
		})
		if err := <-ended; err == nil {
			t.Error("ended without a cause")
		}
		<-served
		c.do(func() {})
		c.do(func() {
			if want := "abfalsefpcgtruedtrue"; order != want {
				t.Errorf("called back in the order %s, want %s", order, want)
			}
		})
	}
}
