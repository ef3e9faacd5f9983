package access

// Tokens that expire, in front of a service that ends a connection whose token has expired.

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/notice"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// expiringProxy stands for a service such as ElastiCache or Azure: it ends a connection when the last token that came
// over it has expired. Redis itself says whether a token is right.
type expiringProxy struct {
	target string
	ln     net.Listener
	all    sync.WaitGroup
	cuts   atomic.Int64 // connections ended, since their token had expired
	tokens atomic.Int64 // that came
}

func newExpiringProxy(t *testing.T, target string) *expiringProxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &expiringProxy{target: target, ln: ln}
	p.all.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { _ = ln.Close() })
	return p
}

// serve passes on what comes, until either side ends or the token expires.
func (p *expiringProxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	end := func() { _, _ = client.Close(), server.Close() } // an error says that it is closed
	expiry := time.AfterFunc(5*time.Second, func() {        // without a token at all
		p.cuts.Add(1)
		end()
	})
	defer expiry.Stop()
	p.all.Go(func() {
		_, _ = io.Copy(client, server)
		end()
	})
	_, _ = io.Copy(server, io.TeeReader(client, &tokenReader{p: p, expiry: expiry}))
	end()
}

// tokenReader sets the expiry by each token that passes. Redis gets it a moment later.
type tokenReader struct {
	p      *expiringProxy
	expiry *time.Timer
	rest   []byte // what may be the beginning of a token
}

// token has in it when it expires, in milliseconds.
var token = regexp.MustCompile(`token-(\d{13})-\d+;`)

func newToken(n int, expires time.Time) string {
	return fmt.Sprintf("token-%d-%d;", expires.UnixMilli(), n)
}

func (r *tokenReader) Write(b []byte) (int, error) {
	r.rest = append(r.rest, b...)
	for m := token.FindSubmatchIndex(r.rest); m != nil; m = token.FindSubmatchIndex(r.rest) {
		at, err := strconv.ParseInt(string(r.rest[m[2]:m[3]]), 10, 64)
		if err != nil {
			return 0, err
		}
		r.p.tokens.Add(1)
		r.expiry.Reset(time.Until(time.UnixMilli(at)))
		r.rest = r.rest[m[1]:]
	}
	r.rest = append([]byte(nil), r.rest[max(0, len(r.rest)-64):]...)
	return len(b), nil
}

// issuer makes a new token for the user app from time to time, and gives it to a helper. The last four are right: those
// that have not expired.
type issuer struct {
	t     *testing.T
	redis *redistest.Server
	h     *helper
	life  time.Duration
	n     int
	right []string // the last one last
}

// next makes a token.
func (i *issuer) next() {
	expires := time.Now().Add(i.life)
	i.n++
	fresh := newToken(i.n, expires)
	i.right = append(i.right, fresh)
	i.right = i.right[max(0, len(i.right)-4):]
	words := []string{"ACL", "SETUSER", "app", "resetpass"}
	for _, right := range i.right {
		words = append(words, ">"+right)
	}
	if _, err := i.redis.Do(words...); err != nil {
		i.t.Error(err)
	}
	i.h.does(fmt.Sprintf(`echo '{"username":"app","password":"%s","expiresAt":"%s"}'`, fresh,
		expires.UTC().Format(time.RFC3339Nano)))
}

// start makes four tokens in the life of one, until the function that it returns is called.
func (i *issuer) start() (end func()) {
	i.next()
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for ticker := time.NewTicker(i.life / 4); ; i.next() {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		close(stop)
		running.Wait()
	}
}

// lives returns how long a token lives, and how long the test goes on. RELAY_LONG=1 is the long form.
func lives() (token, test time.Duration) {
	if os.Getenv("RELAY_LONG") != "" {
		return 10 * time.Second, 5 * time.Minute
	}
	return 10 * time.Second, 31 * time.Second
}

// Tokens expire again and again under load: no gap, no connection is made anew, nothing is late, lost or twice.
func TestTokensThatExpireUnderLoad(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on ~* &* +@all"))
	p, h := newExpiringProxy(t, redis.Addr()), newHelper(t)
	life, long := lives()
	tokens := issuer{t: t, redis: redis, h: h, life: life}
	defer tokens.start()()
	r := harness.Start(t, nil, harness.WithRedis("redis://"+p.ln.Addr().String()), h.option(0), historyOn("d:"))
	events, sub := r.Subscribe(relay.EventsChannel), r.Subscribe("d:1", "live")
	pub := r.Dial()
	r.Readable(pub, "d:0") // the reader stands
	before := connections(redis)

	stop, done := make(chan struct{}), make(chan int)
	go func() { done <- load(t, pub, stop) }()
	heard := make(chan int)
	go func() { heard <- listen(t, sub) }()
	time.Sleep(long)
	close(stop)
	sent := <-done
	if got := <-heard; got != sent || sent < 100 {
		t.Errorf("%d rounds sent, %d heard", sent, got)
	}
	if now := connections(redis); before["sub"] == "" || before["read"] == "" || now["sub"] != before["sub"] ||
		now["read"] != before["read"] {
		t.Errorf("connections %s, then %s", before, now)
	}
	if cuts, came := p.cuts.Load(), p.tokens.Load(); cuts != 0 || came < 2*int64(long/life) {
		t.Errorf("%d connections cut; %d tokens came", cuts, came)
	}
	if n := r.Metric("upstream_connections_total"); n != 1 || r.Metric("upstream_credentials_failures_total") != 0 {
		t.Errorf("%v connections", n)
	}
	left := r.Metric("upstream_credentials_expiry_timestamp_seconds") - float64(time.Now().Unix())
	if age := r.Metric("upstream_credentials_age_seconds"); age <= 0 || age > life.Seconds() || left < 0 || left > life.Seconds()+1 {
		t.Errorf("age %v s, %v s left", age, left)
	}
	for _, e := range r.Logs.All() {
		bad := e.Level >= zap.WarnLevel && e.Message != notice.LongTurn.Text // the machine may be busy
		if text := fmt.Sprint(e.Message, e.ContextMap()); bad || strings.Contains(text, "token-") {
			t.Errorf("the log says %s", text)
		}
	}
	r.Stop()
	if got := events.Closed(); len(got) > 0 {
		t.Errorf("events %s", got)
	}
}

