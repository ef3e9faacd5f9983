package upstream

// Sentinel: the master dies, and both connections go to the one that follows.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// startSentinel runs a sentinel that watches a master by the name "relay". It ends
// with the test.
func startSentinel(t *testing.T, master *redistest.Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = ln.Close()
	_, masterPort, _ := net.SplitHostPort(master.Addr())
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\nsentinel monitor relay 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds relay 300\nsentinel failover-timeout relay 2000\n", port, masterPort)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := os.Getenv(redistest.ServerVariable)
	if bin == "" {
		bin = "redis-server"
	}
	cmd := exec.Command(bin, file, "--sentinel")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	redistest.Eventually(t, patience, "the sentinel knows the replica", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		c := redistest.NewClient(t, conn)
		defer c.Close()
		v, err := c.TryDo("SENTINEL", "REPLICAS", "relay")
		return err == nil && len(v.Elems) == 1 && strings.Contains(v.String(), "master-link-status ok")
	})
	return addr
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	_, port, _ := net.SplitHostPort(master.Addr())
	replica := redistest.Start(t, redistest.WithArgs("--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0"))
	redistest.Eventually(t, patience, "the replica follows", func() bool {
		return strings.Contains(replica.MustDo("INFO", "replication").Str, "master_link_status:up")
	})
	opts := testOptions("redis://" + startSentinel(t, master) + "?master_name=relay")
	opts.Mode = "sentinel"
	s := subscribe(t, opts, "a")
	p := publish(t, opts)
	s.awaitUp(1)
	awaitPublished(t, p)
	if n := ours(master); n != 1 {
		t.Errorf("%d subscriber connections on the master", n)
	}
	master.Kill()
	s.awaitUp(2)
	awaitPublished(t, p)
	redistest.Eventually(t, patience, "heard from the new master", func() bool {
		return outcome(t, send(t, p, 0, "a", "new")).err == nil && s.heard("message a new")
	})
	if n := ours(replica); n != 1 {
		t.Errorf("%d subscriber connections on the new master", n)
	}
}

// ours counts the relay's subscriber connections; the sentinel has one, too.
func ours(srv *redistest.Server) (n int) {
	for _, line := range srv.PubSubClients() {
		if field(line, "name") == "redis-relay:test-host:sub" {
			n++
		}
	}
	return n
}
