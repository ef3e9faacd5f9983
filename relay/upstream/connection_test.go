package upstream

// A Connection and a real Redis: what it subscribes, publishes and asks.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

const testUser = "app on >secret ~* &* +@all"

// way is one way to a server.
type way struct {
	name string
	opts func(srv *redistest.Server) Options
}

// start runs a server for the way; only where it needs TLS it is one that has it.
func (w *way) start(t *testing.T) *redistest.Server {
	t.Helper()
	options := []redistest.Option{redistest.WithACL(testUser)}
	if w.name == "tls" {
		options = append(options, redistest.WithTLS())
	}
	return redistest.Start(t, options...)
}

func ways() []way {
	withUser := func(url string) string { return strings.Replace(url, "://", "://app:secret@", 1) }
	return []way{
		{"tcp", func(srv *redistest.Server) Options { return testOptions(withUser(srv.URL())) }},
		{"tls", func(srv *redistest.Server) Options {
			o := testOptions(withUser(srv.TLSURL()))
			o.CA, o.Cert, o.Key = srv.TLS().CA, srv.TLS().Cert, srv.TLS().Key
			return o
		}},
		{"unix", func(srv *redistest.Server) Options { return testOptions("unix://app:secret@" + srv.Socket()) }},
	}
}

func TestSubscribes(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			srv := w.start(t)
			c := connect(t, w.opts(srv), "a", "b")
			c.awaitUp(1)
			if ready, connected, why := c.status(); !ready || !connected || why != "" {
				t.Errorf("Status: got %v, %v, %q", ready, connected, why)
			}
			line := awaitClients(t, srv, 1)[0]
			if field(line, "name") != "redis-relay:test-host:sub" || field(line, "sub") != "2" || field(line, "user") != "app" {
				t.Errorf("on Redis: %s", line)
			}
			shard, spublish := resp.SMessage, "SPUBLISH"
			if !srv.Shards() {
				shard, spublish = resp.Message, "PUBLISH"
			}
			for kind, n := range map[resp.Kind]string{resp.PMessage: "p*", shard: "shard"} {
				if err := c.subscribe(true, kind, n); err != nil {
					t.Fatal(err)
				}
			}
			srv.MustDo("PUBLISH", "a", "m1")
			srv.MustDo("PUBLISH", "px", "m2")
			srv.MustDo(spublish, "shard", "m3")
			c.awaitHeard("message a m1")
			c.awaitHeard("pmessage px m2")
			c.awaitHeard(shard.String() + " shard m3")
			for kind, n := range map[resp.Kind]string{resp.PMessage: "p*", shard: "shard"} {
				if err := c.subscribe(false, kind, n); err != nil {
					t.Fatal(err)
				}
			}
			if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != "2" || field(line, "psub") != "0" {
				t.Errorf("on Redis after the end of the others: %s", line)
			}
			if v := c.Version(); v == "" || !strings.Contains(srv.Log(), "version="+v+",") {
				t.Errorf("version %q, and the log of Redis says something else", v)
			}
		})
	}
}

func TestPublishes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &a* +@all -config"))
	c := connect(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)))
	c.awaitUp(1)
	l := listen(t, srv, "a", "a2")
	if a := c.publish(1, "a", "\x00\r\n").wait(); a.err != nil || a.value != int64(1) {
		t.Errorf("PUBLISH: got %v, %v", a.value, a.err)
	}
	l.Expect(t, `[message a "\x00\r\n"]`)
	if srv.Shards() {
		a := newAnswers(t)
		c.do(func() {
			if err := c.Publish(1, true, []byte("as"), []byte("m"), a); err != nil {
				t.Error(err)
			}
		})
		if a := a.wait(); a.err != nil || a.value != int64(0) {
			t.Errorf("SPUBLISH: got %v, %v", a.value, a.err)
		}
	}
	// A command that Redis refuses has its own answer and spoils no other.
	list := []*answers{c.publish(1, "a", "1"), c.publish(2, "denied", "2"), c.publish(3, "a", "3")}
	l.Expect(t, `[message a "1"]`, `[message a "3"]`)
	for i, wantErr := range []bool{false, true, false} {
		a := list[i].wait()
		var refused redis.Error
		if wantErr != errors.As(a.err, &refused) || !wantErr && a.err != nil {
			t.Errorf("message %d: got %v, %v", i+1, a.value, a.err)
		}
	}
	if a := c.send("CONFIG", "GET", "save").wait(); a.err == nil || !strings.HasPrefix(a.err.Error(), "NOPERM") {
		t.Errorf("CONFIG: got %v, want NOPERM", a.err)
	}
}

