package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/time/rate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an HTTP server that answers as its test wants.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts requests from 1; nil: 200
	got    []payload                                           // what was answered with 200; guarded by mu
	n      int                                                 // requests; guarded by mu
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	rec := &receiver{answer: answer}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p payload
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.Method != http.MethodPost ||
			r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a %s of %s: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		rec.mu.Lock()
		rec.n++
		n := rec.n
		rec.mu.Unlock()
		status := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		if rec.answer != nil {
			rec.answer(n, status, r)
		}
		if status.code == http.StatusOK {
			rec.mu.Lock()
			rec.got = append(rec.got, p)
			rec.mu.Unlock()
		}
	}))
	t.Cleanup(rec.Close)
	return rec
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// taken lists what was taken as "id state", without the life.
func (rec *receiver) taken() (list []string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, p := range rec.got {
		list = append(list, strings.TrimPrefix(p.ID, "l-")+" "+string(p.State))
	}
	return list
}

// scene is a webhook that runs.
type scene struct {
	t    *testing.T
	hook *Webhook
	logs *observer.ObservedLogs
	stop context.CancelFunc
	done chan struct{}
}

// run starts a webhook that is faster than the product's.
func run(t *testing.T, opts WebhookOptions, edit func(*Webhook)) *scene {
	core, logs := observer.New(zap.DebugLevel)
	opts.Origin = origin
	s := &scene{t: t, hook: NewWebhook(opts, zap.New(core)), logs: logs, done: make(chan struct{})}
	s.hook.times = timing{
		request: 30 * time.Second, first: 10 * time.Millisecond, longest: 40 * time.Millisecond,
		patience: time.Hour, drain: 30 * time.Second,
	}
	if edit != nil {
		edit(s.hook)
	}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() {
		defer close(s.done)
		_ = s.hook.Run(ctx)
	}()
	t.Cleanup(s.end)
	return s
}

func (s *scene) end() {
	s.stop()
	<-s.done
}

// add queues raised alerts.
func (s *scene) add(ids ...uint64) {
	for _, id := range ids {
		s.hook.Add(Alert{ID: id, Kind: "k", State: Raised, Since: time.Now(), key: key{client: id}})
	}
}

// await waits for a condition.
func (s *scene) await(what string, cond func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited for: %s; the log has %v", what, s.logs.All())
		}
	}
}

// lines lists what the log says.
func (s *scene) lines() (list []string) {
	for _, e := range s.logs.All() {
		list = append(list, e.Message)
	}
	return list
}

func TestAlertsArriveInOrder(t *testing.T) {
	rec := newReceiver(t, nil)
	s := run(t, WebhookOptions{URL: rec.URL}, nil)
	s.add(1, 2, 3)
	s.hook.Add(Alert{ID: 1, Kind: "k", State: Ended})
	s.await("three alerts and an end", func() bool { return len(rec.taken()) >= 3 && s.hook.Stats().Waiting == 0 })
	s.end()
	got := rec.taken()
	merged, apart := []string{"1 ended", "2 raised", "3 raised"}, []string{"1 raised", "2 raised", "3 raised", "1 ended"}
	if !slices.Equal(got, merged) && !slices.Equal(got, apart) {
		t.Errorf("got %q", got)
	}
	if n := s.hook.Stats(); int(n.Sent) != len(got) || n.Failures+n.Dropped > 0 || s.logs.Len() > 0 {
		t.Errorf("counted %+v; the log has %q", n, s.lines())
	}
}

// TestAReceiverRecovers from answers that may be better the next time, from silence, and from broken connections.
func TestAReceiverRecovers(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"silence": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusGatewayTimeout)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := 3
			if name == "silence" {
				bad = 1 // it takes the time of a request, which is long enough for the answers of a busy machine
			}
			rec := newReceiver(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n <= bad {
					answer(w, r)
				}
			})
			s := run(t, WebhookOptions{URL: rec.URL + "/s3cret?s3cret"}, func(w *Webhook) {
				if name == "silence" {
					w.times.request = 3 * time.Second
				}
			})
			s.add(1, 2)
			s.await("two alerts", func() bool { return len(rec.taken()) == 2 })
			s.end()
			if got := rec.taken(); !slices.Equal(got, []string{"1 raised", "2 raised"}) {
				t.Errorf("got %q", got)
			}
			if n := s.hook.Stats(); n.Sent != 2 || n.Failures != uint64(bad) || n.Dropped != 0 {
				t.Errorf("counted %+v", n)
			}
			if got := s.lines(); len(got) != 2 || !strings.Contains(got[0], "trying again") || !strings.Contains(got[1], "takes alerts again") {
				t.Errorf("the log has %q", got)
			}
			if all := fmt.Sprint(s.logs.All()); strings.Contains(all, "s3cret") {
				t.Errorf("the log has %s", all)
			}
		})
	}
}

// TestRefusedForGood: what will be answered in the same way again is not sent again, and the next alert tells of it.
func TestRefusedForGood(t *testing.T) {
	var elsewhere *receiver
	for _, code := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusTemporaryRedirect} {
		elsewhere = newReceiver(t, nil)
		rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n <= 2 {
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(code)
			}
		})
		s := run(t, WebhookOptions{URL: rec.URL}, nil)
		s.add(1, 2, 3, 4)
		s.await("two alerts", func() bool { return len(rec.taken()) == 2 })
		s.end()
		if got := rec.taken(); !slices.Equal(got, []string{"3 raised", "4 raised"}) || rec.got[0].Dropped != 2 || rec.got[1].Dropped != 0 {
			t.Errorf("%d: got %q, %+v", code, got, rec.got)
		}
		if n := s.hook.Stats(); n.Sent != 2 || n.Failures != 2 || n.Dropped != 2 || len(s.lines()) != 2 {
			t.Errorf("%d: counted %+v; the log has %q", code, n, s.lines())
		}
		if n := len(elsewhere.taken()); n != 0 {
			t.Errorf("%d: %d requests went elsewhere", code, n)
		}
	}
}

