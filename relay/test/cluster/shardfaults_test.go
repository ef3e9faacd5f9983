package cluster

// Slots move, and their nodes fail: what was sent on shard channels was heard, or is told to be missing.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestSlotsMove: slots of channels move under load, quickly and slowly, away and back.
func TestSlotsMove(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	for i := range 8 {
		slot := s.Slot(shardChannel(i % 6))
		to := s.otherMaster(s.Owner(slot))
		s.BeginMove(slot, to)
		if i%2 == 0 {
			l.flow("while a slot is about to move")
		}
		s.EndMove(slot, to)
		if i%2 == 0 {
			l.flow("when a slot has moved")
		}
	}
	l.flow("at last")
	l.account()
}

// TestShardMasterIsKilled: its replica takes over.
func TestShardMasterIsKilled(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	l.failsOver = true
	at := s.Owner(s.Slot(shardChannel(0)))
	next := s.replicaOf(at)
	s.Nodes[at].Kill()
	redistest.Eventually(t, patience, "the relay is not ready", func() bool { return !s.relay.IsReady() })
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	l.flow("when the replica has taken over")
	redistest.Eventually(t, patience, "the relay is ready", s.relay.IsReady)
	s.Nodes[at].Restart()
	s.AwaitWhole()
	l.flow("when the node is back")
	l.account()
}

// TestShardMasterHangs until its replica has taken over, and goes on.
func TestShardMasterHangs(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	l.failsOver = true
	at := s.Owner(s.Slot(shardChannel(0)))
	next := s.replicaOf(at)
	s.Nodes[at].Stop()
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	l.flow("when the replica has taken over")
	s.Nodes[at].Cont()
	s.AwaitWhole()
	l.flow("when the node goes on")
	l.account()
}

// TestShardFailover: a replica takes over that was told to, with the old master alive.
func TestShardFailover(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	l.failsOver = true
	for range 2 {
		s.failOver(s.replicaOf(s.Owner(s.Slot(shardChannel(0)))))
		l.flow("when the replica has taken over")
		s.AwaitWhole()
	}
	l.account()
}

// failOver has a replica take over. Other masters may refuse that while they learn of an earlier one.
func (s *scene) failOver(replica int) {
	s.t.Helper()
	var asked time.Time
	redistest.Eventually(s.t, patience, "the replica takes over", func() bool {
		if time.Since(asked) > 6*time.Second {
			asked = time.Now()
			s.Nodes[replica].MustDo("CLUSTER", "FAILOVER")
		}
		return isMaster(s.Nodes[replica])
	})
}

// TestShardConnectionsAreKilled at every node.
func TestShardConnectionsAreKilled(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	for _, n := range s.Nodes {
		before := l.ears[0].gapCount()
		killed := false
		for line := range strings.Lines(n.MustDo("CLIENT", "LIST").Str) {
			if strings.Contains(line, ":shard ") {
				id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
				n.MustDo("CLIENT", "KILL", "ID", id)
				killed = true
			}
		}
		if killed {
			redistest.Eventually(t, patience, "the loss is told", func() bool { return l.ears[0].gapCount() > before })
		}
		l.flow("when connections were killed")
	}
	l.account()
}

// TestAllShardsGoneAndBack: all nodes are killed, and come back.
func TestAllShardsGoneAndBack(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	l.failsOver = true
	for _, n := range s.Nodes {
		n.Kill()
	}
	redistest.Eventually(t, patience, "the relay is not ready", func() bool { return !s.relay.IsReady() })
	for _, n := range s.Nodes {
		n.Restart()
	}
	s.AwaitWhole()
	l.flow("when all are back")
	l.account()
}

// TestShardListenersAreDisconnected: where a route asks for it, a move ends the connections of its listeners, and of no
// others.
func TestShardListenersAreDisconnected(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	hurt, calm := s.relay.Subscribe("t:{a}"), s.relay.Subscribe("s:{a}")
	slot := s.Slot("t:{a}")
	to := s.otherMaster(s.Owner(slot))
	s.BeginMove(slot, to)
	s.EndMove(slot, to)
	hurt.Closed()
	redistest.Eventually(t, patience, "the new owner has a listener", func() bool {
		return s.Nodes[to].MustDo("SPUBLISH", "s:{a}", "m").Int > 0
	})
	calm.Expect(t, "[message s:{a} m]")
}

// TestLossOfOtherChannels: the gap of the connection that listens to all other channels names no sharded route.
func TestLossOfOtherChannels(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	events := s.relay.Subscribe("relay:events")
	for _, n := range s.Nodes {
		for line := range strings.Lines(n.MustDo("CLIENT", "LIST").Str) {
			if strings.Contains(line, ":sub ") {
				id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
				n.MustDo("CLIENT", "KILL", "ID", id)
			}
		}
	}
	harness.Event(t, events, "upstream_down")
	if e := harness.Event(t, events, "gap"); len(e.Prefixes) == 0 || slices.Contains(e.Prefixes, "s:") {
		t.Errorf("a gap of %q: %s", e.Prefixes, e.Cause)
	}
}