// TestAnswers: every form of answer, nested and large, on each kind of connection.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const script = `return {1, 'two', false, {redis.error_reply('THREE x'), {}}, redis.status_reply('OK')}`
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			srv := w.start(t)
			opts := w.opts(srv)
			c := connect(t, opts, "a")
			c.awaitUp(1)
			c.calm()
			want := []any{int64(1), "two", nil, []any{ReplyError("THREE x"), []any{}}, "OK"}
			if a := c.send("EVAL", script, "0").wait(); a.err != nil || !cmp.Equal(a.value, want) {
				t.Errorf("EVAL: got %v, %v, want %v", a.value, a.err, want)
			}
			if a := c.send("GET", "nothing").wait(); a.value != nil || a.err != nil {
				t.Errorf("GET of nothing: got %v, %v", a.value, a.err)
			}
			if a := c.send("SET", "k", large).wait(); a.value != "OK" || a.err != nil {
				t.Errorf("SET: got %v, %v", a.value, a.err)
			}
			if a := c.send("GET", "k").wait(); a.value != large || a.err != nil {
				t.Errorf("GET: got %d bytes, %v", len(fmt.Sprint(a.value)), a.err)
			}
			if a := c.send("HELLO", "3").wait(); a.err != nil || !slices.Contains(a.value.([]any), any("proto")) {
				t.Errorf("HELLO: got %v, %v, want a map", a.value, a.err)
			}
			var got any
			done := make(chan error, 1)
			c.do(func() {
				c.Do(func(v any, err error) { got = v; done <- err }, "ECHO", 12)
			})
			if err := <-done; err != nil || got != "12" {
				t.Errorf("Do: got %v, %v", got, err)
			}
		})
	}
}

// TestOrder: what is asked in one turn is carried out and answered in order, and messages come before the
// answer to what followed them.
func TestOrder(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	c := connect(t, testOptions(srv.URL()), "a")
	c.awaitUp(1)
	var got []string
	done := make(chan struct{})
	note := func(what string) { got = append(got, what) }
	c.do(func() {
		for round := range 3 {
			c.Subscribe(resp.Message, []string{"x"}, func(bool, error) { note("subscribed") })
			err := c.Publish(1, false, []byte("x"), []byte("m"), AnswerFunc(func(v resp.Value, _ error) { note(fmt.Sprint(v.Int)) }))
			if err != nil {
				t.Error(err)
			}
			c.Unsubscribe(resp.Message, []string{"x"}, func(bool, error) { note("unsubscribed") })
			err = c.Publish(1, false, []byte("x"), []byte("m"), AnswerFunc(func(v resp.Value, _ error) { note(fmt.Sprint(v.Int)) }))
			if err != nil {
				t.Error(err)
			}
			c.Fence(func(bool) {
				note("fence")
				if n := c.count(func() int { return len(c.messages) }); n != round+1 {
					t.Errorf("%d messages came before the fence of round %d", n, round)
				}
				if round == 2 {
					close(done)
				}
			})
		}
	})
	<-done
	want := strings.Repeat("subscribed 1 unsubscribed 0 fence ", 3)
	if s := strings.Join(got, " ") + " "; s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

// TestFencesShare a PING that is not sent yet, and no other.
func TestFencesShare(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	c := connect(t, testOptions(srv.URL()))
	c.awaitUp(1)
	c.calm()
	srv.MustDo("CONFIG", "RESETSTAT")
	count := func() string {
		for line := range strings.Lines(srv.MustDo("INFO", "commandstats").Str) {
			if v, ok := strings.CutPrefix(line, "cmdstat_ping:calls="); ok {
				n, _, _ := strings.Cut(v, ",")
				return n
			}
		}
		return "0"
	}
	done := make(chan struct{})
	c.do(func() {
		n := 0
		passed := func(lost bool) {
			if lost {
				t.Error("lost")
			}
			if n++; n == 5 {
				close(done)
			}
		}
		c.Fence(passed)
		c.Fence(passed) // shared
		c.Do(func(any, error) { passed(false) }, "ECHO", "x")
		c.Fence(passed)
		c.Flush()
		c.Fence(passed) // the one before is sent
	})
	<-done
	if n := count(); n != "3" {
		t.Errorf("%s PINGs, want 3", n)
	}
}
