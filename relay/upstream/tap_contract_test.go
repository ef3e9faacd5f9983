package upstream

// The contract between the tap, go-redis and redis-server: what a release of
// either could change without a word.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// contractUser may use a few channels only, so that Redis has something to refuse.
const contractUser = "app on >secret ~* &count &c:* &p* &shard +@all"

// contractCase is one way to a server.
type contractCase struct {
	name string
	opts func(srv *redistest.Server) Options
}

// start runs a server for the case; only where it needs TLS it is one that has it.
func (c *contractCase) start(t *testing.T) *redistest.Server {
	t.Helper()
	options := []redistest.Option{redistest.WithACL(contractUser)}
	if c.name == "tls" {
		options = append(options, redistest.WithTLS())
	}
	return redistest.Start(t, options...)
}

func contractCases() []contractCase {
	withUser := func(url string) string { return strings.Replace(url, "://", "://app:secret@", 1) }
	return []contractCase{
		{"tcp", func(srv *redistest.Server) Options { return testOptions(withUser(srv.URL())) }},
		{"tls", func(srv *redistest.Server) Options {
			o := testOptions(withUser(srv.TLSURL()))
			o.CA, o.Cert, o.Key = srv.TLS().CA, srv.TLS().Cert, srv.TLS().Key
			return o
		}},
		{"unix", func(srv *redistest.Server) Options {
			return testOptions("unix://app:secret@" + srv.Socket())
		}},
	}
}

// contract is a tapped connection that the test drives through go-redis itself.
type contract struct {
	t      *testing.T
	srv    *redistest.Server
	dials  atomic.Int32
	sink   *numbers
	client *redis.Client
	ps     *redis.PubSub
	tap    *tap
}

// numbers is a Sink that expects the payloads 0, 1, 2 … on the channel count.
// Owned by the receiver, but for next.
type numbers struct {
	t    *testing.T
	next atomic.Int64
}

func (n *numbers) Deliver(d *resp.Delivery) {
	got, err := strconv.ParseInt(string(d.Payload), 10, 64)
	if err != nil || got != n.next.Load() || string(d.Channel) != "count" || d.Kind != resp.Message {
		n.t.Errorf("got %s %s %q, want message count %d", d.Kind, d.Channel, d.Payload, n.next.Load())
	}
	n.next.Add(1)
}

func (n *numbers) TooLarge(d *resp.Delivery, _ int64) { n.t.Errorf("too large: %s", d.Channel) }
func (n *numbers) Flush() (free bool)                 { return true }

func newContract(t *testing.T, c contractCase) *contract {
	t.Helper()
	srv := c.start(t)
	k := &contract{t: t, srv: srv, sink: &numbers{t: t}}
	opts := c.opts(srv)
	var err error
	k.client, err = opts.client("sub", func(conn net.Conn) net.Conn {
		k.dials.Add(1)
		k.tap = newTap(conn, k.sink, limit(1<<20))
		return k.tap
	})
	if err != nil {
		t.Fatal(err)
	}
	k.ps = k.client.Subscribe(context.Background())
	t.Cleanup(func() {
		_ = k.ps.Close()
		_ = k.client.Close()
	})
	return k
}

// receive returns what Receive returns, in words, with its exact type.
func (k *contract) receive() string {
	v, err := k.ps.Receive(context.Background())
	var refused redis.Error
	switch {
	case errors.As(err, &refused):
		return "refused: " + strings.Fields(refused.Error())[0]
	case err != nil:
		return "error: " + err.Error()
	}
	switch v := v.(type) {
	case *redis.Subscription:
		return fmt.Sprintf("%s %s %d", v.Kind, v.Channel, v.Count)
	case *redis.Pong:
		return "pong " + v.Payload
	}
	return fmt.Sprintf("%T %v", v, v)
}

// step is one command and what Receive must return for it.
type step struct {
	send func(k *contract) error
	want []string
}

// say is a command as Subscriber sends it: past go-redis, which reads the answer.
func say(kind resp.Kind, subscribe bool, names ...string) func(k *contract) error {
	c := command{kind: kind, subscribe: subscribe, names: names}
	return func(k *contract) error {
		_, err := k.tap.Write(c.append(nil))
		return err
	}
}

// steps are every kind of control traffic; round makes the names differ. They end
// with the subscriptions that they began with.
func steps(srv *redistest.Server, round int) []step {
	a, b := fmt.Sprint("c:a", round), fmt.Sprint("c:b", round)
	subscribed, unsubscribed := "ssubscribe shard 1", "sunsubscribe shard 0"
	if !srv.Shards() {
		subscribed, unsubscribed = "refused: ERR", "refused: ERR"
	}
	return []step{
		{
			say(resp.Message, true, a, b),
			[]string{"subscribe " + a + " 2", "subscribe " + b + " 3"},
		},
		{
			func(k *contract) error { return k.ps.Ping(context.Background(), a) },
			[]string{"pong " + a},
		},
		{
			say(resp.Message, true, "denied"),
			[]string{"refused: NOPERM"},
		},
		{
			say(resp.PMessage, true, "p*"),
			[]string{"psubscribe p* 4"},
		},
		{
			say(resp.SMessage, true, "shard"),
			[]string{subscribed},
		},
		{
			say(resp.Message, false, a, b),
			[]string{"unsubscribe " + a + " 3", "unsubscribe " + b + " 2"},
		},
		{
			say(resp.PMessage, false, "p*"),
			[]string{"punsubscribe p* 1"},
		},
		{
			say(resp.SMessage, false, "shard"),
			[]string{unsubscribed},
		},
	}
}

