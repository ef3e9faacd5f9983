package upstream

// Publishing against a real redis-server: order, shared round trips, and what a
// fault may and may not do to a message.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/redistest"
)

// listen subscribes a raw client to channels.
func listen(t testing.TB, srv *redistest.Server, channels ...string) *redistest.Client {
	t.Helper()
	c := redistest.Dial(t, "unix", srv.Socket())
	c.Send(append([]string{"SUBSCRIBE"}, channels...)...)
	for range channels {
		c.Receive()
	}
	return c
}

// stat is one figure of INFO stats.
func stat(t testing.TB, srv *redistest.Server, key string) int {
	t.Helper()
	for line := range strings.Lines(srv.MustDo("INFO", "stats").Str) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+":"); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", key)
	return 0
}

// TestPublisherOrder: what goes over one lane arrives in order, and thousands of
// messages take a few round trips.
func TestPublisherOrder(t *testing.T) {
	const lanesUsed, each = 4, 5000
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.PublishTimeout = patience // none is to expire on a busy machine
	p := publish(t, opts)
	awaitPublished(t, p)
	c := listen(t, srv, "a")
	reads := stat(t, srv, "total_reads_processed")

	var answered sync.WaitGroup
	var failed atomic.Int32
	ok := receiptFunc(func(value any, err error) {
		if n, isInt := value.(int64); err != nil || !isInt || n != 1 {
			failed.Add(1)
		}
		answered.Done()
	})
	answered.Add(lanesUsed * each)
	for lane := range uint64(lanesUsed) {
		go func() {
			buf := []byte{}
			for i := range each {
				buf = fmt.Appendf(buf[:0], "%d %d", lane, i) // the Publisher copies it
				if err := p.Publish(lane, false, []byte("a"), buf, ok); err != nil {
					failed.Add(1)
					answered.Done()
				}
				p.Flush(lane)
			}
		}()
	}
	var next [lanesUsed]int
	err := c.ReadMessages(lanesUsed*each, func(_, payload []byte) {
		var lane, i int
		if _, err := fmt.Sscan(string(payload), &lane, &i); err != nil || next[lane] != i {
			t.Errorf("got %q, want %d", payload, next[lane])
		}
		next[lane]++
	})
	if err != nil {
		t.Fatal(err)
	}
	answered.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d answers were not one receiver", n)
	}
	// What comes while a batch is on its way goes as one.
	if got := stat(t, srv, "total_reads_processed") - reads; got > lanesUsed*each/10 {
		t.Errorf("%d messages took %d reads on Redis", lanesUsed*each, got)
	}
}

// flushed counts answers and the flushes that follow them.
type flushed struct {
	answers, flushes atomic.Int32
	done             chan struct{}
	want             int32
}

func (f *flushed) Answer(any, error) { f.answers.Add(1) }

func (f *flushed) Flush() {
	if f.flushes.Add(1) == f.want {
		close(f.done)
	}
}

// TestPublisherFlushesEachReceipt, whatever its fate.
func TestPublisherFlushesEachReceipt(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	for _, c := range []struct {
		name, url string
	}{{"up", srv.URL()}, {"down", "redis://127.0.0.1:1"}} {
		opts := testOptions(c.url)
		opts.PublishTimeout = 300 * time.Millisecond
		p := publish(t, opts)
		f := &flushed{done: make(chan struct{}), want: 1000}
		for i := range f.want {
			if err := p.Publish(uint64(i), false, []byte("a"), []byte("m"), f); err != nil {
				t.Fatal(err)
			}
			p.Flush(uint64(i))
		}
		select {
		case <-f.done:
		case <-time.After(patience):
		}
		if a, n := f.answers.Load(), f.flushes.Load(); a != f.want || n != f.want {
			t.Errorf("%s: %d answers, %d flushes, want %d", c.name, a, n, f.want)
		}
	}
}

