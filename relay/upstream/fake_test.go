package upstream

// A server that the test plays, at the other end of a socket pair: it cuts, splits and delays at any byte.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

const never = 1 << 40 // bytes

// fake answers commands as Redis does. Fields are set before serve.
type fake struct {
	random   *rand.Rand
	cutIn    int // bytes that it reads before it closes
	cutOut   int // bytes that it writes before it closes
	split    int // most bytes written at once; 0: any number
	stories  bool
	reply    func(args []string) (answer string, known bool) // nil: none
	executed *executions

	conn    net.Conn
	scripts map[string]bool
	channel map[string]bool
	told    int
}

// executions is what servers have carried out, over all sessions.
type executions struct {
	mu   sync.Mutex
	done map[string]int
	list []string
}

func (r *executions) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = map[string]int{}
	}
	r.done[what]++
	r.list = append(r.list, what)
}

func (r *executions) times(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[what]
}

// pair returns a descriptor for the loop and the other end.
func pair(t testing.TB) (near int, far net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "far")
	far, err = net.FileConn(f)
	if err = errors.Join(err, f.Close(), syscall.SetNonblock(fds[0], true)); err != nil {
		t.Fatal(err)
	}
	return fds[0], far
}

// attach gives a client a connection to a peer that the test plays, and returns how it ends. It asks
// nothing by itself, such as whether the peer is still there.
func (c *client) attach(t testing.TB) (peer net.Conn, ended <-chan error) {
	t.Helper()
	near, far := pair(t)
	ends := make(chan error, 1)
	c.do(func() {
		beginSession(c.Connection, &established{fd: near, began: time.Now()}, ends)
		c.backlog.session.heartbeat.stop()
	})
	t.Cleanup(func() { _ = far.Close() })
	return far, ends
}

// looped is a client whose loop runs, and whose connections the test makes.
func looped(t testing.TB, opts Options, wants ...string) *client {
	t.Helper()
	c := prepare(t, opts, "", wants...)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.loop.Run(ctx) }()
	t.Cleanup(func() {
		c.do(func() {
			c.Connection.stop()
			if c.backlog.session != nil {
				c.backlog.session.end(net.ErrClosed)
			}
			if c.backlog.bytes != 0 {
				t.Errorf("%d bytes are accounted for, and nothing waits", c.backlog.bytes)
			}
		})
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

// serve plays until the connection ends, and closes it.
func (f *fake) serve(conn net.Conn) {
	f.conn, f.scripts, f.channel = conn, map[string]bool{}, map[string]bool{}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(io.LimitReader(conn, int64(f.cutIn)))
	for {
		args, err := readCommand(in)
		if err != nil || !f.write(f.answer(args)) {
			return
		}
	}
}

// write writes with the faults asked for, and reports whether to go on.
func (f *fake) write(s string) bool {
	for len(s) > 0 && f.cutOut > 0 {
		n := min(len(s), f.cutOut)
		if f.split > 0 {
			n = min(n, 1+f.random.IntN(f.split))
		}
		if _, err := io.WriteString(f.conn, s[:n]); err != nil {
			return false
		}
		if f.split > 0 && f.random.IntN(8) == 0 {
			time.Sleep(time.Duration(f.random.IntN(50)) * time.Microsecond)
		}
		f.cutOut -= n
		s = s[n:]
	}
	return f.cutOut > 0
}

// answer carries a command out.
func (f *fake) answer(args []string) string {
	if f.reply != nil {
		if s, known := f.reply(args); known {
			return s
		}
	}
	b := f.story()
	switch verb := strings.ToUpper(args[0]); verb {
	case "SUBSCRIBE", "UNSUBSCRIBE":
		for _, name := range args[1:] {
			f.channel[name] = verb == "SUBSCRIBE"
			b = resp.AppendPubSub(b, resp.RESP3, strings.ToLower(verb), []byte(name), 1)
		}
	case "PING":
		b = resp.AppendSimple(b, "PONG")
	case "HELLO":
		b = append(b, "%1\r\n+proto\r\n:3\r\n"...)
	case "CLIENT":
		b = resp.AppendSimple(b, "OK")
	case "PUBLISH":
		f.executed.note(args[2])
		b = resp.AppendInt(b, 1)
	case "ECHO":
		f.executed.note(args[1])
		b = resp.AppendBulkString(b, args[1])
	case "EVAL", "EVALSHA":
		b = f.script(b, verb == "EVAL", args[1:])
	default:
		b = resp.AppendError(b, "ERR unknown command "+args[0])
	}
	return string(b)
}

// story begins an answer, now and then, with a message.
func (f *fake) story() (b []byte) {
	if f.stories && f.random.IntN(3) == 0 {
		f.told++
		text := fmt.Appendf(nil, "%d %s", f.told, strings.Repeat("x", f.random.IntN(3000)))
		b = resp.AppendMessage(b, resp.RESP3, "message", []byte("story"), text)
	}
	return b
}

// script carries out what the source "echoed" does.
func (f *fake) script(b []byte, whole bool, args []string) []byte {
	switch {
	case whole:
		f.scripts[string(NewScript(args[0]).sha)] = true
	case !f.scripts[args[0]]:
		return resp.AppendError(b, "NOSCRIPT No matching script.")
	}
	groups, _ := strconv.Atoi(args[1])
	argv := args[2+groups:]
	b = resp.AppendArray(b, groups)
	items := argv[2*groups:]
	for g := range groups {
		n, _ := strconv.Atoi(argv[2*g])
		b = resp.AppendArray(b, n)
		for _, item := range items[:n] {
			f.executed.note(item)
			b = resp.AppendBulkString(b, item)
		}
		items = items[n:]
	}
	return b
}

// echoed is a script that a fake knows.
var echoed = NewScript("echoed")

func readCommand(r *bufio.Reader) (args []string, err error) {
	n, err := readNumber(r, '*')
	if err != nil {
		return nil, err
	}
	for range n {
		size, err := readNumber(r, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args = append(args, string(b[:size]))
	}
	return args, nil
}

func readNumber(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("not a command: %q", line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
