package history

// Channels with history are plain Redis to those who are not behind a relay, and
// nobody sees how it is done.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

// startProgram builds the relay's program, runs it, and returns its socket.
func startProgram(t *testing.T, redis *redistest.Server, settings string) (socket string) {
	t.Helper()
	dir := redistest.TempDir(t)
	harness.WriteFile(t, dir, "relay.yaml", settings)
	p := process.Launch(t, dir, "--redis.url="+redis.URL())
	t.Cleanup(func() {
		p.Signal(syscall.SIGTERM)
		if code := p.EndsWithin(redistest.DefaultTimeout); code != 0 {
			t.Errorf("redis-relay ended with %d", code)
		}
	})
	return p.Socket
}

// listening starts redis-cli with a subscription, and returns what it prints once
// that is confirmed.
func listening(t *testing.T, socket, command, name string) *bufio.Scanner {
	t.Helper()
	cmd := harness.CLI(t, socket, command, name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it would listen for ever
		_ = cmd.Wait()         // it was killed
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	harness.ExpectLines(t, lines, []string{command, name, "1"})
	return lines
}

// awkward are payloads that fit a line of redis-cli's output.
var awkward = []string{
	"plain", `{"quoted":"\u00e4","n":1.0}`, "two words", "ünïcödé ☃", "\x01\x02\x7f\xff\xfe not UTF-8", "*3", "$5", "a\tb",
	"+OK", "-ERR", "1-1", "relay:seq:d:1", strings.Repeat("long ", 50_000),
}

// TestMirror has redis-cli on Redis itself and behind a relay, the program as it is
// shipped, publish and listen to each other.
func TestMirror(t *testing.T) {
	t.Parallel() // it waits
	redis := redistest.Start(t)
	socket := startProgram(t, redis, "routes: [{prefix: 'd:', history: {length: 1000, ttl: 1h}}]\n")
	plain, plainPattern := listening(t, redis.Socket(), "subscribe", "d:1"), listening(t, redis.Socket(), "psubscribe", "d:*")
	behind, behindPattern := listening(t, socket, "subscribe", "d:1"), listening(t, socket, "psubscribe", "d:*")
	everything := listening(t, socket, "psubscribe", "*")

	publish := func(from, payload string) {
		t.Helper()
		cmd := harness.CLI(t, from, "-x", "publish", "d:1")
		cmd.Stdin = strings.NewReader(payload)
		if out, err := cmd.CombinedOutput(); err != nil || strings.HasPrefix(string(out), "ERR") {
			t.Fatalf("publish: %v %s", err, out)
		}
	}
	var all []string
	for i, payload := range awkward {
		all = append(all, payload)
		publish(socket, payload)
		if i%2 == 0 {
			direct := fmt.Sprintf("plain %d", i)
			all = append(all, direct)
			publish(redis.Socket(), direct)
		}
	}
	for _, payload := range all {
		for _, lines := range []*bufio.Scanner{plain, behind} {
			harness.ExpectLines(t, lines, []string{"message", "d:1", payload})
		}
		for lines, pattern := range map[*bufio.Scanner]string{plainPattern: "d:*", behindPattern: "d:*", everything: "*"} {
			harness.ExpectLines(t, lines, []string{"pmessage", pattern, "d:1", payload})
		}
	}
	relay := redistest.Dial(t, "unix", socket)
	var persisted []string
	for _, e := range relay.Do("XRANGE", "d:1", "-", "+").Elems {
		persisted = append(persisted, e.Elems[1].Elems[1].Str)
	}
	if !slices.Equal(persisted, awkward) {
		t.Errorf("%d entries are kept, want the %d published behind the relay", len(persisted), len(awkward))
	}
}

// TestMirrorBytes carries every byte there is, in both protocols.
func TestMirrorBytes(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	plain, sub, pub := redistest.Dial(t, "tcp", redis.Addr()), r.Subscribe("d:1"), r.Dial()
	plain.Send("SUBSCRIBE", "d:1")
	plain.Expect(t, "[subscribe d:1 1]")
	third := r.Dial()
	third.Hello3()
	third.Send("SUBSCRIBE", "d:1")
	third.Expect(t, ">[subscribe d:1 1]")
	for _, payload := range []string{string(bytes), "", "\r\n", "*2\r\n$1\r\nx\r\n", strings.Repeat("\x00", 1<<20)} {
		id := pub.Do("XADD", "d:1", "*", "f", payload).Str
		for _, c := range []*redistest.Client{plain, sub, third} {
			if m := c.Receive(); len(m.Elems) != 3 || m.Elems[2].Str != payload {
				t.Errorf("a payload of %d bytes came as %.200s", len(payload), m)
			}
		}
		entry := pub.Do("XRANGE", "d:1", id, id).Elems[0].Elems[1].Elems
		if entry[0].Str != "f" || entry[1].Str != payload {
			t.Errorf("a payload of %d bytes is kept as %d", len(payload), len(entry[1].Str))
		}
	}
}

// TestReceiversAreCounted as without history: the relay's own announcements count
// for nobody.
func TestReceiversAreCounted(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	pub := r.Dial()
	want := 0
	expect := func() {
		t.Helper()
		pub.Send("PUBLISH", "d:1", "m")
		pub.Expect(t, fmt.Sprintf(":%d", want))
	}
	expect()
	r.Subscribe("d:1")
	r.Subscribe("d:1", "d:2")
	want += 2
	expect()
	pattern := r.Dial()
	pattern.Send("PSUBSCRIBE", "d:*", "*")
	pattern.Expect(t, "[psubscribe d:* 1]", "[psubscribe * 2]")
	want += 2
	expect()
	plain := redistest.Dial(t, "tcp", redis.Addr())
	plain.Send("SUBSCRIBE", "d:1")
	plain.Expect(t, "[subscribe d:1 1]")
	want++
	expect()
	readTo(t, r.Dial(), "d:1", "0", 100, 1) // a reader is no receiver
	expect()
	readTo(t, r.Dial(), "d:2", "0", 100, 0)
	pub.Send("PUBSUB", "NUMSUB", "d:1")
	pub.Expect(t, "[d:1 3]")
	pub.Send("PUBSUB", "NUMPAT")
	pub.Expect(t, ":2")
	pub.Send("PUBSUB", "CHANNELS")
	if got := pub.Receive(); slices.ContainsFunc(got.Elems, func(v redistest.Value) bool { return strings.HasPrefix(v.Str, "relay:") }) {
		t.Errorf("PUBSUB CHANNELS shows the relay's own: %s", got)
	}
}

// TestNobodySeesTheBookkeeping by any pattern that a relay accepts.
func TestNobodySeesTheBookkeeping(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	patterns := []string{"*", "**", "?*", "[r]elay:*", "r*", "?elay:seq:*", "*:seq:*", "*seq*", "*fence*", "[^x]*", "r[e]lay:seq:d:1", "*1"}
	var listeners []*redistest.Client
	for _, p := range patterns {
		c := r.Dial()
		c.Send("PSUBSCRIBE", p)
		c.Expect(t, "[psubscribe "+redistest.Value{Type: '$', Str: p}.String()+" 1]")
		listeners = append(listeners, c)
	}
	for _, args := range [][]string{
		{"PSUBSCRIBE", "relay:*"},
		{"PSUBSCRIBE", "relay:seq:*"},
		{"PSUBSCRIBE", `relay:s\eq:*`},
		{"SUBSCRIBE", "relay:seq:d:1"},
		{"SSUBSCRIBE", "relay:seq:d:1"},
		{"PUBLISH", "relay:seq:d:1", "1-1 x 1"},
		{"SPUBLISH", "relay:seq:d:1", "m"},
		{"XADD", "relay:seq:d:1", "*", "f", "m"},
		{"XREAD", "STREAMS", "relay:seq:d:1", "0"},
		{"XRANGE", "relay:fence:x", "-", "+"},
	} {
		if got := r.Dial().Do(args...).String(); !strings.HasPrefix(got, "-DENIED ") {
			t.Errorf("%v: %s, want DENIED", args, got)
		}
	}
	pub := r.Dial()
	publish := func(message string) {
		t.Helper()
		if v := pub.Do("PUBLISH", "d:1", message); v.Type != ':' {
			t.Fatal(v)
		}
	}
	last := r.Subscribe("d:1")
	publish("one")
	last.Expect(t, "[message d:1 one]")
	for i, c := range listeners {
		for v := c.Do("PING"); v.String() != `[pong ""]`; v = c.Receive() {
			if channel := v.Elems[2].Str; channel != "d:1" {
				t.Errorf("%s shows a message on %s", patterns[i], channel)
			}
		}
	}
	for _, c := range r.Dial().Do("PUBSUB", "CHANNELS").Elems {
		if strings.HasPrefix(c.Str, "relay:") {
			t.Errorf("PUBSUB CHANNELS shows %s", c.Str)
		}
	}
}

// chatRoute is chat: with the shipped schema; messages are kept, and typing flies.
func chatRoute() config.Route {
	chat := config.NewRoute("chat:")
	chat.Schema = "chat.json"
	chat.Policy.OnGap = config.OnGapNotify
	message := chat.Policy
	message.History = &config.History{Length: 1000, TTL: time.Hour}
	chat.Kinds = map[string]config.Policy{"message": message}
	return chat
}

func TestHistoryOfAKind(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(chatRoute()))
	sub, plain, pub := r.Subscribe("chat:1"), redistest.Dial(t, "tcp", redis.Addr()), r.Dial()
	plain.Send("SUBSCRIBE", "chat:1")
	plain.Expect(t, "[subscribe chat:1 1]")
	const typing = `{"type":"typing","userId":"ann","roomId":"1"}`
	message := func(n int) string {
		return fmt.Sprintf(`{"type":"message","id":"%d","userId":"ann","roomId":"1","message":"hello","timestamp":%d}`, n, n)
	}
	var want []string
	for i := range 50 { // in one pipeline: a kind that flies must not pass one that is kept
		var pipeline []byte
		for j := range 3 {
			pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "chat:1", message(3*i+j))
			pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "chat:1", typing)
			want = append(want, message(3*i+j), typing)
		}
		pub.SendRaw(pipeline)
		for range 6 {
			pub.Expect(t, ":2")
		}
	}
	for _, c := range []*redistest.Client{sub, plain} {
		for i, payload := range want {
			if m := c.Receive(); m.Elems[2].Str != payload {
				t.Fatalf("message %d is %s, want %s", i, m, payload)
			}
		}
	}
	var kept []string
	for _, e := range pub.Do("XRANGE", "chat:1", "-", "+").Elems {
		kept = append(kept, e.Elems[1].Elems[1].Str)
	}
	if len(kept) != len(want)/2 || slices.Contains(kept, typing) {
		t.Errorf("%d entries are kept, want %d messages", len(kept), len(want)/2)
	}

	const open = "-DENIED chat:1: "
	for _, tt := range []struct{ want, args string }{
		{open + "messages of this kind have no history; PUBLISH it", "XADD chat:1 * payload " + typing},
		{open + "messages with history are published with PUBLISH or XADD, not to a shard channel", "SPUBLISH chat:1 " + message(1)},
		{"-INVALID chat:1 /userId: expected string, but got number", "XADD chat:1 * payload " + harness.InvalidChat},
		{"-INVALID chat:1 /userId: expected string, but got number", "PUBLISH chat:1 " + harness.InvalidChat},
		{":150", "XLEN chat:1"},
	} {
		if got := pub.Do(strings.Fields(tt.args)...).String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.args, got, tt.want)
		}
	}
	if s := pub.Do("SPUBLISH", "chat:1", typing).String(); s != ":0" && redis.Shards() {
		t.Errorf("SPUBLISH of what has no history: got %s", s)
	}
	id := pub.Do("XADD", "chat:1", "*", "json", message(1)).Str
	if got := pub.Do("XRANGE", "chat:1", id, id).Elems[0].Elems[1]; !json.Valid([]byte(got.Elems[1].Str)) {
		t.Errorf("kept as %s", got)
	}
}