// begin shakes hands and subscribes to count.
func (k *contract) begin() {
	k.t.Helper()
	if err := k.ps.Ping(context.Background()); err != nil {
		k.t.Fatal(err)
	}
	if err := say(resp.Message, true, "count")(k); err != nil {
		k.t.Fatal(err)
	}
	k.want("pong PONG", "subscribe count 1") // the pong of a connection that has no subscription yet
}

func (k *contract) want(list ...string) {
	k.t.Helper()
	for _, w := range list {
		if got := k.receive(); got != w {
			k.t.Fatalf("received %q, want %q", got, w)
		}
	}
}

// TestTapContract interleaves 100,000 messages with every kind of control frame.
func TestTapContract(t *testing.T) {
	for _, c := range contractCases() {
		t.Run(c.name, func(t *testing.T) {
			k := newContract(t, c)
			k.begin()
			k.wantHandshake()
			k.wantControlAmongMessages(100_000, 50)
			k.wantOneLife()
		})
	}
}

// wantHandshake: what go-redis told Redis about itself.
func (k *contract) wantHandshake() {
	k.t.Helper()
	line := awaitClients(k.t, k.srv, 1)[0]
	protocol := "2"
	if !k.srv.Shards() {
		protocol = "" // CLIENT LIST shows it from Redis 7.0 on
	}
	for key, want := range map[string]string{
		"name": "redis-relay:test-host:sub", "resp": protocol, "user": "app", "sub": "1", "psub": "0", "db": "0",
	} {
		if got := field(line, key); got != want {
			k.t.Errorf("%s=%s on Redis, want %s: %s", key, got, want, line)
		}
	}
}

func (k *contract) wantControlAmongMessages(messages, rounds int) {
	t := k.t
	t.Helper()
	pub := redistest.Dial(t, "unix", k.srv.Socket())
	pub.Send("CLIENT", "REPLY", "OFF")
	sent := make(chan error, 1)
	between := 0 // rounds in which messages came
	for round := range rounds {
		before := k.sink.next.Load()
		go func() { sent <- numbered(pub.NetConn(), round*messages/rounds, (round+1)*messages/rounds) }()
		for _, s := range steps(k.srv, round) {
			if err := s.send(k); err != nil {
				t.Fatal(err)
			}
			k.want(s.want...)
		}
		if k.sink.next.Load() > before {
			between++
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	// A batch of them without waiting in between: one at a time all the same.
	for _, s := range steps(k.srv, rounds) {
		if err := s.send(k); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range steps(k.srv, rounds) {
		k.want(s.want...)
	}
	// PUBLISH has no reply here: the last message is the barrier.
	for deadline := time.Now().Add(patience); k.sink.next.Load() < int64(messages); {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages came, want %d", k.sink.next.Load(), messages)
		}
		if err := k.ps.Ping(context.Background(), "more"); err != nil {
			t.Fatal(err)
		}
		k.want("pong more")
	}
	if between == 0 {
		t.Error("no control frame came between messages: the test shows nothing")
	}
}

// numbered publishes the numbers from first up to end on the channel count.
func numbered(conn net.Conn, first, end int) error {
	var pipeline []byte
	for i := first; i < end; i++ {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "count", strconv.Itoa(i))
	}
	_, err := conn.Write(pipeline)
	return err
}

// wantOneLife: after the loss go-redis neither dials nor subscribes again.
func (k *contract) wantOneLife() {
	t := k.t
	t.Helper()
	if got := k.dials.Load(); got != 1 {
		t.Errorf("%d dials in one life", got)
	}
	// One connection watches, and adds none of its own.
	watch := redistest.Dial(t, "unix", k.srv.Socket())
	watch.Do("CLIENT", "KILL", "TYPE", "pubsub")
	before := connections(watch)
	if got := k.receive(); !strings.HasPrefix(got, "error: ") {
		t.Fatalf("after the loss: received %q, want an error", got)
	}
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"Subscribe": func() error { return k.ps.Subscribe(ctx, "c:x") },
		"Ping":      func() error { return k.ps.Ping(ctx) },
		"Receive":   func() error { _, err := k.ps.Receive(ctx); return err },
	} {
		if err := call(); !errors.Is(err, errSecondDial) {
			t.Errorf("%s after the loss: got %v, want errSecondDial", name, err)
		}
	}
	if after := connections(watch); after != before {
		t.Errorf("Redis was dialled %d times after the loss", after-before)
	}
	if list := k.srv.PubSubClients(); len(list) != 0 {
		t.Errorf("subscribed again: %q", list)
	}
}

// connections is how many a server has ever accepted.
func connections(c *redistest.Client) int {
	for line := range strings.Lines(c.Do("INFO", "stats").Str) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "total_connections_received:"); ok {
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return -1
}
