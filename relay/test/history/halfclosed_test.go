package history

// Clients that send their last command and shut down their sending side, as in
// printf ... | nc -N -U relay.sock.

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// place is a server to ask, and whether a client waits there in XREAD BLOCK.
type place struct {
	socket string
	waits  func() bool
}

// halfClosed returns what a client reads until its end. It shuts its sending side down at once, or
// when it waits.
func halfClosed(t *testing.T, p place, input string, whenItWaits bool) string {
	t.Helper()
	conn, err := net.Dial("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(redistest.DefaultTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, input); err != nil {
		t.Fatal(err)
	}
	if whenItWaits {
		redistest.Eventually(t, redistest.DefaultTimeout, "the client waits", p.waits)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("%.80q: %v after %.200q", input, err, got)
	}
	return string(got)
}

// TestHalfClosedReaderEndsAsInRedis: a client that waits for entries ends with its input. What was answered
// before comes, what stands behind is not carried out, and entries that exist are answered.
func TestHalfClosedReaderEndsAsInRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	for _, key := range []string{"d:old", "history:{d:old}"} {
		redis.MustDo("XADD", key, "5-1", "payload", "one")
		redis.MustDo("XADD", key, "5-2", "payload", "two")
	}
	reference := place{redis.Socket(), func() bool {
		return strings.Contains(redis.MustDo("INFO", "clients").Str, "blocked_clients:1\r\n")
	}}
	ours := place{r.Socket, func() bool { return r.Metric("history_readers") == 1 }}
	const wait, old = "XREAD BLOCK 0 STREAMS d:1 $\r\n", "XREAD BLOCK 0 STREAMS d:old 0\r\n"
	for name, tt := range map[string]struct {
		input string
		waits bool // the client comes to wait
	}{
		"newest":              {wait, true},
		"ping behind":         {wait + "PING\r\n", true},
		"much behind":         {wait + strings.Repeat("PING\r\n", 20_000), true},
		"a publish before":    {"PUBLISH d:2 x\r\n" + wait + "PUBLISH d:1 y\r\n", true},
		"with a time":         {"XREAD BLOCK 60000 STREAMS d:1 $\r\nPING\r\n", true},
		"a new stream":        {"XREAD BLOCK 0 STREAMS d:1 0\r\nPING\r\n", true},
		"behind the last":     {"XREAD BLOCK 0 STREAMS d:old 5-2\r\nPING\r\n", true},
		"two streams":         {"XREAD BLOCK 0 STREAMS d:1 d:old $ 5-2\r\nPING\r\n", true},
		"a second time":       {old + wait + "PING\r\n", true},
		"entries":             {old + "PING\r\n", false},
		"entries of two":      {"XREAD BLOCK 0 STREAMS d:1 d:old $ 5-1\r\nPING\r\n", false},
		"entries many times":  {strings.Repeat(old+"PING\r\n", 50), false},
		"without a wait":      {"XREAD STREAMS d:1 0\r\nPING\r\n", false},
		"a command in pieces": {"PING\r\nXREAD BLOCK 0 STR", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, whenItWaits := range []bool{false, true} {
				if whenItWaits && !tt.waits {
					continue
				}
				want := halfClosed(t, reference, tt.input, whenItWaits)
				if got := halfClosed(t, ours, tt.input, whenItWaits); got != want {
					t.Errorf("when it waits: %v: redis-server says\n%.300q\nrelay says\n%.300q", whenItWaits, want, got)
				}
			}
		})
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "no client is left", func() bool {
		return r.Metric("clients") == 0 && r.Metric("history_readers") == 0
	})
}
