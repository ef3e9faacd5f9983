package embedded_test

// This file tests what no transcript shows: order under load, slow clients,
// what is left behind, and the server's own life.

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"redis-relay/relay/embedded"
	"redis-relay/relay/redistest"
)

func TestMain(m *testing.M) { redistest.RunTests(m) }

func connect(t testing.TB, srv *embedded.Server) *redistest.Client {
	t.Helper()
	return redistest.Dial(t, "tcp", address(srv))
}

func ExampleStart() {
	srv, err := embedded.Start("", zap.NewNop())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(srv.URL()[:len("redis://127.0.0.1:")])
	fmt.Println(srv.Close())
	// Output:
	// redis://127.0.0.1:
	// <nil>
}

func TestOrderOfEachPublisher(t *testing.T) {
	t.Parallel()
	const publishers, each = 4, 25_000
	srv := start(t)
	sub := connect(t, srv)
	sub.Send("SUBSCRIBE", "0", "1", "2", "3")
	sub.Expect(t, "[subscribe \"0\" 1]", "[subscribe \"1\" 2]", "[subscribe \"2\" 3]", "[subscribe \"3\" 4]")

	var publishing sync.WaitGroup
	for p := range publishers {
		pub := connect(t, srv)
		publishing.Go(func() { flood(t, pub, strconv.Itoa(p), each) })
	}
	next := map[string]int{}
	err := sub.ReadMessages(publishers*each, func(channel, payload []byte) {
		if want := strconv.Itoa(next[string(channel)]); string(payload) != want {
			t.Errorf("channel %s: got %s, want %s", channel, payload, want)
		}
		next[string(channel)]++
	})
	publishing.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

// flood publishes 0, 1, 2 … on a channel in pipelines of 1,000, each with one
// receiver.
func flood(t *testing.T, pub *redistest.Client, channel string, n int) {
	for from := 0; from < n; from += 1000 {
		var batch []byte
		for i := from; i < from+1000; i++ {
			batch = redistest.AppendCommand(batch, "PUBLISH", channel, strconv.Itoa(i))
		}
		if _, err := pub.NetConn().Write(batch); err != nil {
			t.Errorf("publish: %v", err)
			return
		}
		for range 1000 {
			if v, err := pub.TryReceive(); err != nil || v.String() != ":1" {
				t.Errorf("publish: got %v, %v, want :1", v, err)
				return
			}
		}
	}
}

func TestScriptIsAtomicForSubscribers(t *testing.T) {
	t.Parallel()
	const rounds = 500
	srv := start(t)
	sub, noise, pub := connect(t, srv), connect(t, srv), connect(t, srv)
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")

	var publishing sync.WaitGroup
	publishing.Go(func() {
		for range rounds {
			if _, err := noise.TryDo("PUBLISH", "noise", "x"); err != nil {
				t.Errorf("publish: %v", err)
			}
		}
	})
	publishing.Go(func() {
		const script = `local id = redis.call("XADD", KEYS[1], "*", "m", ARGV[1])
			redis.call("PUBLISH", "seq", id)
			return redis.call("PUBLISH", "payload", ARGV[1])`
		for i := range rounds {
			v, err := pub.TryDo("EVAL", script, "1", "history", strconv.Itoa(i))
			if err != nil || v.String() != ":1" {
				t.Errorf("script: got %v, %v", v, err)
			}
		}
	})
	last := ""
	err := sub.ReadMessages(3*rounds, func(channel, _ []byte) {
		if (last == "seq") != (string(channel) == "payload") {
			t.Errorf("%s follows %s", channel, last)
		}
		last = string(channel)
	})
	publishing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := pub.Do("XLEN", "history").Int; got != rounds {
		t.Errorf("XLEN = %d, want %d", got, rounds)
	}
}

func TestDisconnectForgetsSubscriptions(t *testing.T) {
	t.Parallel()
	srv := start(t)
	watch, sub := connect(t, srv), connect(t, srv)
	sub.Send("SUBSCRIBE", "a")
	sub.Send("PSUBSCRIBE", "b")
	sub.Send("SSUBSCRIBE", "c")
	sub.Expect(t, "[subscribe a 1]", "[psubscribe b 2]", "[ssubscribe c 1]")
	interest := func() string {
		var all strings.Builder
		for _, q := range []string{"CHANNELS", "NUMPAT", "SHARDCHANNELS"} {
			all.WriteString(watch.Do("PUBSUB", q).String())
		}
		return all.String()
	}
	if got := interest(); got != "[a]:1[c]" {
		t.Fatalf("interest = %s", got)
	}
	sub.Close()
	redistest.Eventually(t, redistest.DefaultTimeout, "no interest left", func() bool { return interest() == "[]:0[]" })
}

func TestSlowSubscriberIsDisconnectedAlone(t *testing.T) {
	t.Parallel()
	srv := start(t)
	slow, good, pub := connect(t, srv), connect(t, srv), connect(t, srv)
	for _, c := range []*redistest.Client{slow, good} {
		c.Send("SUBSCRIBE", "a")
		c.Expect(t, "[subscribe a 1]")
	}
	payload := strings.Repeat("x", 1<<20)
	left := 0
	for left = range 128 { // more than the 32 MiB and what sockets hold
		if pub.Do("PUBLISH", "a", payload).Int == 1 {
			break
		}
		if got := good.Receive(); len(got.Elems) != 3 || len(got.Elems[2].Str) != len(payload) {
			t.Fatalf("the good subscriber got %.100s", got)
		}
	}
	if left < 32 || left == 127 {
		t.Errorf("disconnected after %d MiB, want a little more than 32", left)
	}
	slow.Closed()
}

func TestClientThatReadsNoRepliesIsNotReadFrom(t *testing.T) {
	t.Parallel()
	const requests = 64
	srv := start(t)
	lazy, other := connect(t, srv), connect(t, srv)
	payload := strings.Repeat("x", 1<<20)
	var sending sync.WaitGroup
	sending.Go(func() {
		for range requests {
			if err := lazy.TrySend("ECHO", payload); err != nil {
				t.Errorf("send: %v", err)
			}
		}
	})
	for range 100 {
		if got := other.Do("PING").String(); got != "+PONG" {
			t.Fatalf("PING: %s", got)
		}
	}
	for range requests {
		if got := lazy.Receive(); got.Str != payload {
			t.Fatalf("ECHO: %.100s", got)
		}
	}
	sending.Wait()
}

func TestOversizeArgument(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	c.Send("ECHO", strings.Repeat("x", 33<<20))
	c.Expect(t, "-ERR an argument is longer than the 32 MiB that the embedded redis takes; use a redis-server")
	if got := c.Do("PING").String(); got != "+PONG" {
		t.Errorf("PING: %s", got)
	}
}

func TestTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	c.Send("MULTI")
	c.Expect(t, "-ERR the embedded redis has no transactions; use a Lua script or a redis-server")
}

