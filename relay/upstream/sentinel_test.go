package upstream

// Sentinel: the master dies or is replaced, and the connections go to the one that follows.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream/sentinel"
)

// startSentinel runs a sentinel that watches a master by the name "relay". It takes a busy machine for no dead master:
// see findDead. It ends with the test.
func startSentinel(t *testing.T, master *redistest.Server) (addr string) {
	t.Helper()
	port := redistest.FreePort(t)
	addr = net.JoinHostPort("127.0.0.1", port)
	_, masterPort, _ := net.SplitHostPort(master.Addr())
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\nsentinel monitor relay 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds relay 600000\nsentinel failover-timeout relay 2000\n", port, masterPort)
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

// findDead has a sentinel notice soon that the master does not answer.
func findDead(t *testing.T, addr string) {
	t.Helper()
	s := redistest.Dial(t, "tcp", addr)
	s.Send("SENTINEL", "SET", "relay", "down-after-milliseconds", "1000")
	s.Expect(t, "+OK")
	s.Close()
}

// follow returns a master with a replica, and options that find the master by a sentinel.
func follow(t *testing.T) (master, replica *redistest.Server, opts Options) {
	t.Helper()
	master = redistest.Start(t)
	_, port, _ := net.SplitHostPort(master.Addr())
	replica = redistest.Start(t, redistest.WithArgs("--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0"))
	redistest.Eventually(t, patience, "the replica follows", func() bool {
		return strings.Contains(replica.MustDo("INFO", "replication").Str, "master_link_status:up")
	})
	opts = testOptions("redis://" + startSentinel(t, master) + "?master_name=relay")
	opts.Mode, opts.Sentinels = modeSentinel, &sentinel.Known{}
	return master, replica, opts
}

// TestSentinelFailover: the master dies, and the connection goes to the one that follows.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master, replica, opts := follow(t)
	c := connect(t, opts, "a")
	r := newReader(t, opts)
	c.awaitUp(1)
	if n := ours(master); n != 1 {
		t.Errorf("%d subscriber connections on the master", n)
	}
	if v, err := r.Do(t.Context(), "ROLE"); err != nil || v.([]any)[0] != "master" {
		t.Errorf("read from %v, %v", v, err)
	}
	master.Kill()
	findDead(t, sentinelAddr(opts))
	c.awaitUp(2)
	redistest.Eventually(t, patience, "heard from the new master", func() bool {
		return c.publish(1, "a", "new").wait().err == nil && c.heard("message a new")
	})
	redistest.Eventually(t, patience, "one subscriber connection on the new master", func() bool { return ours(replica) == 1 })
	if v, err := r.Do(t.Context(), "ROLE"); err != nil || v.([]any)[0] != "master" {
		t.Errorf("read from %v, %v", v, err)
	}
}

// TestSentinelSwitch: the master is demoted and stays up. What was published since the switch may be missing.
func TestSentinelSwitch(t *testing.T) {
	t.Parallel()
	master, replica, opts := follow(t)
	c := connect(t, opts, "a")
	c.awaitUp(1)
	began := time.Now()
	redistest.Eventually(t, patience, "the sentinel switches", func() bool {
		conn, err := net.Dial("tcp", sentinelAddr(opts))
		if err != nil {
			return false
		}
		s := redistest.NewClient(t, conn)
		defer s.Close()
		v, err := s.TryDo("SENTINEL", "FAILOVER", "relay")
		return err == nil && v.Err() == nil // else the replica is not known well enough yet
	})
	redistest.Eventually(t, patience, "it is on the new master", func() bool { return ours(replica) == 1 && ours(master) == 0 })
	c.awaitUp(2)
	latest := later(began, time.Now().Add(-switching)) // on a busy machine the switch may begin long after that was asked for
	c.with(func() {
		if since := c.outages[1].Since; since.After(latest) {
			t.Errorf("all before %v is said to have come, and the switch began at %v", since, began)
		}
		if until := c.outages[1].Until; until.Before(began.Add(switching)) {
			t.Errorf("nothing is said to be lost from %v on, while others may still be on the old master", until)
		}
	})
}

// TestSentinelSameMaster: the connection is lost, and the master is the same: only what a PING has not passed may
// be missing.
func TestSentinelSameMaster(t *testing.T) {
	t.Parallel()
	master, _, opts := follow(t)
	began := time.Now()
	c := connect(t, opts, "a")
	c.awaitUp(1)
	master.KillSubscribers()
	c.awaitUp(2)
	c.with(func() {
		if since := c.outages[1].Since; since.Before(began) {
			t.Errorf("what was published since %v may be missing, and the connection began after %v", since, began)
		}
		if until := c.outages[1].Until; until.After(time.Now()) {
			t.Errorf("what is published until %v is said to be lost", until)
		}
	})
}

// TestSentinelNamesAnother: the connection goes to the master that the sentinel names, also if it tells nobody, and
// the one before goes on as a master.
func TestSentinelNamesAnother(t *testing.T) {
	t.Parallel()
	before, _, opts := follow(t)
	after := redistest.Start(t)
	began := time.Now()
	c := connect(t, opts, "a")
	c.awaitUp(1)
	conn, err := net.Dial("tcp", sentinelAddr(opts))
	if err != nil {
		t.Fatal(err)
	}
	s := redistest.NewClient(t, conn)
	defer s.Close()
	redistest.Eventually(t, patience, "the sentinel is asked", func() bool {
		return opts.Sentinels.Named(before.Addr()).After(began)
	})
	host, port, _ := net.SplitHostPort(after.Addr())
	s.Do("SENTINEL", "REMOVE", "relay")
	s.Do("SENTINEL", "MONITOR", "relay", host, port, "1")
	redistest.Eventually(t, patience, "it is on the other master", func() bool { return ours(after) == 1 && ours(before) == 0 })
	if _, err := c.firstLoss(); !errors.Is(err, errDemoted) {
		t.Errorf("got %v, want errDemoted", err)
	}
}

// TestDemoted: a server that says it is no master any more is left, also if no sentinel tells.
func TestDemoted(t *testing.T) {
	t.Parallel()
	c := looped(t, Options{Mode: modeSentinel, PublishTimeout: patience})
	peer, ended := c.attach(t)
	f := &fake{cutIn: never, cutOut: never, executed: &executions{}, reply: func(args []string) (string, bool) {
		return "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$4\r\nsync\r\n:0\r\n", args[0] == "ROLE"
	}}
	served := make(chan struct{})
	go func() { defer close(served); f.serve(peer) }()
	c.do(func() { c.backlog.session.heartbeat.check() })
	if err := <-ended; !errors.Is(err, errDemoted) {
		t.Errorf("got %v, want errDemoted", err)
	}
	<-served
}

func sentinelAddr(o Options) string {
	addr, _, _ := strings.Cut(strings.TrimPrefix(o.URL, "redis://"), "?")
	return addr
}

// ours counts the relay's subscriber connections; the sentinel has one, too. While a server changes its
// role it ends connections, and the number is -1.
func ours(srv *redistest.Server) (n int) {
	list, err := srv.Do("CLIENT", "LIST", "TYPE", "pubsub")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(list.Str) {
		if field(line, "name") == "redis-relay:test-host:sub" {
			n++
		}
	}
	return n
}
