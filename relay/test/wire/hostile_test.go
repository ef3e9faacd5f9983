package wire

// Input that no well-meaning client sends: each gets its clear error or silence,
// and nobody else notices.

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// hostile is a connection's whole input. After it the server has closed, or the
// client does.
var hostile = []struct {
	name   string
	input  string
	want   []string // replies, in their readable form
	closes bool     // by the server
}{
	{"a thousand million arguments", "*1000000000\r\n", []string{"-ERR Protocol error: invalid multibulk length"}, true},
	{"one argument too many", "*1048577\r\n", []string{"-ERR Protocol error: invalid multibulk length"}, true},
	{"as many arguments as may be, announced", "*1048576\r\n$4\r\nPING\r\n", nil, false},
	{"negative count", "*-1\r\n*-1000000\r\nPING\r\n", []string{"+PONG"}, false},
	{"negative length", "*2\r\n$4\r\nECHO\r\n$-1\r\n", []string{"-ERR Protocol error: invalid bulk length"}, true},
	{
		"600 MB announced", "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$629145600\r\n",
		[]string{"-ERR Protocol error: invalid bulk length"},
		true,
	},
	{"512 MB announced, nothing sent", "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$536870912\r\n", nil, false},
	{"512 MB announced as the name", "*1\r\n$536870912\r\n", nil, false},
	{"cut in the count", "*", nil, false},
	{"cut in the length", "*2\r\n$4\r\nECHO\r\n$10", nil, false},
	{"cut in the argument", "*2\r\n$4\r\nECHO\r\n$10\r\nabc", nil, false},
	{"cut in the line end", "*1\r\n$4\r\nPING\r", nil, false},
	{"cut in an inline command", "PUBLISH c unfinished", nil, false},
	{
		"64 KB inline", "PING " + strings.Repeat("x", 64<<10) + "\r\n",
		[]string{"-ERR Protocol error: too big inline request"},
		true,
	},
	{
		"64 KB inline without an end", strings.Repeat("x", 65<<10),
		[]string{"-ERR Protocol error: too big inline request"},
		true,
	},
	{"NUL bytes inline", "\x00\x00\x00\r\nPING\r\n", []string{
		"-ERR unknown command '\x00\x00\x00', with args beginning with: " +
			"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)", "+PONG",
	}, false},
	{"NUL bytes in arguments", "*2\r\n$4\r\nECHO\r\n$3\r\n\x00\x00\x00\r\n", []string{`"\x00\x00\x00"`}, false},
	{"line ends in what an error repeats", "*2\r\n$4\r\nA\r\nB\r\n$2\r\n\r\n\r\nPING\r\n", []string{
		"-ERR unknown command 'A  B', with args beginning with: '  ' " +
			"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)", "+PONG",
	}, false},
	{"empty name", "*1\r\n$0\r\n\r\nPING\r\n", []string{
		"-ERR unknown command '', with args beginning with: " +
			"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)", "+PONG",
	}, false},
	{
		"payload over the limit", publication("c", strings.Repeat("x", 1<<20+1)) + "PING\r\n",
		[]string{"-TOOLARGE c: 1048577 bytes are over limits.payload (1048576)", "+PONG"},
		false,
	},
	{"payload at the limit", publication("nobody", strings.Repeat("x", 1<<20)), []string{":0"}, false},
	{
		"64 MiB of payload", publication("c", strings.Repeat("x", 64<<20)) + "PING\r\n",
		[]string{"-TOOLARGE c: 67108864 bytes are over limits.payload (1048576)", "+PONG"},
		false,
	},
	{
		"payload over the limit for a closed channel", publication("relay:events", strings.Repeat("x", 2<<20)),
		[]string{"-DENIED relay:events: channels that begin with relay: are the relay's own"},
		false,
	},
	{
		"name over the limit", "*2\r\n$9\r\nSUBSCRIBE\r\n$2097152\r\n" + strings.Repeat("x", 2<<20) + "\r\nPING\r\n",
		[]string{"-TOOLARGE an argument of 2097152 bytes is over limits.payload (1048576)", "+PONG"},
		false,
	},
	{
		"channel over the limit", publication(strings.Repeat("x", 2<<20), "m") + "PING\r\n",
		[]string{"-TOOLARGE an argument of 2097152 bytes is over limits.payload (1048576)", "+PONG"},
		false,
	},
	{"number beyond the library", publication("chat:42", "1e1000001"), []string{"-INVALID chat:42 at byte 0: exponent beyond 400"}, false},
	{"number that takes long", publication("chat:42", "1e999999"), []string{"-INVALID chat:42 at byte 0: exponent beyond 400"}, false},
	{
		"100,000 arrays", publication("chat:42", strings.Repeat("[", 100_000)),
		[]string{"-INVALID chat:42 at byte 64: nested deeper than 64 levels"},
		false,
	},
	{
		"100,000 arrays, closed", publication("chat:42", strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)),
		[]string{"-INVALID chat:42 at byte 64: nested deeper than 64 levels"},
		false,
	},
	{
		"invalid UTF-8", publication("chat:42", "{\"type\":\"\xc3\x28\"}"),
		[]string{"-INVALID chat:42 at byte 9: invalid UTF-8"},
		false,
	},
	{
		"a key twice", publication("chat:42", `{"type":"message","type":"typing"}`),
		[]string{`-INVALID chat:42 at byte 18: duplicate key "type"`},
		false,
	},
	{
		"no JSON", publication("chat:42", "hello\x00"),
		[]string{`-INVALID chat:42 at byte 0: invalid JSON: unexpected "h", expected a value`},
		false,
	},
	{
		"nothing", publication("chat:42", ""),
		[]string{"-INVALID chat:42 at byte 0: invalid JSON: unexpected end, expected a value"},
		false,
	},
	{"a TLS handshake", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", []string{"-ERR unknown command '"}, false},
}