// TestAFloodIsBounded: the next alert that comes through tells how many did not, once.
func TestAFloodIsBounded(t *testing.T) {
	const flood = 2000
	open := make(chan struct{})
	rec := newReceiver(t, func(int, http.ResponseWriter, *http.Request) { <-open })
	s := run(t, WebhookOptions{URL: rec.URL}, func(w *Webhook) { w.pace = rate.NewLimiter(rate.Inf, 1) })
	s.add(1)
	s.await("a request", func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return rec.n == 1
	})
	for id := range uint64(flood) {
		s.add(id + 2)
	}
	if n := s.hook.Stats(); n.Waiting != maxWaiting || n.Dropped != flood-maxWaiting {
		t.Errorf("counted %+v", n)
	}
	close(open)
	s.await("all that waited", func() bool { return len(rec.taken()) == maxWaiting+1 })
	s.end()
	var told uint64
	for _, p := range rec.got {
		told += p.Dropped
	}
	if told != flood-maxWaiting || rec.got[1].Dropped != told || len(s.lines()) != 1 {
		t.Errorf("%d were told of, %d with the first; the log has %q", told, rec.got[1].Dropped, s.lines())
	}
}

// TestAlertsArePaced: a receiver gets a burst, and then one a moment.
func TestAlertsArePaced(t *testing.T) {
	rec := newReceiver(t, nil)
	s := run(t, WebhookOptions{URL: rec.URL}, func(w *Webhook) { w.pace = rate.NewLimiter(rate.Every(time.Hour), 3) })
	s.add(1, 2, 3, 4, 5)
	s.await("the burst", func() bool { return len(rec.taken()) == 3 })
	s.end() // then there is no time to wait
	if n := len(rec.taken()); n != 5 {
		t.Errorf("%d arrived, want 5", n)
	}
}

// TestTheRestMakesWay for those that wait, after a while.
func TestTheRestMakesWay(t *testing.T) {
	rec := newReceiver(t, func(n int, w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s := run(t, WebhookOptions{URL: rec.URL}, func(w *Webhook) { w.times.patience = 0 })
	s.add(1, 2, 3)
	s.await("two to be dropped, and the last to be tried again", func() bool {
		n := s.hook.Stats()
		return n.Dropped == 2 && n.Failures > 5
	})
}

// TestTheEnd: what waits is sent, in a moment, or the log says how much was not.
func TestTheEnd(t *testing.T) {
	t.Run("sent", func(t *testing.T) {
		open := make(chan struct{})
		rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				<-open
			}
		})
		s := run(t, WebhookOptions{URL: rec.URL}, nil)
		s.add(1, 2)
		s.stop()
		close(open)
		<-s.done
		if got := rec.taken(); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	})
	t.Run("between two attempts", func(t *testing.T) {
		rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		s := run(t, WebhookOptions{URL: rec.URL}, func(w *Webhook) { w.times.first, w.times.longest = time.Hour, time.Hour })
		s.add(1)
		s.await("a failure", func() bool { return s.hook.Stats().Failures == 1 })
		s.end()
		if got := rec.taken(); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
	t.Run("not sent", func(t *testing.T) {
		rec := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s := run(t, WebhookOptions{URL: rec.URL}, func(w *Webhook) { w.times.drain = 300 * time.Millisecond })
		s.add(1, 2, 3)
		began := time.Now()
		s.end()
		if took := time.Since(began); took > 15*time.Second { // one request has 30
			t.Errorf("the end took %v", took)
		}
		last := s.logs.All()[s.logs.Len()-1]
		if last.ContextMap()["alerts"] != int64(3) {
			t.Errorf("the log has %v", last)
		}
	})
}

// TestStrangersAreNotTold: without a certificate that the system trusts, a server gets nothing.
func TestStrangersAreNotTold(t *testing.T) {
	requests := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests <- struct{}{} }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	s := run(t, WebhookOptions{URL: server.URL + "/s3cret"}, nil)
	s.add(1)
	s.await("two failures", func() bool { return s.hook.Stats().Failures >= 2 })
	s.end()
	if len(requests) > 0 {
		t.Errorf("%d requests came", len(requests))
	}
	if all := fmt.Sprint(s.logs.All()); !strings.Contains(all, "certificate") || strings.Contains(all, "s3cret") {
		t.Errorf("the log has %s", all)
	}
}

// TestToken is read for each request, so that it can be changed.
func TestToken(t *testing.T) {
	var mu sync.Mutex
	var tokens []string
	rec := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, r.Header.Get("Authorization"))
	})
	file := filepath.Join(t.TempDir(), "token")
	s := run(t, WebhookOptions{URL: rec.URL, TokenFile: file}, nil)
	s.add(1)
	s.await("a failure: there is no file", func() bool { return s.hook.Stats().Failures > 0 })
	for i, token := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.add(uint64(i + 2))
		s.await("alerts", func() bool { return len(rec.taken()) == i+2 })
	}
	s.end()
	if want := []string{"Bearer one", "Bearer one", "Bearer two"}; !slices.Equal(tokens, want) {
		t.Errorf("got %q, want %q", tokens, want)
	}
	for _, text := range []string{"", " \n", "a b", "é", strings.Repeat("x", maxToken+1)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadToken(file); err == nil {
			t.Errorf("%.10q is taken for a token", text)
		}
	}
}
