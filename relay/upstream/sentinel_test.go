package upstream

// Sentinel: the master dies or is replaced, and the connections go to the one that follows.

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream/sentinel"
)

// follow returns a master with a replica, and options that find the master by a sentinel.
func follow(t *testing.T) (group *redistest.SentinelGroup, opts Options) {
	t.Helper()
	group = redistest.StartSentinels(t, 1, 1, "")
	opts = testOptions(group.URL())
	opts.Mode, opts.Sentinels = modeSentinel, &sentinel.Known{}
	return group, opts
}

// TestSentinelFailover: the master dies, and the connection goes to the one that follows.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	group, opts := follow(t)
	master, replica := group.Servers[0], group.Servers[1]
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
	group.FindDead(true)
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
	group, opts := follow(t)
	master, replica := group.Servers[0], group.Servers[1]
	c := connect(t, opts, "a")
	c.awaitUp(1)
	began := time.Now()
	group.Failover()
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

// TestSentinelsOfMinority: most sentinels have never named the master that is left. What was published since the
// Connection began may be missing.
func TestSentinelsOfMinority(t *testing.T) {
	t.Parallel()
	group, opts := follow(t)
	opts.Sentinels.Hear("another", sentinel.Answer{Master: "192.0.2.1:6379", Others: 2}, time.Now())
	opts.Sentinels.Miss("another")
	before := time.Now()
	c := connect(t, opts, "a")
	c.awaitUp(1)
	up := time.Now()
	group.Failover()
	c.awaitUp(2)
	c.with(func() {
		if since := c.outages[1].Since; since.Before(before) || since.After(up) {
			t.Errorf("may be missing since %v, want between %v and %v", since, before, up)
		}
	})
}

// TestSentinelSameMaster: the connection is lost, and the master is the same: only what a PING has not passed may
// be missing.
func TestSentinelSameMaster(t *testing.T) {
	t.Parallel()
	group, opts := follow(t)
	master := group.Servers[0]
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
	group, opts := follow(t)
	before, after := group.Servers[0], redistest.Start(t)
	began := time.Now()
	c := connect(t, opts, "a")
	c.awaitUp(1)
	redistest.Eventually(t, patience, "the sentinel is asked", func() bool {
		return opts.Sentinels.Named(before.Addr()).After(began)
	})
	host, port, _ := net.SplitHostPort(after.Addr())
	group.Sentinels[0].MustDo("SENTINEL", "REMOVE", redistest.SentinelName)
	group.Sentinels[0].MustDo("SENTINEL", "MONITOR", redistest.SentinelName, host, port, "1")
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
