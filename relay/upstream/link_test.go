package upstream

// A link: what Redis answers, in whatever form; sockets that are full, broken or
// slow; and a peer that is no Redis.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestPublisherAnswers: every form of answer, nested and large, on each kind of
// connection.
func TestPublisherAnswers(t *testing.T) {
	t.Parallel()
	const script = `return {1, 'two', false, {redis.error_reply('THREE x'), {}}, redis.status_reply('OK')}`
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for _, c := range contractCases() {
		t.Run(c.name, func(t *testing.T) {
			srv := c.start(t)
			p := publish(t, c.opts(srv))
			awaitConnected(t, p)
			ask := func(args ...any) (any, error) {
				t.Helper()
				return p.Do(context.Background(), args...)
			}
			want := []any{int64(1), "two", nil, []any{ReplyError("THREE x"), []any{}}, "OK"}
			if got, err := ask("EVAL", script, 0); err != nil || !cmp.Equal(got, want) {
				t.Errorf("EVAL: got %v, %v, want %v", got, err, want)
			}
			_, err := ask("EVALSHA", strings.Repeat("0", 40), []byte("0"))
			var refused redis.Error
			if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "NOSCRIPT ") {
				t.Errorf("EVALSHA: got %v", err)
			}
			if got, err := ask("GET", c.name); got != nil || err != nil {
				t.Errorf("GET of nothing: got %v, %v", got, err)
			}
			if got, err := ask("SET", c.name, large); got != "OK" || err != nil {
				t.Errorf("SET: got %v, %v", got, err)
			}
			if got, err := ask("GET", c.name); got != large || err != nil {
				t.Errorf("GET: got %d bytes, %v", len(fmt.Sprint(got)), err)
			}
		})
	}
}

func awaitConnected(t *testing.T, p *Publisher) {
	t.Helper()
	redistest.Eventually(t, patience, "the lanes stand", func() bool {
		ready, _ := p.Status()
		return ready
	})
}

// TestTooLargeAnswerConcernsWhoAsked: what is asked before and behind it has its answer,
// over the same connection.
func TestTooLargeAnswerConcernsWhoAsked(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.PublishTimeout = patience
	p := publish(t, opts)
	awaitConnected(t, p)
	l := p.lanes[asking]
	const large = `local s = string.rep('x', ARGV[1]) return {s, {s, s}, {}}`
	ask := func(args ...string) reply {
		r := make(reply, 1)
		words := make([][]byte, len(args))
		for i, a := range args {
			words[i] = []byte(a)
		}
		if err := p.enqueue(l, asking, r, words); err != nil {
			t.Fatal(err)
		}
		return r
	}
	var ids []any
	for range 3 {
		before, tooLarge, behind := ask("CLIENT", "ID"), ask("EVAL", large, "0", fmt.Sprint(MaxAnswer/2)), ask("CLIENT", "ID")
		l.flush()
		for _, r := range []reply{before, behind} {
			a := outcome(t, r)
			if a.err != nil {
				t.Error(a.err)
			}
			ids = append(ids, a.value)
		}
		if a := outcome(t, tooLarge); !errors.Is(a.err, ErrTooLarge) {
			t.Errorf("the large answer: %v, want ErrTooLarge", a.err)
		}
		if a, err := p.Do(t.Context(), "EVAL", large, 0, MaxAnswer/3-100); err != nil || len(a.([]any)) != 3 {
			t.Errorf("an answer that just fits: %v", err)
		}
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("answered over the connections %v, want one", ids)
		}
	}
}

// TestPublisherFlushDoesNotWait for a socket that is full; what did not fit follows
// when Redis reads again.
func TestPublisherFlushDoesNotWait(t *testing.T) {
	t.Parallel()
	for _, c := range contractCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := c.start(t)
			opts := c.opts(srv)
			opts.PublishTimeout = patience
			p := publish(t, opts)
			awaitConnected(t, p)
			srv.Stop()
			began := time.Now()
			payload := strings.Repeat("x", 16<<20)
			answers := []<-chan answer{send(t, p, 0, "count", payload), send(t, p, 0, "count", "1")}
			if took := time.Since(began); took > patience/2 {
				t.Errorf("Flush took %v", took)
			}
			srv.Cont()
			for i, a := range answers {
				if a := outcome(t, a); a.err != nil {
					t.Errorf("message %d: %v", i, a.err)
				}
			}
		})
	}
}

// TestPublisherBatches: what comes while an answer is due goes as one, and does not
// wait for an answer that takes long.
func TestPublisherBatches(t *testing.T) {
	t.Parallel()
	const messages = 2000
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	opts := testOptions("redis://" + proxy.Addr())
	opts.PublishTimeout = patience
	p := publish(t, opts)
	awaitPublished(t, p)
	reads := stat(t, srv, "total_reads_processed")
	proxy.Stall(true)
	first := send(t, p, 0, "a", "first")
	awaitTaken(t, p, 0)
	var answers []<-chan answer
	for range messages {
		answers = append(answers, send(t, p, 0, "a", "m"))
	}
	awaitTaken(t, p, 0) // though the first is not answered
	select {
	case <-first:
		t.Fatal("the proxy has let something pass")
	default:
	}
	proxy.Stall(false)
	for _, a := range append(answers, first) {
		if a := outcome(t, a); a.err != nil {
			t.Fatal(a.err)
		}
	}
	if got := stat(t, srv, "total_reads_processed") - reads; got > messages/10 {
		t.Errorf("%d messages took %d reads on Redis", messages, got)
	}
}