func TestClientListAndKill(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, sub := connect(t, srv), connect(t, srv)
	sub.Send("CLIENT", "SETNAME", "the-subscriber")
	sub.Send("CLIENT", "SETINFO", "lib-name", "go-redis(,go1.26)")
	sub.Send("SUBSCRIBE", "a", "b")
	sub.Expect(t, "+OK", "+OK", "[subscribe a 1]", "[subscribe b 2]")

	list := c.Do("CLIENT", "LIST", "TYPE", "pubsub").Str
	for _, want := range []string{
		"addr=" + sub.NetConn().LocalAddr().String(), "name=the-subscriber", "flags=P", "sub=2",
		"lib-name=go-redis(,go1.26)", "cmd=subscribe",
	} {
		if !strings.Contains(list, want+" ") || strings.Count(list, "\n") != 1 {
			t.Errorf("CLIENT LIST TYPE pubsub = %q, want one line with %q", list, want)
		}
	}
	if all := c.Do("CLIENT", "LIST").Str; strings.Count(all, "\n") != 2 {
		t.Errorf("CLIENT LIST = %q, want two lines", all)
	}
	if got := c.Do("CLIENT", "KILL", "TYPE", "pubsub").String(); got != ":1" {
		t.Errorf("CLIENT KILL = %s", got)
	}
	sub.Closed()
	if got := c.Do("CLIENT", "KILL", "TYPE", "normal").String(); got != ":0" {
		t.Errorf("CLIENT KILL of itself = %s", got)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	for _, section := range [][]string{{"INFO"}, {"INFO", "server"}, {"INFO", "everything", "modules"}} {
		got := c.Do(section...).Str
		for _, want := range []string{"redis_version:" + embedded.Version, "loading:0", "role:master", "cluster_enabled:0"} {
			if !strings.Contains(got, want+"\r\n") {
				t.Errorf("%q lacks %q: %q", section, want, got)
			}
		}
	}
}

func TestKeysExpireByTheClock(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	c.Send("SET", "k", "v", "PX", "20")
	c.Expect(t, "+OK")
	redistest.Eventually(t, redistest.DefaultTimeout, "the key has expired", func() bool { return c.Do("EXISTS", "k").Int == 0 })
}

func TestCloseEndsEveryClient(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start("", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	idle, sub, blocked, stuck := connect(t, srv), connect(t, srv), connect(t, srv), connect(t, srv)
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")
	blocked.Send("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
	stuck.SendRaw(bytes.Repeat(redistest.AppendCommand(nil, "COMMAND"), 100)) // replies it does not read
	idle.Do("PING")

	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() {
			if err := srv.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	closing.Wait()
	for _, c := range []*redistest.Client{idle, sub, blocked, stuck} {
		c.Closed()
	}
	if err := srv.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func BenchmarkPublish(b *testing.B) {
	srv := start(b)
	sub, pub := connect(b, srv), connect(b, srv)
	sub.Do("SUBSCRIBE", "a")
	var received sync.WaitGroup
	batch := bytes.Repeat(redistest.AppendCommand(nil, "PUBLISH", "a", strings.Repeat("x", 124)), 100)
	for b.Loop() {
		received.Go(func() {
			if err := sub.ReadMessages(100, func(_, _ []byte) {}); err != nil {
				b.Error(err)
			}
		})
		pub.SendRaw(batch)
		for range 100 {
			pub.Receive()
		}
		received.Wait()
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "messages/s")
}
