package upstream

// The Reader, against a real Redis.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"redis-relay/relay/redistest"
)

func newReader(t *testing.T, opts Options) *Reader {
	t.Helper()
	r := NewReader(opts, zap.NewNop())
	t.Cleanup(r.Close)
	return r
}

func TestReaderReads(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			srv := w.start(t)
			r := newReader(t, w.opts(srv))
			if _, err := r.Do(t.Context(), "PING"); err != nil {
				t.Fatal(err)
			}
			if list := srv.MustDo("CLIENT", "LIST").Str; !strings.Contains(list, "name=redis-relay:test-host:read") {
				t.Errorf("on Redis: %s", list)
			}
			const script = `return {1, KEYS[1], false, {ARGV[1]}}`
			want := []any{int64(1), "k", nil, []any{"5"}}
			for range 2 {
				if v, err := r.Eval(t.Context(), NewScript(script), []string{"k"}, 5); err != nil || !cmp.Equal(v, want) {
					t.Errorf("got %v, %v, want %v", v, err, want)
				}
				srv.MustDo("SCRIPT", "FLUSH")
			}
			var refused ReplyError
			if v, err := r.Do(t.Context(), "NOSUCH"); !errors.As(err, &refused) {
				t.Errorf("got %v, %v", v, err)
			}
			srv.MustDo("ACL", "SETUSER", "app", "-evalsha")
			for range 2 {
				if v, err := r.Eval(t.Context(), NewScript(script), []string{"k"}, 5); err != nil || !cmp.Equal(v, want) {
					t.Errorf("without EVALSHA: got %v, %v, want %v", v, err, want)
				}
			}
			if !r.noSHA {
				t.Error("a refused EVALSHA is asked again and again")
			}
			// Over a connection that is gone it asks again.
			srv.MustDo("CLIENT", "KILL", "TYPE", "normal")
			if v, err := r.Do(t.Context(), "ECHO", "x"); err != nil || v != "x" {
				t.Errorf("after a loss: got %v, %v", v, err)
			}
		})
	}
}

// TestReaderRenews what stands, and what is under way.
func TestReaderRenews(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	r := newReader(t, testOptions(srv.URL()))
	id := func() any {
		v, err := r.Do(t.Context(), "CLIENT", "ID")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := id()
	r.Renew()
	if second := id(); second == first {
		t.Errorf("connection %v goes on", first)
	}
	got := make(chan any, 1)
	go func() {
		v, err := r.Do(t.Context(), "BLPOP", "list", 0)
		got <- fmt.Sprint(v, err)
	}()
	blocked := func() string {
		for line := range strings.Lines(srv.MustDo("CLIENT", "LIST").Str) {
			if before, _, is := strings.Cut(line, " addr="); is && strings.Contains(line, "cmd=blpop") {
				return before
			}
		}
		return ""
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "it waits", func() bool { return blocked() != "" })
	before := blocked()
	r.Renew()
	redistest.Eventually(t, redistest.DefaultTimeout, "it waits over another connection", func() bool {
		now := blocked()
		return now != "" && now != before
	})
	srv.MustDo("RPUSH", "list", "x")
	if v := <-got; v != "[list x] <nil>" {
		t.Errorf("got %v", v)
	}
}

// TestReaderEndsWithClose what is under way, and what is asked later.
func TestReaderEndsWithClose(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	r := newReader(t, testOptions(srv.URL()))
	got := make(chan error, 1)
	go func() {
		_, err := r.Do(t.Context(), "BLPOP", "list", 0)
		got <- err
	}()
	redistest.Eventually(t, redistest.DefaultTimeout, "it waits", func() bool {
		return strings.Contains(srv.MustDo("INFO", "clients").Str, "blocked_clients:1")
	})
	r.Close()
	if err := <-got; !errors.Is(err, ErrDown) && !errors.Is(err, ErrUnknown) {
		t.Errorf("under way: got %v", err)
	}
	if _, err := r.Do(t.Context(), "PING"); !errors.Is(err, ErrDown) {
		t.Errorf("later: got %v", err)
	}
}

// TestReaderTooLarge: nobody else's answer suffers.
func TestReaderTooLarge(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	srv.MustDo("SETRANGE", "k", fmt.Sprint(MaxAnswer), "x")
	r := newReader(t, testOptions(srv.URL()))
	id, err := r.Do(t.Context(), "CLIENT", "ID")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), "GET", "k"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if again, err := r.Do(t.Context(), "CLIENT", "ID"); err != nil || again != id {
		t.Errorf("connection %v, %v, want %v", again, err, id)
	}
}

// TestReaderEndsWithItsContext, whatever Redis does; then it works again.
func TestReaderEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, halt := range map[string]func(*redistest.Server){
		"killed": (*redistest.Server).Kill, "stopped": (*redistest.Server).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			r := newReader(t, testOptions(srv.URL()))
			if _, err := r.Do(t.Context(), "PING"); err != nil {
				t.Fatal(err)
			}
			halt(srv)
			why := errors.New("enough")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
			defer cancel()
			began := time.Now()
			_, err := r.Do(ctx, "PING")
			if !errors.Is(err, why) && !errors.Is(err, ErrDown) || time.Since(began) > readTimeout/2 {
				t.Errorf("got %v after %v", err, time.Since(began))
			}
			if name == "stopped" {
				srv.Cont()
			} else {
				srv.Restart()
			}
			if v, err := r.Do(t.Context(), "PING"); err != nil || v != "PONG" {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

// TestReaderTurns: many ask at once, some give up at any time, and each has its own answer.
func TestReaderTurns(t *testing.T) {
	t.Parallel()
	r := newReader(t, testOptions(redistest.Start(t).URL()))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				if n%10 == 0 {
					cancel()
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(n)*10*time.Microsecond)
				}
				text := fmt.Sprint(i, " ", n)
				v, err := r.Do(ctx, "ECHO", text)
				if err == nil && v != text || err != nil && ctx.Err() == nil {
					t.Errorf("got %v, %v, want %s", v, err, text)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

// TestReaderEvalOnce: a script whose answer is lost is not carried out again; a connection that has ended while nothing
// was asked is replaced.
func TestReaderEvalOnce(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	r := newReader(t, testOptions("redis://"+proxy.Addr()))
	count := NewScript(`return 'counted ' .. redis.call('INCR', KEYS[1])`)
	for _, want := range []string{"counted 1", "counted 2"} {
		if v, err := r.EvalOnce(t.Context(), count, []string{"k"}); err != nil || v != want {
			t.Errorf("got %v, %v, want %s", v, err, want)
		}
		proxy.Cut()
	}
	if v, err := r.Do(t.Context(), "PING"); err != nil {
		t.Fatal(v, err)
	}
	proxy.LoseAnswer("counted")
	if v, err := r.EvalOnce(t.Context(), count, []string{"k"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, %v, want ErrUnknown", v, err)
	}
	if n := srv.MustDo("GET", "k").Str; n != "3" {
		t.Errorf("carried out %s times, want 3", n)
	}
}