func TestPublisherCommands(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &a* +@all -config"))
	p := publish(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)))
	c := listen(t, srv, "a", "a2")
	kind := "message"
	if srv.Shards() {
		c.Send("SSUBSCRIBE", "as")
		c.Expect(t, "[ssubscribe as 1]")
		kind = "smessage"
	} else {
		c.Send("SUBSCRIBE", "as")
		c.Expect(t, "[subscribe as 3]")
	}

	if a := outcome(t, send(t, p, 0, "a", "plain")); a.err != nil || a.value != int64(1) {
		t.Errorf("PUBLISH: got %v, %v", a.value, a.err)
	}
	c.Expect(t, "[message a plain]")
	r := make(reply, 1)
	if err := p.Publish(1, srv.Shards(), []byte("as"), []byte("\x00\r\n"), r); err != nil {
		t.Fatal(err)
	}
	p.Flush(1)
	if a := outcome(t, r); a.err != nil || a.value != int64(1) {
		t.Errorf("SPUBLISH: got %v, %v", a.value, a.err)
	}
	c.Expect(t, "["+kind+` as "\x00\r\n"]`)

	got, err := p.Do(context.Background(), "PUBSUB", "NUMSUB", "a", "b")
	if err != nil || fmt.Sprint(got) != "[a 1 b 0]" {
		t.Errorf("PUBSUB NUMSUB: got %v, %v", got, err)
	}

	// A command that Redis refuses has its own answer and spoils no other.
	answers := []<-chan answer{send(t, p, 0, "a", "1"), send(t, p, 0, "denied", "2"), send(t, p, 0, "a", "3")}
	c.Expect(t, `[message a "1"]`, `[message a "3"]`)
	for i, wantErr := range []bool{false, true, false} {
		a := outcome(t, answers[i])
		var refused redis.Error
		if wantErr != errors.As(a.err, &refused) || !wantErr && a.err != nil {
			t.Errorf("message %d: got %v, %v", i+1, a.value, a.err)
		}
	}
	if _, err := p.Do(context.Background(), "CONFIG", "GET", "save"); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Errorf("CONFIG: got %v, want NOPERM", err)
	}
	var names []string
	for line := range strings.Lines(srv.MustDo("CLIENT", "LIST", "TYPE", "normal").Str) {
		if n := field(line, "name"); n != "" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	if got := fmt.Sprint(names); got != "[redis-relay:test-host:ask redis-relay:test-host:pub redis-relay:test-host:pub]" {
		t.Errorf("names on Redis: %s", got)
	}
}

func TestPublisherDoEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := NewPublisher(testOptions("redis://127.0.0.1:1"), limit(maxQueued), nil, zap.NewNop()) // not run: nobody answers
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if _, err := p.Do(ctx, "PING"); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	ended, stop := context.WithCancel(context.Background())
	stop()
	_ = p.Run(ended)
}

