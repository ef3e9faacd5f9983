package cluster

// Key space events: those of all nodes, each once.

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const setEvents = "__keyevent@0__:set"

// eventPrefixes are those of a gap that is of key space events alone.
var eventPrefixes = []string{"__keyspace@", "__keyevent@"}

// beginEvents is begin on a cluster whose nodes tell of all events, with a route for these and with more routes.
func beginEvents(t *testing.T, deliver config.Deliver, more ...config.Route) *scene {
	t.Helper()
	c := redistest.StartCluster(t, 3, redistest.WithArgs("--notify-keyspace-events", "KEA"))
	route := harness.NewRoute("__key", func(r *config.Route) {
		r.Policy.OnGap, r.Policy.Deliver = config.OnGapNotify, deliver
	})
	return &scene{c, t, startRelay(t, c, harness.WithRoutes(append(more, route)...))}
}

// subscribeEvents connects a client that listens to setEvents.
func (s *scene) subscribeEvents() *redistest.Client {
	s.t.Helper()
	c := s.relay.Dial()
	c.Send("SUBSCRIBE", setEvents)
	c.Expect(s.t, fmt.Sprintf("[subscribe %q 1]", setEvents))
	return c
}

// eventConnections counts the connections for events at a node.
func eventConnections(n *redistest.Server) int {
	list, err := n.Do("CLIENT", "LIST")
	if err != nil {
		return 0
	}
	return strings.Count(list.Str, ":events ")
}

// TestEventsOfAllNodes: they come once, by name and by pattern, over one connection to each node, and only while
// somebody listens.
func TestEventsOfAllNodes(t *testing.T) {
	t.Parallel()
	s := beginEvents(t, config.DeliverAll)
	at := s.at()
	exact, pattern := s.subscribeEvents(), s.relay.Dial()
	pattern.Send("PSUBSCRIBE", "__key*__:set")
	pattern.Expect(t, `[psubscribe "__key*__:set" 1]`)
	keys := s.mustSet("k", 60) // what is set after the answer is heard
	for i, n := range s.Nodes[:3] {
		want := 1
		if i == at {
			want = 0
		}
		if got := eventConnections(n); got != want {
			t.Errorf("node %d has %d connections for events, want %d: the relay listens at %d", i, got, want, at)
		}
	}
	diaries := []*diary{s.listen(exact), s.listen(pattern)}
	keys = append(keys, s.mustSet("end", 9)...)
	for _, d := range diaries {
		d.has(t, keys)
		d.once(t)
	}
	exact.Close()
	pattern.Close()
	redistest.Eventually(t, patience, "no connection for events is left", func() bool {
		n := 0
		for _, node := range s.Nodes {
			n += eventConnections(node)
		}
		return n == 0
	})
}

// TestEventsThroughFailover: masters are replaced, on demand and because they die, the relay's own among them. What was
// set is heard once, or is told to be missing.
func TestEventsThroughFailover(t *testing.T) {
	t.Parallel()
	s := beginEvents(t, config.DeliverAll)
	d := s.listen(s.subscribeEvents())
	l := s.setMany()
	d.has(t, s.mustSet("first", 9))
	at := s.at()
	s.Nodes[s.replicaOf(s.otherMaster(at))].MustDo("CLUSTER", "FAILOVER")
	s.AwaitWhole()
	d.has(t, s.mustSet("second", 9))
	other := s.otherMaster(at)
	next := s.replicaOf(other)
	s.Nodes[other].Kill()
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	s.Nodes[other].Restart()
	s.AwaitWhole()
	s.Nodes[s.replicaOf(at)].MustDo("CLUSTER", "FAILOVER")
	s.movesFrom(at)
	s.AwaitWhole()
	s.comeAgain(d)
	l.stop()
	l.account(d)
}

// TestEventsOfHungNode: who subscribes meanwhile is not kept waiting, and what may be missing is told.
func TestEventsOfHungNode(t *testing.T) {
	t.Parallel()
	s := beginEvents(t, config.DeliverAll)
	d := s.listen(s.subscribeEvents())
	l := s.setMany()
	d.has(t, s.mustSet("first", 9))
	other := s.otherMaster(s.at())
	next := s.replicaOf(other)
	s.Nodes[other].Stop()
	c := s.relay.Dial()
	c.Send("SUBSCRIBE", "__keyevent@0__:del")
	c.Expect(t, `[subscribe "__keyevent@0__:del" 1]`)
	redistest.Eventually(t, patience, "the replica takes over", func() bool { return isMaster(s.Nodes[next]) })
	s.Nodes[other].Cont()
	s.AwaitWhole()
	s.comeAgain(d)
	l.stop()
	l.account(d)
	if events, others := d.countGaps(); events == 0 {
		t.Errorf("no gap of key space events is told, and %d others", others)
	}
}

