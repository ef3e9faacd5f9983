// This file compares the matcher with a real Redis, through PUBSUB CHANNELS.

package glob_test

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// alphabet holds every byte with a meaning, ordinary ones on both sides of each other, NUL, and bytes beyond 127 where
// the Redis at hand counts them as negative: Linux on ARM has an unsigned char.
var alphabet = func() string {
	const ascii = "abc-]^[\\*?\x00\x7f"
	if runtime.GOOS == "linux" && runtime.GOARCH == "arm64" {
		return ascii
	}
	return ascii + "\x80\xff"
}()

// TestMatchAsRedis subscribes to every name of up to two bytes and many longer ones, and asks Redis which of them each
// of many random patterns matches.
func TestMatchAsRedis(t *testing.T) {
	const patterns, batch = 6000, 100
	rnd := rand.New(rand.NewPCG(3, 4))
	channels := channelNames(rnd)
	socket := startRedis(t)

	subscriber := dial(t, socket)
	subscriber.send(append([]string{"SUBSCRIBE"}, channels...)...)
	for range channels {
		subscriber.receive()
	}
	client := dial(t, socket)
	for range patterns / batch {
		asked := make([]string, batch)
		for i := range asked {
			asked[i] = randomPattern(rnd)
			client.send("PUBSUB", "CHANNELS", asked[i])
		}
		for _, pattern := range asked {
			compare(t, pattern, channels, client.receive())
		}
	}
}

func compare(t *testing.T, pattern string, channels []string, reply resp.Value) {
	t.Helper()
	if reply.Type != '*' {
		t.Fatalf("PUBSUB CHANNELS %q: %v", pattern, reply)
	}
	matched := map[string]bool{}
	for _, elem := range reply.Elems {
		matched[string(elem.Str)] = true
	}
	prefix := string(glob.Literal([]byte(pattern)))
	for _, channel := range channels {
		if got := glob.Match([]byte(pattern), []byte(channel)); got != matched[channel] {
			t.Errorf("Match(%q, %q) = %v, Redis says %v", pattern, channel, got, matched[channel])
		}
		if matched[channel] && !strings.HasPrefix(channel, prefix) {
			t.Errorf("Redis matches %q with %q, which does not begin with Literal's %q", channel, pattern, prefix)
		}
	}
}

// channelNames returns the empty name, all names of one and two bytes, and some of three to five.
func channelNames(rnd *rand.Rand) []string {
	names := []string{""}
	for _, a := range []byte(alphabet) {
		names = append(names, string([]byte{a}))
		for _, b := range []byte(alphabet) {
			names = append(names, string([]byte{a, b}))
		}
	}
	for range 300 {
		names = append(names, randomBytes(rnd, 3+rnd.IntN(3)))
	}
	return names
}

// randomPattern returns a pattern of up to seven bytes; one in two begins with an open set, the home of most quirks.
func randomPattern(rnd *rand.Rand) string {
	pattern := randomBytes(rnd, rnd.IntN(7))
	if rnd.IntN(2) == 0 {
		return "[" + pattern
	}
	return pattern
}

func randomBytes(rnd *rand.Rand, n int) string {
	s := make([]byte, n)
	for i := range s {
		s[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return string(s)
}

// startRedis runs a redis-server on a Unix socket of its own until the test ends.
func startRedis(t *testing.T) (socket string) {
	t.Helper()
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("find redis-server: %v; install Redis: this test compares with the real one", err)
	}
	dir, err := os.MkdirTemp("", "glob") // shorter than t.TempDir: a socket's path has about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	socket = filepath.Join(dir, "redis.sock")
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, server, "--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "no")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
	})
	awaitReady(t, bufio.NewScanner(out), socket)
	return socket
}

// awaitReady reads the server's log up to the line that says it listens.
func awaitReady(t *testing.T, log *bufio.Scanner, socket string) {
	t.Helper()
	var lines []string
	for log.Scan() {
		lines = append(lines, log.Text())
		if strings.Contains(log.Text(), "ready to accept connections") && strings.Contains(log.Text(), socket) {
			return
		}
	}
	t.Fatalf("redis-server did not start:\n%s", strings.Join(lines, "\n"))
}

// client is one connection to Redis.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, socket string) *client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (c *client) send(args ...string) {
	c.t.Helper()
	b := resp.AppendArray(nil, len(args))
	for _, arg := range args {
		b = resp.AppendBulkString(b, arg)
	}
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() resp.Value {
	c.t.Helper()
	v, err := resp.ReadValue(c.in)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}