func TestPublisherTellsTheVersion(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var version atomic.Pointer[string]
	p := NewPublisher(testOptions(srv.URL()), limit(maxQueued), &version, zap.NewNop())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	redistest.Eventually(t, patience, "a version", func() bool { return version.Load() != nil })
	if v := *version.Load(); !strings.Contains(srv.Log(), "version="+v+",") {
		t.Errorf("version %q, and the log of Redis says something else", v)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// TestPublisherAnswersInTime, whatever Redis does: the time for a publish, and
// half of it once more when the command had been sent.
func TestPublisherAnswersInTime(t *testing.T) {
	cases := []struct {
		name string
		halt func(srv *redistest.Server)
		sent bool // the first messages may have got through to Redis
	}{
		{"killed", (*redistest.Server).Kill, false},
		{"stopped", (*redistest.Server).Stop, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			opts := testOptions(srv.URL())
			p := publish(t, opts)
			awaitPublished(t, p)
			c.halt(srv)
			const slack = 1500 * time.Millisecond // of a busy machine
			least, most := opts.PublishTimeout-50*time.Millisecond, opts.PublishTimeout*3/2+slack
			var wg sync.WaitGroup
			for i := range 60 {
				began, answers := time.Now(), send(t, p, uint64(i), "a", "m")
				wg.Go(func() {
					a := <-answers
					took := time.Since(began)
					switch {
					case errors.Is(a.err, ErrUnknown) && c.sent && took <= most:
					case errors.Is(a.err, ErrDown) && took >= least && took <= most:
					case errors.Is(a.err, ErrUnknown) && i < 2: // met the connection before its end was seen
					default:
						t.Errorf("message %d: got %v after %v", i, a.err, took)
					}
				})
				time.Sleep(50 * time.Millisecond) // over three times the time for a publish
			}
			wg.Wait()
			if c.sent {
				srv.Cont()
			} else {
				srv.Restart()
			}
			began := time.Now()
			awaitPublished(t, p)
			if took := time.Since(began); took > patience/2 {
				t.Errorf("recovered after %v", took)
			}
		})
	}
}

// TestPublisherRecovers: what waits when Redis comes back is sent.
func TestPublisherRecovers(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.PublishTimeout = patience
	p := publish(t, opts)
	awaitPublished(t, p)
	srv.Kill()
	redistest.Eventually(t, patience, "the loss is seen", func() bool {
		return !slices.ContainsFunc(p.lanes[:], func(l *lane) bool { is, _ := l.connected(); return is })
	})
	var answers []<-chan answer
	for i := range 100 {
		answers = append(answers, send(t, p, uint64(i), "a", "m"))
	}
	srv.Restart()
	began := time.Now()
	for i, a := range answers {
		if a := outcome(t, a); a.err != nil {
			t.Errorf("message %d: %v", i, a.err)
		}
	}
	if took := time.Since(began); took > opts.PublishTimeout/2 {
		t.Errorf("sent %v after Redis came back", took)
	}
}

// TestPublisherUnknown: the connection is cut after the message has left.
func TestPublisherUnknown(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	opts := testOptions("redis://" + proxy.Addr())
	opts.PublishTimeout = patience
	p := publish(t, opts)
	awaitPublished(t, p)
	proxy.Stall(true)
	answers := send(t, p, 0, "a", "m")
	awaitTaken(t, p, 0)
	proxy.Cut()
	proxy.Stall(false)
	a := outcome(t, answers)
	if !errors.Is(a.err, ErrUnknown) {
		t.Errorf("got %v, %v, want ErrUnknown", a.value, a.err)
	}
	if strings.Contains(a.err.Error(), "127.0.0.1") {
		t.Errorf("the error names an address: %v", a.err)
	}
	awaitPublished(t, p)
}

// awaitTaken waits until nothing is queued on a lane: it is being sent.
func awaitTaken(t *testing.T, p *Publisher, lane int) {
	t.Helper()
	redistest.Eventually(t, patience, "the message is taken", func() bool { return !p.lanes[lane].pending() })
	// Taken is not yet written; a PING's way through the scheduler is enough for
	// that, and if not, the test still holds: the write meets a stalled proxy.
	time.Sleep(20 * time.Millisecond)
}

// TestPublisherNeverTwice publishes numbers through a connection that is cut again
// and again, at any byte. Acknowledged is heard once; refused is never heard;
// unknown at most once.
func TestPublisherNeverTwice(t *testing.T) {
	const workers, cuts = 4, 60
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	opts := testOptions("redis://" + proxy.Addr())
	opts.PublishTimeout = 300 * time.Millisecond
	p := publish(t, opts)
	awaitPublished(t, p)

	heard := map[string]int{}
	listening := make(chan error, 1)
	c := listen(t, srv, "a", "end")
	go func() {
		for {
			v, err := c.TryReceive()
			if err != nil || v.Elems[1].Str == "end" {
				listening <- err
				return
			}
			heard[v.Elems[2].Str]++
		}
	}()

	var mu sync.Mutex
	fates := map[string]error{}
	var answered, working sync.WaitGroup
	stop := make(chan struct{})
	for w := range workers {
		working.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", w, i)
				answered.Add(1)
				err := p.Publish(uint64(w), false, []byte("a"), []byte(id), receiptFunc(func(_ any, err error) {
					mu.Lock()
					fates[id] = err
					mu.Unlock()
					answered.Done()
				}))
				if err != nil {
					t.Errorf("publish: %v", err)
					answered.Done()
				}
				p.Flush(uint64(w))
				if i%100 == 0 {
					time.Sleep(time.Millisecond) // lets a queue of any length build up
				}
			}
		})
	}
	for i := range cuts {
		if i%3 == 0 {
			proxy.CutAfter(int64(300 + 97*i)) // in the answers of some round trip
		}
		time.Sleep(time.Duration(5+i%20) * time.Millisecond)
		proxy.Cut()
	}
	close(stop)
	working.Wait()
	answered.Wait()
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
	if len(fates) < len(heard) || tally["acknowledged"] == 0 || tally["unknown"] == 0 {
		t.Errorf("of %d messages: %v: the test shows nothing", len(fates), tally)
	}
	t.Log(tally)
}