func publication(channel, payload string) string {
	return string(redistest.AppendCommand(nil, "PUBLISH", channel, payload))
}

// Not parallel: it looks at goroutines and memory of the whole process.
func TestHostileInput(t *testing.T) {
	r := harness.Start(t, redistest.Start(t))
	c := newBystanders(t, r)
	c.check(t)
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			conn := dialRaw(t, r.Socket)
			go func() { _, _ = io.WriteString(conn, tt.input) }() // fails when the server has had enough
			h := redistest.NewClient(t, conn)
			for _, want := range tt.want {
				if got := h.Receive().String(); !strings.HasPrefix(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			c.check(t)
			if tt.closes {
				if more := h.Closed(); len(more) > 0 {
					t.Errorf("%v came before the end", more)
				}
			}
		})
		redistest.Eventually(t, redistest.DefaultTimeout, "no goroutine is left of "+tt.name, func() bool {
			return runtime.NumGoroutine() <= goroutines
		})
	}
	if now := heapInUse(); now > heap+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heap, now)
	}
}

// What is announced and not sent takes no memory, on any number of connections.
func TestAnnouncedIsNotAllocated(t *testing.T) {
	r := harness.Start(t, nil)
	heap := heapInUse()
	const conns = 200
	for i := range conns {
		conn := dialRaw(t, r.Socket)
		header := []string{
			"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$536870912\r\nabc",
			"*2\r\n$4\r\nECHO\r\n$1048576\r\nabc",
			"*1048576\r\n$4\r\nPING\r\n",
		}[i%3]
		if _, err := io.WriteString(conn, "PING\r\n"+header); err != nil {
			t.Fatal(err)
		}
		if got := make([]byte, 7); readFull(t, conn, got) != "+PONG\r\n" {
			t.Fatalf("got %q", got)
		}
	}
	const each = 64 << 10
	if now := heapInUse(); now > heap+conns*each {
		t.Errorf("%d connections took %d bytes each, want at most %d", conns, (now-heap)/conns, each)
	}
}

func readFull(t *testing.T, conn net.Conn, buf []byte) string {
	t.Helper()
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

// Random bytes, and commands with a few of their bytes changed, neither end the
// relay nor reach the other clients.
func TestNoiseIsSurvived(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	c := newBystanders(t, r)
	random := rand.New(rand.NewPCG(1, 2))
	template := "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\nn\r\n$1\r\nm\r\nCLIENT LIST\r\nPUBLISH n x\r\n" +
		publication("n", "y") + "*1\r\n$11\r\nUNSUBSCRIBE\r\nCLIENT SETNAME x\r\nRESET\r\n"
	for range 300 {
		input := []byte(template)
		for range 1 + random.IntN(8) {
			input[random.IntN(len(input))] = byte(random.IntN(256))
		}
		conn := dialRaw(t, r.Socket)
		_, _ = conn.Write(input) // fails when the server has had enough
		_ = conn.CloseWrite()
		rest(t, conn)
	}
	c.check(t)
}

// bystanders are clients that must not notice what others do.
type bystanders struct {
	sub, pub *redistest.Client
	round    int
}

func newBystanders(t *testing.T, r *harness.Relay) *bystanders {
	t.Helper()
	c := &bystanders{sub: r.Dial(), pub: r.Dial()}
	c.sub.Send("SUBSCRIBE", "bystanders")
	c.sub.Expect(t, "[subscribe bystanders 1]")
	return c
}

// check publishes, hears it, and asks whether the relay is there.
func (c *bystanders) check(t *testing.T) {
	t.Helper()
	c.round++
	c.pub.Send("PUBLISH", "bystanders", fmt.Sprint("round-", c.round))
	c.pub.Expect(t, ":1")
	c.sub.Expect(t, fmt.Sprint("[message bystanders round-", c.round, "]"))
	c.sub.Send("PING")
	c.sub.Expect(t, `[pong ""]`)
	c.pub.Send("SUBSCRIBE", "another")
	c.pub.Expect(t, "[subscribe another 1]")
	c.pub.Send("UNSUBSCRIBE")
	c.pub.Expect(t, "[unsubscribe another 0]")
}

// heapInUse is what is reachable now.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
