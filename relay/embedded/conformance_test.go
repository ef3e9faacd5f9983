package embedded_test

// This file compares the embedded server with a real redis-server, byte for
// byte.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"redis-relay/relay/embedded"
	"redis-relay/relay/redistest"
)

// conversations are steps of the form "<connection> <command> <argument>...",
// one after the other; an argument of "" is empty.
var conversations = []struct {
	name  string
	steps []string
}{
	{"handshake", []string{
		"a HELLO 2", "a HELLO", "a HELLO 3", "a HELLO 3", "a HELLO 2 SETNAME x", "a CLIENT GETNAME",
		"a HELLO 2 AUTH default secret", "a HELLO 3 SETNAME y AUTH default x", "a CLIENT GETNAME",
	}},
	{"handshake refused", []string{
		"a HELLO 4", "a HELLO x", "a HELLO 3 SETNAME", "a HELLO 2 AUTH nobody x", "a HELLO 2 NONSENSE", "a AUTH x",
		"a AUTH nobody x", "a AUTH default x", "a AUTH x y z", "a AUTH", "a ROLE", "a ROLE x", "a SUBSCRIBE a", "a AUTH default x",
	}},
	{"names", []string{
		"a CLIENT GETNAME", "a CLIENT SETNAME redis-relay:host:sub", "a CLIENT GETNAME", `a CLIENT SETNAME ""`,
		"a CLIENT GETNAME", "a CLIENT SETNAME naïve", "a CLIENT SETNAME", "a CLIENT", "a CLIENT nonsense",
		"a CLIENT GETNAME x", "a CLIENT MAINT_NOTIFICATIONS on", "a CLIENT NO-EVICT on",
		"a CLIENT LIST TYPE x", "a CLIENT LIST TYPE", "a CLIENT KILL ID x", "a CLIENT KILL TYPE pubsub",
	}},
	{"confirmations", []string{
		"a SUBSCRIBE a b a", "a PSUBSCRIBE p* p*", "a SSUBSCRIBE s t s", "a SUBSCRIBE c",
		"a UNSUBSCRIBE b zz b", "a PUNSUBSCRIBE zz p*", "a SUNSUBSCRIBE zz s", "a UNSUBSCRIBE a", "a UNSUBSCRIBE",
		"a UNSUBSCRIBE", "a PUNSUBSCRIBE", "a SUNSUBSCRIBE", "a SUNSUBSCRIBE", "a PING",
	}},
	{"confirmations in RESP3", []string{
		"a HELLO 3", "a SUBSCRIBE a b a", "a PSUBSCRIBE p*", "a SSUBSCRIBE s", "a ECHO x", "a PING", "a PING x",
		"a UNSUBSCRIBE b zz b", "a PUNSUBSCRIBE", "a SUNSUBSCRIBE", "a UNSUBSCRIBE", "a UNSUBSCRIBE",
		"a PUNSUBSCRIBE", "a SUNSUBSCRIBE",
	}},
	{"argument-less UNSUBSCRIBE while patterns remain", []string{
		"a PSUBSCRIBE p", "a UNSUBSCRIBE", "a PING", "a PUNSUBSCRIBE", "a PING",
	}},
	{"messages", []string{
		"a SUBSCRIBE ch", "a PSUBSCRIBE c*", "a SSUBSCRIBE ch", "b PUBLISH ch hello", "b SPUBLISH ch shard",
		`b PUBLISH ch ""`, "b PUBLISH other x", "b PUBLISH cx x", "a UNSUBSCRIBE ch", "b PUBLISH ch pattern",
		"a PUNSUBSCRIBE c*", "b PUBLISH ch none", "b SPUBLISH ch still", "a SUNSUBSCRIBE ch", "b SPUBLISH ch none",
	}},
	{"messages in RESP3", []string{
		"a HELLO 3", "b HELLO 3", "a SUBSCRIBE ch", "a PSUBSCRIBE c*", "a SSUBSCRIBE ch", "c SUBSCRIBE ch",
		"b PUBLISH ch hello", "b SPUBLISH ch shard",
	}},
	{"subscriber mode", []string{
		"a SUBSCRIBE a", "a GET k", "a HELLO 3", "a PUBLISH a x", "a CLIENT ID", "a PUBSUB CHANNELS",
		"a NONSENSE", "a PING", "a PING x", "a PING x y", "a SUBSCRIBE", "a UNSUBSCRIBE a", "a ECHO x",
		"a SSUBSCRIBE s", "a PING", "a ECHO x", "a SUNSUBSCRIBE", "a PING",
	}},
	{"reset", []string{
		"a HELLO 3 SETNAME x", "a SUBSCRIBE a", "a PSUBSCRIBE b", "a SSUBSCRIBE c", "a RESET", "a CLIENT GETNAME",
		"b PUBLISH a x", "b PUBSUB NUMPAT", "a SUBSCRIBE a", "a RESET", "a PING", "a RESET x",
	}},
	{"introspection", []string{
		"a PUBSUB CHANNELS", "a PUBSUB NUMPAT", "a PUBSUB NUMSUB", "a PUBSUB SHARDCHANNELS", "b SUBSCRIBE x",
		"c SUBSCRIBE x", "b PSUBSCRIBE p* q*", "c PSUBSCRIBE p*", "c SSUBSCRIBE s",
		"a PUBSUB CHANNELS", "a PUBSUB channels x*", "a PUBSUB CHANNELS y*", `a PUBSUB CHANNELS ""`,
		"a PUBSUB NUMSUB x y p*", "a PUBSUB NUMPAT", "a PUBSUB SHARDCHANNELS", "a PUBSUB SHARDCHANNELS x",
		"a PUBSUB SHARDNUMSUB s x", "a PUBSUB SHARDNUMSUB",
	}},
	{"wrong", []string{
		"a SUBSCRIBE", "a PSUBSCRIBE", "a SSUBSCRIBE", "a PUBLISH", "a PUBLISH x", "a PUBLISH x y z", "a SPUBLISH x",
		"a PUBSUB", "a PUBSUB foo", "a PUBSUB CHANNELS a b", "a PUBSUB NUMPAT x", "a FOO a b", "a FOO", `a "" x`,
		"a PING a b",
	}},
	{"scripts", []string{
		"b SUBSCRIBE ch", "b PSUBSCRIBE c?", "b SSUBSCRIBE ch",
		`a EVAL return{redis.call("PUBLISH","ch","one"),redis.call("spublish","ch","two")} 0`,
		`a EVAL return{redis.call("PUBSUB","NUMSUB","ch"),redis.call("PUBSUB","NUMPAT")} 0`,
		`a EVAL redis.call("XADD",KEYS[1],"1-1","f",ARGV[2]);return(redis.call("PUBLISH",ARGV[1],ARGV[2])) 1 st ch m`,
		"a XRANGE st - +",
	}},
	{"streams", []string{
		"a XADD st 1-1 f v", "a XADD st 1-2 g w h x", "a XINFO STREAM st", "a XINFO STREAM none", "a SET k v", "a XINFO STREAM k",
		"a HELLO 3", "a XINFO STREAM st",
	}},
	{"globs", globSteps()},
}

