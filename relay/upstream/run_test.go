package upstream

// One connection after the other, and what is told of the time in between.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestComesBack from every loss that Redis shows by closing.
func TestComesBack(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(srv *redistest.Server){
		"killed and restarted empty": func(srv *redistest.Server) { srv.Kill(); srv.Restart() },
		"its client killed":          func(srv *redistest.Server) { srv.KillSubscribers() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			c := connect(t, testOptions(srv.URL()), "a", "b")
			c.awaitUp(1)
			for session := 2; session <= 4; session++ {
				lose(srv)
				c.awaitUp(session)
				if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != "2" {
					t.Errorf("session %d on Redis: %s", session, line)
				}
				srv.MustDo("PUBLISH", "b", fmt.Sprint(session))
				c.awaitHeard(fmt.Sprint("message b ", session))
			}
			c.with(func() {
				if len(c.lost) != 3 || len(c.downs) != 3 || len(c.alerts) != 0 {
					t.Errorf("lost %v, downs %v, alerts %v", c.lost, c.downs, c.alerts)
				}
				if want := []int{2, 2, 2, 2}; !slices.Equal(c.ups, want) {
					t.Errorf("Up told of %v subscriptions, want %v", c.ups, want)
				}
				if c.outages[0] != (Outage{}) || slices.ContainsFunc(c.outages[1:], untold) {
					t.Errorf("Up told of outages of %v", c.outages)
				}
			})
			if got := c.ConnectionsMade(); got != 4 {
				t.Errorf("%d sessions", got)
			}
		})
	}
}

// TestTellsOfAnOutage for as long as it lasts, at the start as later.
func TestTellsOfAnOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	proxy.Refuse(true)
	opts := testOptions("redis://" + proxy.Addr())
	opts.outageInterval = 20 * time.Millisecond
	c := connect(t, opts, "a")
	told := func() int { return c.count(func() int { return len(c.waits) }) }
	for range 2 {
		before := told()
		redistest.Eventually(t, patience, "three reports", func() bool { return told() >= before+3 })
		c.with(func() {
			if last := c.waits[before+1:]; !slices.IsSorted(last) || c.causes[before+1] == "" {
				t.Errorf("told of %v, because of %q", last, c.causes)
			}
		})
		proxy.Refuse(false)
		redistest.Eventually(t, patience, "it is back", func() bool { ready, _, _ := c.status(); return ready })
		quiet := told()
		time.Sleep(5 * opts.outageInterval)
		if now := told(); now != quiet {
			t.Errorf("told of %d outages more while there is none", now-quiet)
		}
		proxy.Refuse(true)
		proxy.Cut()
	}
}

// TestAlerts once, after the attempts agreed, with Redis's reason. The password is read at each connect.
func TestAlerts(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("default off", "app on >right &* ~* +@all"))
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("wrong")
	opts := testOptions(strings.Replace(srv.URL(), "//", "//app@", 1))
	opts.PasswordFile, opts.AlertAfter = file, 3
	if err := opts.Check(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, opts, "a")
	redistest.Eventually(t, patience, "an alert", func() bool {
		return c.count(func() int { return len(c.alerts) }) == 1
	})
	c.with(func() {
		if !strings.HasPrefix(c.alerts[0], "3: ") || !strings.Contains(c.alerts[0], "WRONGPASS") {
			t.Errorf("alert: %s", c.alerts[0])
		}
		if len(c.lost) != 0 || len(c.downs) != 0 {
			t.Errorf("lost %v, downs %v of what never stood", c.lost, c.downs)
		}
	})
	ready, _, why := c.status()
	if ready || !strings.HasPrefix(why, "not connected to Redis: ") || !strings.Contains(why, "WRONGPASS") {
		t.Errorf("Status: got %v, %q", ready, why)
	}
	write("right")
	c.awaitUp(1)
	c.with(func() {
		if len(c.alerts) != 1 {
			t.Errorf("alerts: %q, want one", c.alerts)
		}
	})
}

func TestStatusBeforeRun(t *testing.T) {
	c := prepare(t, testOptions("redis://127.0.0.1:1"), "")
	if ready, connected, why := c.Status(); ready || connected || why != "not connected to Redis yet" {
		t.Errorf("got %v, %v, %q", ready, connected, why)
	}
	if c.Ready() || c.Version() != "" || c.ConnectionsMade() != 0 {
		t.Error("it stands")
	}
	if err := c.loop.Close(); err != nil {
		t.Error(err)
	}
}

