package cluster

// Nodes fail, move, stop and lose messages between them: what was sent was heard, or is told to be missing.

import (
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// movesFrom waits until the relay listens to another node, with one connection.
func (s *scene) movesFrom(node int, stopped ...int) {
	s.t.Helper()
	redistest.Eventually(s.t, patience, "the relay listens to another node", func() bool {
		return s.at(stopped...) != node
	})
}

func TestSubscribersNodeIsKilled(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	at := s.at()
	next := s.replicaOf(at)
	s.Nodes[at].Kill()
	s.movesFrom(at)
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	s.Nodes[at].Restart()
	s.AwaitWhole()
	l.flows(at)
	l.account()
}

// TestSubscribersNodeHangs: when the node goes on, it hands on to the others what the relay may have had of it.
func TestSubscribersNodeHangs(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	at := s.at()
	s.Nodes[at].Stop()
	s.movesFrom(at, at)
	s.Nodes[at].Cont()
	s.AwaitWhole()
	l.flows(at)
	l.account()
}

func TestFailover(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	for range 2 {
		at := s.at()
		s.Nodes[s.replicaOf(at)].MustDo("CLUSTER", "FAILOVER")
		s.movesFrom(at)
		if now := s.at(); !isMaster(s.Nodes[now]) {
			t.Errorf("the relay listens to node %d, which is no master", now)
		}
		s.AwaitWhole()
	}
	l.account()
}

func TestAnotherMasterIsKilled(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	at := s.at()
	other := s.otherMaster(at)
	s.Nodes[other].Kill()
	l.await("the failure is told", func() bool { return len(l.gaps) > 0 })
	s.Nodes[other].Restart()
	s.AwaitWhole()
	l.flows(other)
	l.account()
	if now := s.at(); now != at {
		t.Errorf("the relay has moved from node %d to %d", at, now)
	}
}

func TestAnotherMasterHangs(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	other := s.otherMaster(s.at())
	s.Nodes[other].Stop()
	l.await("the failure is told", func() bool { return len(l.gaps) > 0 })
	s.Nodes[other].Cont()
	s.AwaitWhole()
	l.flows(other)
	l.account()
}

// TestBusIsCut: links between nodes are cut for so short that no probe is lost. Redis 6.2 does not tell of that.
func TestBusIsCut(t *testing.T) {
	t.Parallel()
	if !redistest.Shards(t) {
		t.Skip("only Redis 7.0 and newer tell of their links, and can be told to cut one")
	}
	s := begin(t)
	l := s.startLoad()
	at := s.at()
	for _, from := range []int{s.otherMaster(at), s.replicaOf(at)} {
		before := l.gapCount()
		s.Nodes[from].MustDo("DEBUG", "CLUSTERLINK", "KILL", "TO", s.Nodes[at].ID())
		l.await("the cut is told", func() bool { return len(l.gaps) > before })
	}
	l.flows(at)
	l.account()
	if now := s.at(); now != at {
		t.Errorf("the relay has moved from node %d to %d", at, now)
	}
}

func (l *load) gapCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.gaps)
}

func TestAllNodesGoneAndBack(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	for _, n := range s.Nodes {
		n.Kill()
	}
	redistest.Eventually(t, patience, "the relay is not ready", func() bool { return !s.relay.IsReady() })
	for _, n := range s.Nodes {
		n.Restart()
	}
	s.AwaitWhole()
	s.at()
	for i := range s.Nodes {
		l.flows(i)
	}
	l.account()
}

// TestSeedsAreReplaced: the relay finds a cluster of which it was told no node that is left.
func TestSeedsAreReplaced(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	s := &scene{c, t, startRelay(t, c, harness.WithRedis(c.Nodes[0].URL()))}
	next := s.replicaOf(0)
	s.Nodes[0].Kill()
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	for range 2 {
		at := s.at()
		s.Nodes[at].MustDo("CLIENT", "KILL", "TYPE", "pubsub")
		s.movesFrom(at)
	}
}

// TestNodeLeaves: the node that the relay listens to is taken out of the cluster, and goes on alone.
func TestNodeLeaves(t *testing.T) {
	t.Parallel()
	s := begin(t)
	at := s.at()
	s.Nodes[s.replicaOf(at)].MustDo("CLUSTER", "FAILOVER")
	s.movesFrom(at)
	s.AwaitWhole()
	sub := s.relay.Subscribe("c:a")
	at = s.at()
	id := s.Nodes[at].ID()
	s.Nodes[s.replicaOf(at)].MustDo("CLUSTER", "FAILOVER", "TAKEOVER")
	for i, n := range s.Nodes {
		if i != at {
			_, _ = n.Do("CLUSTER", "FORGET", id) // its replica cannot before it is a master
		}
	}
	s.movesFrom(at)
	s.Nodes[s.at()].MustDo("PUBLISH", "c:a", "m")
	sub.Expect(t, "[message c:a m]")
}

// TestListenersAreDisconnected: where a route asks for it, a loss on the bus ends the connections of its listeners.
func TestListenersAreDisconnected(t *testing.T) {
	t.Parallel()
	s := begin(t)
	hurt, calm := s.relay.Subscribe("d:a"), s.relay.Subscribe("c:a")
	s.Nodes[s.otherMaster(s.at())].Kill()
	hurt.Closed()
	s.Nodes[s.at()].MustDo("PUBLISH", "c:a", "m")
	calm.Expect(t, "[message c:a m]")
}
