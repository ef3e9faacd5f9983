package wire

// The connections of a script in wire_test.go. They hand out replies as the bytes
// they were.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

const eof = "EOF" // in the place of a reply: the connection has ended

// wireRoom holds the connections of one script, made when they first speak.
type wireRoom struct {
	t     *testing.T
	door  door
	peers map[string]*wirePeer
}

// door is where the connections go.
type door struct{ network, address string }

func newWireRoom(t *testing.T, at door) *wireRoom {
	return &wireRoom{t, at, map[string]*wirePeer{}}
}

func (r *wireRoom) names() []string {
	var list []string
	for who := range r.peers {
		list = append(list, who)
	}
	slices.Sort(list)
	return list
}

func (r *wireRoom) do(step string) {
	r.t.Helper()
	who, rest, _ := strings.Cut(step, " ")
	if r.peers[who] == nil {
		r.peers[who] = newWirePeer(r.t, r.door)
	}
	var pipeline []byte
	for text := range strings.SplitSeq(rest, " | ") {
		args := strings.Split(strings.TrimSuffix(text, " "), " ")
		for i, a := range args {
			if a == `""` {
				args[i] = ""
			}
		}
		pipeline = redistest.AppendCommand(pipeline, args...)
	}
	if _, err := r.peers[who].conn.Write(pipeline); err != nil {
		r.t.Fatalf("send %.80q: %v", step, err)
	}
}

// wirePeer is a connection that hands out replies as the bytes they were.
type wirePeer struct {
	conn  net.Conn
	buf   []byte
	ended bool
}

func newWirePeer(t *testing.T, at door) *wirePeer {
	t.Helper()
	conn, err := net.Dial(at.network, at.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &wirePeer{conn: conn}
}

// available returns what lies in the socket already.
func (p *wirePeer) available(t *testing.T) []string {
	t.Helper()
	raw, err := p.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for more := !p.ended; more; {
		space := make([]byte, 64<<10)
		var n int
		var failed error
		if err := raw.Read(func(fd uintptr) bool { n, failed = syscall.Read(int(fd), space); return true }); err != nil {
			t.Fatal(err)
		}
		more = failed == nil && n > 0
		p.buf = append(p.buf, space[:max(n, 0)]...)
		if n == 0 && failed == nil || errors.Is(failed, syscall.ECONNRESET) {
			return append(p.frames(1<<30), p.finish())
		}
	}
	return p.frames(1 << 30)
}

func (p *wirePeer) finish() string {
	p.ended = true
	return eof
}

// await returns the next n replies, or fewer when they do not come, or more when
// more are there.
func (p *wirePeer) await(n int) (list []string) {
	_ = p.conn.SetReadDeadline(time.Now().Add(redistest.DefaultTimeout))
	for list = p.frames(n); len(list) < n && !p.ended; list = append(list, p.frames(n-len(list))...) {
		space := make([]byte, 64<<10)
		got, err := p.conn.Read(space)
		p.buf = append(p.buf, space[:got]...)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			list = append(append(list, p.frames(n)...), p.finish())
		case err != nil:
			return append(list, fmt.Sprintf("%v, behind %q", err, p.buf))
		}
	}
	return append(list, p.frames(1<<30)...)
}

// frames takes up to n whole replies out of the buffer.
func (p *wirePeer) frames(n int) (list []string) {
	for ; n > 0; n-- {
		size := frameSize(p.buf)
		if size == 0 {
			return list
		}
		list = append(list, string(p.buf[:size]))
		p.buf = p.buf[size:]
	}
	return list
}

// frameSize is the length of the RESP value at the start of b; 0: not whole.
func frameSize(b []byte) int {
	line, _, found := bytes.Cut(b, []byte("\r\n"))
	if !found {
		return 0
	}
	size := len(line) + 2
	count, _ := strconv.Atoi(string(line[1:]))
	switch line[0] {
	case '$', '=':
		if count < 0 {
			return size
		}
		if size += count + 2; size > len(b) {
			return 0
		}
		return size
	case '%':
		count *= 2
	case '*', '>', '~':
	default:
		return size
	}
	for range max(count, 0) {
		n := frameSize(b[size:])
		if n == 0 {
			return 0
		}
		size += n
	}
	return size
}