// TestNothingIsSentBeforeAllIsSubscribed: what is published meanwhile waits.
func TestNothingIsSentBeforeAllIsSubscribed(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts, "a")
	peer, _ := c.attach(t)
	a := c.publish(1, "x", "m")
	if ready, connected, why := c.status(); ready || !connected || why != "subscribing to what is wanted" {
		t.Errorf("got %v, %v, %q", ready, connected, why)
	}
	f := &fake{cutIn: never, cutOut: never, executed: &executions{}}
	ended := make(chan struct{})
	go func() { defer close(ended); f.serve(peer) }()
	if got := a.wait(); got.err != nil {
		t.Error(got.err)
	}
	c.do(func() {
		if len(c.ups) != 1 || !c.Ready() {
			t.Errorf("up %d times", len(c.ups))
		}
	})
	_ = peer.Close()
	<-ended
}

// TestNeverTwice publishes numbers through a connection that is cut again and again, at any byte.
// Acknowledged is heard once; refused is never heard; unknown at most once.
func TestNeverTwice(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	opts := testOptions("redis://" + proxy.Addr())
	opts.PublishTimeout = 3 * time.Second
	c := connect(t, opts, "x")
	c.awaitUp(1)
	l := listen(t, srv, "a", "end")
	l.SetTimeout(5 * patience)
	heard, listening := map[string]int{}, make(chan error, 1)
	go func() {
		for {
			v, err := l.TryReceive()
			if err != nil || v.Elems[1].Str == "end" {
				listening <- err
				return
			}
			heard[v.Elems[2].Str]++
		}
	}()
	fates, asked := map[string]error{}, 0
	for i := range 200 {
		if i%4 == 0 {
			proxy.CutAfter(int64(300 + 97*(i%60))) // in the answers of some round trip
		}
		c.do(func() {
			for range 50 {
				id := fmt.Sprint(asked)
				asked++
				err := c.Publish(1, false, []byte("a"), []byte(id), AnswerFunc(func(_ resp.Value, err error) { fates[id] = err }))
				if err != nil {
					t.Error(err)
				}
			}
		})
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		if i%5 == 0 {
			proxy.Cut()
		}
	}
	redistest.Eventually(t, patience, "all answers", func() (all bool) {
		c.do(func() { all = len(fates) == asked })
		return all
	})
	srv.MustDo("PUBLISH", "end", "")
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	tally := map[string]int{}
	for id, err := range fates {
		n := heard[id]
		switch {
		case err == nil && n == 1:
			tally["acknowledged"]++
		case errors.Is(err, ErrUnknown) && n <= 1:
			tally["unknown"]++
		case errors.Is(err, ErrDown) && n == 0:
			tally["refused"]++
		default:
			t.Errorf("%s: answered %v, heard %d times", id, err, n)
		}
	}
	if tally["acknowledged"] == 0 || tally["unknown"] == 0 {
		t.Errorf("of %d messages: %v: the test shows nothing", asked, tally)
	}
	t.Log(tally)
}

// TestHurry: a command that waits makes a pause short.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := 1; n < 20; n++ {
			hurry := make(chan struct{}, 1)
			hurry <- struct{}{}
			began := time.Now()
			pause(t.Context(), n, hurry, nil)
			if took := time.Since(began); took > min(retryMax, retryMin<<(n-1)) {
				t.Errorf("attempt %d: a pause of %v", n, took)
			}
		}
	})
}

// TestBackoff: full jitter below a bound that doubles from 100 ms to 5 s.
func TestBackoff(t *testing.T) {
	for n, bound := range map[int]time.Duration{
		1: 100, 2: 200, 3: 400, 4: 800, 5: 1600, 6: 3200, 7: 5000, 8: 5000, 1_000_000: 5000,
	} {
		bound *= time.Millisecond
		var least, most time.Duration = bound, 0
		for range 2000 {
			d := backoff(n)
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most >= bound || least > bound/10 || most < bound*9/10 {
			t.Errorf("attempt %d: from %v to %v, want anything below %v", n, least, most, bound)
		}
	}
}

// untold says that nothing is told of an outage.
func untold(o Outage) bool { return o.Took <= 0 || o.Since.IsZero() }
