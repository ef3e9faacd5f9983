package wire

// A pipeline that arrives in pieces, cut at every byte. Only on Linux can a
// sender see that its first piece was read before it sends the next.

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// pipeline has every form of command: multibulk and inline, empty and quoted,
// answered here and by Redis, and a mistake.
const pipeline = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n" +
	"PING \"a b\"\r\n" +
	"*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$3\r\n\r\nb\r\n" +
	"\r\n*0\r\n" +
	"*3\r\n$7\r\nPUBLISH\r\n$6\r\nnobody\r\n$0\r\n\r\n" +
	"PUBSUB NUMSUB nobody\n" +
	"*2\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\na\r\n" +
	"*1\r\n$11\r\nUNSUBSCRIBE\r\n" +
	"*2\r\n$7\r\nNOTHING\r\n$2\r\n\r\n\r\n" +
	"*1\r\n$4\r\nQUIT\r\n"

func TestPipelineCutAnywhere(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis)
	want := answer(t, redis.Socket(), pipeline)
	for cut := range len(pipeline) {
		if got := inPieces(t, r.Socket, pipeline[:cut], pipeline[cut:]); got != want {
			t.Fatalf("cut behind %q: redis-server says\n%q\nrelay says\n%q", pipeline[:cut], want, got)
		}
	}
	var bytes []string
	for _, b := range []byte(pipeline) {
		bytes = append(bytes, string(b))
	}
	if got := inPieces(t, r.Socket, bytes...); got != want {
		t.Fatalf("byte by byte: redis-server says\n%q\nrelay says\n%q", want, got)
	}
}

// inPieces sends each piece after the one before has been read.
func inPieces(t *testing.T, socket string, pieces ...string) string {
	t.Helper()
	conn := dialRaw(t, socket)
	defer func() { _ = conn.Close() }()
	for _, p := range pieces {
		if _, err := conn.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		awaitRead(t, conn)
	}
	return rest(t, conn)
}

// awaitRead returns when the peer has read all that was sent.
func awaitRead(t *testing.T, conn *net.UnixConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "the peer has read everything", func() bool {
		var unread int
		if cerr := raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }); cerr != nil {
			t.Fatal(cerr)
		}
		if err != nil {
			t.Fatal(err)
		}
		return unread == 0
	})
}