// TestEventsOfNewNode: a master is added, gets a slot, and leaves again.
func TestEventsOfNewNode(t *testing.T) {
	t.Parallel()
	s := beginEvents(t, config.DeliverAll)
	d := s.listen(s.subscribeEvents())
	added := redistest.Start(t, redistest.WithArgs("--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
		"--notify-keyspace-events", "KEA"))
	host, port, _ := net.SplitHostPort(s.Nodes[0].Addr())
	added.MustDo("CLUSTER", "MEET", host, port)
	id, key := added.ID(), "any"
	slot := added.MustDo("CLUSTER", "KEYSLOT", key).Int
	redistest.Eventually(t, patience, "all nodes know the new one", func() bool {
		for _, n := range s.Nodes {
			if !strings.Contains(n.MustDo("CLUSTER", "NODES").Str, id) {
				return false
			}
		}
		return true
	})
	s.give(slot, id, append(s.Nodes[:6:6], added)...)
	redistest.Eventually(t, patience, "the relay listens to the new node", func() bool { return eventConnections(added) == 1 })
	redistest.Eventually(t, patience, "the event of the new node comes", func() bool {
		_, _ = added.Do("SET", key, "v")
		return d.hasNow([]string{key})
	})
	added.MustDo("DEL", key)
	s.give(slot, s.Nodes[0].ID(), append(s.Nodes[:6:6], added)...)
	redistest.Eventually(t, patience, "the relay has left it", func() bool { return eventConnections(added) == 0 })
	d.has(t, s.mustSet("after", 9))
}

// give has all nodes know that a node has an empty slot.
func (s *scene) give(slot int64, id string, nodes ...*redistest.Server) {
	s.t.Helper()
	for _, n := range nodes {
		if isMaster(n) {
			n.MustDo("CLUSTER", "SETSLOT", strconv.FormatInt(slot, 10), "NODE", id)
		}
	}
}

// TestEventsToOne: with deliver: one, each event is the work of one process of the host.
func TestEventsToOne(t *testing.T) {
	t.Parallel()
	s := beginEvents(t, config.DeliverOne)
	var clients []*redistest.Client
	for range 3 {
		clients = append(clients, s.subscribeEvents())
	}
	d := s.listen(clients...)
	d.has(t, s.mustSet("k", 90))
	d.has(t, s.mustSet("end", 9))
	d.once(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	share := map[int]int{}
	for _, by := range d.heard {
		share[by[0]]++
	}
	if len(share) != 3 {
		t.Errorf("the listeners got %v", share)
	}
}

// TestEventsGapLeavesLastValues: what may be missing is events alone, so the newest messages of other channels are known
// as before.
func TestEventsGapLeavesLastValues(t *testing.T) {
	t.Parallel()
	last := harness.NewRoute("l:", func(r *config.Route) { r.Last, r.Policy.OnGap = true, config.OnGapNotify })
	s := beginEvents(t, config.DeliverAll, last)
	d := s.listen(s.subscribeEvents())
	sub, pub := s.relay.Subscribe("l:a"), s.relay.Dial()
	publish := func(payload string) {
		pub.Do("PUBLISH", "l:a", payload)
		sub.Expect(t, "[message l:a "+payload+"]")
	}
	for round := 0; ; round++ {
		events, others := d.countGaps()
		publish(fmt.Sprint("newest", round))
		killEventConnections(s.Nodes[s.otherMaster(s.at())])
		redistest.Eventually(t, patience, "the gap is told", func() bool {
			now, _ := d.countGaps()
			return now > events
		})
		late := s.relay.Subscribe("l:a")
		publish(fmt.Sprint("later", round))
		first := late.Receive().String()
		if first == fmt.Sprintf("[message l:a newest%d]", round) {
			return
		}
		redistest.Eventually(t, patience, first+" comes first, because a gap of other channels is told, too", func() bool {
			_, now := d.countGaps()
			return now > others
		})
		late.Close()
	}
}

// killEventConnections ends the connections for events at a node.
func killEventConnections(n *redistest.Server) {
	for line := range strings.Lines(n.MustDo("CLIENT", "LIST").Str) {
		if strings.Contains(line, ":events ") {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			n.MustDo("CLIENT", "KILL", "ID", id)
		}
	}
}