// load publishes numbers on both channels and reads the last one back, until stop. It returns how many rounds.
func load(t *testing.T, pub *redistest.Client, stop <-chan struct{}) (n int) {
	defer func() {
		_ = harness.Exchange(pub, []string{"PUBLISH", "live", "end"}, ":1")
	}()
	for {
		select {
		case <-stop:
			return n
		case <-time.After(time.Millisecond): // other tests run beside this one
		}
		n++
		number := "n" + strconv.Itoa(n)
		for _, channel := range []string{"live", "nobody", "d:1"} { // nothing is awaited: each has its own answer
			if err := pub.TrySend("PUBLISH", channel, number); err != nil {
				t.Errorf("%s %d: %v", channel, n, err)
				return n
			}
		}
		if err := harness.Expect(pub, ":1", ":0", ":1"); err != nil {
			t.Errorf("%d: %v", n, err)
			return n
		}
		if err := pub.TrySend("XREVRANGE", "d:1", "+", "-", "COUNT", "1"); err != nil {
			t.Errorf("read %d: %v", n, err)
			return n
		}
		if v, err := pub.TryReceive(); err != nil || !strings.Contains(v.String(), "[payload "+number+"]") {
			t.Errorf("read %d: %v %v", n, v, err)
			return n
		}
	}
}

// listen expects the numbers in turn, until the end. It returns how many rounds.
func listen(t *testing.T, sub *redistest.Client) (n int) {
	for {
		v, err := sub.TryReceive()
		if err != nil {
			t.Errorf("behind %d: %v", n, err)
			return n
		}
		if v.String() == "[message live end]" {
			return n
		}
		n++
		number := "n" + strconv.Itoa(n)
		if v.String() != "[message live "+number+"]" {
			t.Errorf("got %s, want live %s", v, number)
			return n
		}
		if err := harness.Expect(sub, "[message d:1 "+number+"]"); err != nil {
			t.Errorf("kept %s: %v", number, err)
			return n
		}
	}
}

// A helper that fails is an alert before the service ends the connection; afterwards the relay says why it is not
// ready, and comes back when the helper does.
func TestHelperFailsUntilTheTokenExpires(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on ~* &* +@all"))
	p, h := newExpiringProxy(t, redis.Addr()), newHelper(t)
	tokens := issuer{t: t, redis: redis, h: h, life: 10 * time.Second}
	tokens.next()
	r := harness.Start(t, nil, harness.WithRedis("redis://"+p.ln.Addr().String()), h.option(0),
		func(c *config.Config) { c.Redis.AlertAfter = 1000 })
	events := r.Subscribe(relay.EventsChannel)
	h.does("echo 'no identity, " + tokens.right[0] + "' >&2; exit 1")
	e := harness.Event(t, events, "alert")
	if e.Kind != "credentials" || e.Until == nil || time.Until(*e.Until) < 500*time.Millisecond || p.cuts.Load() != 0 ||
		!strings.Contains(e.Cause, "no identity, xxxxx") {
		t.Errorf("%+v", e)
	}
	awaitEvent(t, events, "upstream_down")
	if p.cuts.Load() == 0 {
		t.Error("the service has not ended the connection")
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "not ready, and why", func() bool {
		status, body := r.Get("/readyz")
		return status == 503 && strings.Contains(body, "the helper ended with exit status 1; its stderr: no identity")
	})
	tokens.next()
	redistest.Eventually(t, 30*time.Second, "ready", r.IsReady)
	awaitEvent(t, events, "alert_end")
	noSecrets(t, r, "token-")
}

// awaitEvent returns the next event of a kind. Others before it are passed over.
func awaitEvent(t *testing.T, events *redistest.Client, kind string) relay.Event {
	t.Helper()
	for {
		var e relay.Event
		if harness.Heard(t, events, relay.EventsChannel, &e); e.Event == kind {
			return e
		}
	}
}