// TestPublisherSendsWhatWaitsAtTheEnd: publishes that were flushed before Run is to
// end are answered by Redis.
func TestPublisherSendsWhatWaitsAtTheEnd(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	for range 20 {
		p := NewPublisher(testOptions(srv.URL()), limit(maxQueued), nil, zap.NewNop())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		awaitPublished(t, p)
		var answers []<-chan answer
		for i := range uint64(100) {
			answers = append(answers, send(t, p, i, "a", "m"))
		}
		cancel()
		for i, a := range answers {
			if a := outcome(t, a); a.err != nil {
				t.Errorf("message %d: %v", i, a.err)
			}
		}
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	}
}

// TestPublisherWithoutFlush: what nobody flushes is refused in time, and not sent
// later.
func TestPublisherWithoutFlush(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	p := publish(t, opts)
	awaitConnected(t, p)
	c := listen(t, srv, "a")
	r := make(reply, 1)
	if err := p.Publish(0, false, []byte("a"), []byte("forgotten"), r); err != nil {
		t.Fatal(err)
	}
	if a := outcome(t, r); !errors.Is(a.err, ErrDown) {
		t.Errorf("got %v, want ErrDown", a.err)
	}
	if a := outcome(t, send(t, p, 0, "a", "next")); a.err != nil {
		t.Errorf("the next: %v", a.err)
	}
	c.Expect(t, "[message a next]")
}

// testLane is a lane that is not run, for a peer that the test plays.
func testLane() *lane {
	return newLane("pub", testOptions(""), new(atomic.Int64), nil, zap.NewNop())
}

// serveLane speaks to one end of a pipe; the test has the other, and the error of
// the link when it has ended.
func serveLane(t *testing.T, l *lane) (peer net.Conn, ended <-chan error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- l.serve(t.Context(), near) }()
	t.Cleanup(func() { _ = far.Close() })
	return far, done
}

func TestLinkEndsWithWhatNoRedisSends(t *testing.T) {
	cases := []struct {
		name, sent string
		want       error
	}{
		{"an answer to nothing", ":1\r\n", errUnasked},
		{"no RESP", "HTTP/1.1 400 Bad Request\r\n", resp.ErrValue},
		{"a line without end", "+" + strings.Repeat("x", MaxAnswer), resp.ErrValue},
	}
	for _, c := range cases {
		peer, ended := serveLane(t, testLane())
		go func() { _, _ = peer.Write([]byte(c.sent)) }() // is cut off, in the last case
		select {
		case err := <-ended:
			if !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			}
		case <-time.After(patience):
			t.Fatalf("%s: the link goes on", c.name)
		}
	}
}

// TestLinkAnswersPartOfABatch: the connection ends after one of three answers. The
// first has it, the others are unknown.
func TestLinkAnswersPartOfABatch(t *testing.T) {
	l := testLane()
	var answers []reply
	for range 3 {
		r := make(reply, 1)
		l.enqueue(r, 0, overhead, [][]byte{[]byte("PING")})
		answers = append(answers, r)
	}
	peer, ended := serveLane(t, l)
	const ping = "*1\r\n$4\r\nPING\r\n"
	b := make([]byte, 3*len(ping))
	if n, err := peer.Read(b); err != nil || string(b[:n]) != strings.Repeat(ping, 3) {
		t.Fatalf("got %q, %v, want three PINGs at once", b[:n], err)
	}
	if _, err := peer.Write([]byte("+PONG\r\n")); err != nil {
		t.Fatal(err)
	}
	if a := outcome(t, answers[0]); a.value != "PONG" || a.err != nil {
		t.Errorf("the first: got %v, %v", a.value, a.err)
	}
	_ = peer.Close()
	for _, r := range answers[1:] {
		if a := outcome(t, r); !errors.Is(a.err, ErrUnknown) {
			t.Errorf("got %v, %v, want ErrUnknown", a.value, a.err)
		}
	}
	if err := <-ended; err == nil || len(answers[0]) > 0 {
		t.Errorf("the link ended with %v; the first was answered twice: %v", err, len(answers[0]) > 0)
	}
}

// broken is a connection that fails to write, after some bytes.
type broken struct {
	net.Conn
	takes int
}

func (b *broken) Write(p []byte) (int, error) { return min(b.takes, len(p)), errors.New("broken") }

// TestLinkTakesBackWhatWasNotWritten: of a batch of which no byte has left, nothing
// was sent, so it waits for the next life, ahead of what came since.
func TestLinkTakesBackWhatWasNotWritten(t *testing.T) {
	for _, takes := range []int{0, 1} {
		l := testLane()
		near, far := net.Pipe()
		k := newLink(l, &broken{near, takes})
		l.link = k
		l.enqueue(make(reply, 1), 0, overhead, [][]byte{[]byte("first")})
		if !k.resume() {
			t.Fatal("nothing is to be written")
		}
		l.enqueue(make(reply, 1), 0, overhead, [][]byte{[]byte("second")})
		n, err := k.conn.Write(k.rest)
		k.rest = k.rest[n:]
		if k.wrote(err) {
			t.Error("a broken link goes on")
		}
		want := "*1\r\n$6\r\nsecond\r\n"
		if takes == 0 {
			want = "*1\r\n$5\r\nfirst\r\n" + want
		}
		if got := string(l.waiting.wire); got != want || len(k.sent) != takes {
			t.Errorf("%d bytes written: %q waits, %d batches are sent", takes, got, len(k.sent))
		}
		l.stop()
		_ = far.Close()
	}
}