// globSteps try each pattern on each channel, where Redis's matching differs
// from what other libraries do.
func globSteps() []string {
	patterns := []string{
		"*", "?", "a*", "*a", "a[", "a[b-", "a[z-b]", "[^a]*", `a\`, `\*`, `a\*b`, "h?llo", "h[ae]llo", "**a**", "A*",
	}
	channels := []string{`""`, "a", "ab", "a[", `a\`, "*", "a*b", "hello", "hallo", "ay", "é", "a.b"}
	var steps []string
	for _, p := range patterns {
		steps = append(steps, "a PSUBSCRIBE "+p)
		for _, c := range channels {
			steps = append(steps, "b PUBLISH "+c+" m")
		}
		steps = append(steps, "a PUNSUBSCRIBE "+p)
	}
	return steps
}

func TestConformance(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	ours := start(t)
	for _, tt := range conversations {
		t.Run(tt.name, func(t *testing.T) {
			want := transcript(t, redis.Addr(), tt.steps)
			got := transcript(t, address(ours), tt.steps)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("redis-server (-) and embedded (+) differ:\n%s", diff)
			}
		})
	}
}

// framings are raw bytes that end a connection, or would in a careless server.
var framings = []string{
	"*0\r\n*-1\r\n\r\nPING\r\nQUIT\r\n",
	"PUBLISH 'a b' \"c\\x41\"\nQUIT\n",
	"*1\r\nfoo\r\n",
	"*x\r\n",
	"*1\r\n$-5\r\n",
	"*1\r\n$600000000\r\n",
	"PING \"a\r\n",
	"PING " + strings.Repeat("x", 70_000),
	"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
}

func TestFraming(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	ours := start(t)
	for _, input := range framings {
		t.Run(fmt.Sprintf("%.20q", input), func(t *testing.T) {
			want, got := answer(t, redis.Addr(), input), answer(t, address(ours), input)
			if want != got {
				t.Errorf("redis-server says %q, embedded says %q", want, got)
			}
		})
	}
}

// answer sends raw bytes and returns what comes back until the end. How the end
// comes (with unread input it may be a reset) is not compared.
func answer(t *testing.T, addr, input string) string {
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, input) // may fail halfway when the server has had enough
	var answer bytes.Buffer
	_, _ = io.Copy(&answer, conn)
	return answer.String()
}

// transcript plays the steps and returns all bytes that each connection got. A
// PING behind every command, awaited, puts the steps in one order.
func transcript(t *testing.T, addr string, steps []string) map[string][]string {
	t.Helper()
	conns := map[string]*bufio.ReadWriter{}
	got := map[string][]string{}
	step := func(who string, args ...string) {
		conn, ok := conns[who]
		if !ok {
			c := dial(t, addr)
			conn = bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c))
			conns[who] = conn
		}
		barrier := fmt.Sprintf("barrier-%d", len(got[who]))
		request := redistest.AppendCommand(redistest.AppendCommand(nil, args...), "PING", barrier)
		if _, err := conn.Write(request); err != nil {
			t.Fatalf("send %q: %v", args, err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatalf("send %q: %v", args, err)
		}
		got[who] = append(got[who], masked(readUntil(t, conn.Reader, barrier+"\r\n")))
	}
	for _, s := range steps {
		fields := strings.Fields(strings.ReplaceAll(s, `""`, "\x00"))
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "\x00", "")
		}
		step(fields[0], fields[1:]...)
	}
	for who := range conns {
		step(who, "PING") // what was delivered last
	}
	return got
}

func readUntil(t *testing.T, r *bufio.Reader, end string) string {
	t.Helper()
	var got []byte
	for !strings.HasSuffix(string(got), end) {
		line, err := r.ReadBytes('\n')
		got = append(got, line...)
		if err != nil {
			t.Fatalf("read until %q: %v, after %q", end, err, got)
		}
	}
	return string(got)
}

// varying is what may differ from run to run and between installed versions:
// the client's id and the server's version.
var varying = regexp.MustCompile(`(id\r\n:|version\r\n\$)\d+(\r\n[0-9.]+)?`)

func masked(s string) string { return varying.ReplaceAllString(s, "${1}N") }

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func start(t testing.TB) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start("", zap.NewNop())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return srv
}

// address is where srv listens, as a dialer wants it.
func address(srv *embedded.Server) string {
	return strings.TrimPrefix(srv.URL(), "redis://")
}