// TestXADDVariants are those that a relay does not take: each says the way out.
func TestXADDVariants(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) { c.Limits.Payload = 100 })
	const options = `-ERR d:1: XADD takes "*" for the ID: Redis gives the IDs`
	const one = "-ERR d:1: XADD takes one field, whose value is the message, and traceparent beside it"
	const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	const notSpan = "-ERR d:1: traceparent is too long, or no text without spaces"
	sub, c := r.Subscribe("d:1"), r.Dial()
	for _, tt := range []struct{ line, want string }{
		{"XADD d:1 5-1 payload m", options},
		{"XADD d:1 5-* payload m", options},
		{"XADD d:1 * a 1 b 2", one},
		{"XADD d:1 * payload m other " + span, one},
		{"XADD d:1 * traceparent " + span + " traceparent " + span, one},
		{"XADD d:1 * payload m traceparent " + span + " tracestate a=b", one},
		{`XADD d:1 * payload m traceparent ""`, notSpan},
		{"XADD d:1 * payload m traceparent é", notSpan},
		{`XADD d:1 * "" m traceparent ` + span, "-ERR d:1: the name of the field must not be empty or contain spaces"},
		{"XADD d:1 * a 1 b", "-ERR wrong number of arguments for 'xadd' command"},
		{"XADD d:1 * a", "-ERR wrong number of arguments for 'xadd' command"},
		{`XADD d:1 * "" m`, "-ERR d:1: the name of the field must not be empty or contain spaces"},
		{"XADD d:1 * payload " + strings.Repeat("x", 101), "-TOOLARGE an argument of 101 bytes is over limits.payload (100)"},
	} {
		if got := c.Do(harness.Words(tt.line)...).String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
	if got := c.Do("XADD", "d:1", "*", "two words", "m").String(); !strings.HasPrefix(got, "-ERR d:1: the name of the field") {
		t.Errorf("a field with a space: %s", got)
	}
	c.Send("XLEN", "d:1")
	c.Expect(t, ":0")
	c.Send("CLIENT", "REPLY", "SKIP")
	c.Send("XADD", "d:1", "*", "payload", "m")
	c.Send("XLEN", "d:1")
	sub.Expect(t, "[message d:1 m]")
	if got := c.Receive(); got.Type != ':' {
		t.Errorf("XADD without a reply was answered with %s", got)
	}
}