// TestPublisherBusy: at the limit of bytes, which may change, a publish is refused at
// once, and all is accounted for afterwards.
func TestPublisherBusy(t *testing.T) {
	opts := testOptions("redis://127.0.0.1:1")
	opts.PublishTimeout = time.Minute // none is to expire meanwhile
	room := limit(8 << 20)
	p := NewPublisher(opts, room, nil, zap.NewNop())
	payload := make([]byte, 1<<20)
	var answered sync.WaitGroup
	var down atomic.Int32
	count := receiptFunc(func(_ any, err error) {
		if errors.Is(err, ErrDown) {
			down.Add(1)
		}
		answered.Done()
	})
	taken := int32(0)
	for _, bound := range []struct{ room, holds int64 }{{8 << 20, 8 << 20}, {4 << 20, 8 << 20}, {1 << 40, maxQueued}} {
		room.Store(bound.room)
		for {
			answered.Add(1)
			if err := p.Publish(uint64(taken), false, []byte("a"), payload, count); err != nil {
				answered.Done()
				if !errors.Is(err, ErrBusy) {
					t.Errorf("got %v, want ErrBusy", err)
				}
				break
			}
			taken++
		}
		if want := int32(bound.holds / (1<<20 + 257)); taken != want {
			t.Errorf("with room for %d bytes %d MiB are taken, want %d", bound.room, taken, want)
		}
	}
	if err := p.Publish(0, false, []byte("a"), []byte("small"), countNothing{}); err != nil {
		t.Errorf("a small one finds no room: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run returned %v", err)
	}
	answered.Wait()
	if n := down.Load(); n != taken {
		t.Errorf("%d of %d were told ErrDown at the end", n, taken)
	}
	if n := p.queued.Load(); n != 0 {
		t.Errorf("%d bytes are accounted for at the end", n)
	}
	if err := p.Publish(0, false, []byte("a"), nil, countNothing{}); !errors.Is(err, ErrDown) {
		t.Errorf("after the end: got %v, want ErrDown", err)
	}
}

type countNothing struct{}

func (countNothing) Answer(any, error) {}
func (countNothing) Flush()            {}

// TestPublisherPasswordRotation: the file is read at each connect.
func TestPublisherPasswordRotation(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("default off", "app on >one &* ~* +@all"))
	file := filepath.Join(t.TempDir(), "password")
	rotate := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotate("one")
	opts := testOptions(strings.Replace(srv.URL(), "//", "//app@", 1))
	opts.PasswordFile = file
	if err := opts.Check(); err != nil {
		t.Fatal(err)
	}
	opts.PublishTimeout = 300 * time.Millisecond
	p := publish(t, opts)
	awaitPublished(t, p)
	srv.MustDo("ACL", "SETUSER", "app", "resetpass", ">two")
	srv.MustDo("CLIENT", "KILL", "USER", "app")
	redistest.Eventually(t, patience, "refused with the old password", func() bool {
		return errors.Is(outcome(t, send(t, p, 0, "a", "m")).err, ErrDown)
	})
	rotate("two")
	awaitPublished(t, p)
}

func TestOptionsCheck(t *testing.T) {
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent")
	cases := []struct {
		name string
		opts Options
		want string // "" for none
	}{
		{"plain", Options{URL: "redis://127.0.0.1:6379"}, ""},
		{"no scheme", Options{URL: "127.0.0.1:6379"}, "redis.url: "},
		{"no password file", Options{URL: "redis://h", PasswordFile: absent}, "redis.password_file: "},
		{"TLS files without TLS", Options{URL: "redis://h", CA: noPEM}, "use rediss://"},
		{"no CA file", Options{URL: "rediss://h", CA: absent}, "redis.tls.ca: "},
		{"CA file without a certificate", Options{URL: "rediss://h", CA: noPEM}, "no PEM certificate in "},
		{"no certificate", Options{URL: "rediss://h", Cert: absent, Key: absent}, "redis.tls.cert: "},
		{"no key", Options{URL: "rediss://h", Cert: noPEM, Key: noPEM}, "redis.tls.cert: "},
		{"sentinel", Options{Mode: "sentinel", URL: "redis://h:26379?master_name=m"}, ""},
		{"sentinel without a name", Options{Mode: "sentinel", URL: "h:26379"}, "redis.url: "},
	}
	for _, c := range cases {
		err := c.opts.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestClientName(t *testing.T) {
	for host, want := range map[string]string{
		"web-1":        "redis-relay:web-1:pub",
		"my laptop\n2": "redis-relay:my-laptop-2:pub",
		"büro":         "redis-relay:b-ro:pub",
	} {
		if got := (&Options{Name: host}).clientName("pub"); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

// BenchmarkPublish measures a message among many, to a real redis-server.
func BenchmarkPublish(b *testing.B) {
	srv := redistest.Start(b)
	p := publish(b, testOptions(srv.URL()))
	awaitPublished(b, p)
	window := make(chan struct{}, 1024)
	done := receiptFunc(func(_ any, err error) {
		if err != nil {
			b.Error(err)
		}
		<-window
	})
	channel, payload := []byte("chat:42"), make([]byte, 124)
	b.ReportAllocs()
	for b.Loop() {
		window <- struct{}{}
		if err := p.Publish(0, false, channel, payload, done); err != nil {
			b.Fatal(err)
		}
		p.Flush(0)
	}
	for range cap(window) {
		window <- struct{}{}
	}
}
