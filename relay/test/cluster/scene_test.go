package cluster

// What the tests have in common: a relay on a cluster, its listener, and where the relay is connected.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// patience bounds every wait that expects no particular time.
const patience = time.Minute

// scene is a relay on a cluster.
type scene struct {
	*redistest.Cluster
	t     *testing.T
	relay *harness.Relay
}

// begin starts a cluster of three masters and three replicas, and a relay on it.
func begin(t *testing.T, opts ...harness.Option) *scene {
	t.Helper()
	c := redistest.StartCluster(t, 3)
	return &scene{c, t, startRelay(t, c, opts...)}
}

func startRelay(t *testing.T, c *redistest.Cluster, opts ...harness.Option) *harness.Relay {
	t.Helper()
	calm := harness.NewRoute("c:", func(r *config.Route) { r.Policy.OnGap = config.OnGapNotify })
	sharded := harness.NewRoute("s:", func(r *config.Route) {
		r.Sharded, r.Policy.OnGap = true, config.OnGapNotify
	})
	return harness.Start(t, nil, append([]harness.Option{
		harness.WithRedis(c.URL()), harness.WithRoutes(calm, harness.NewRoute("d:", func(*config.Route) {}), sharded,
			harness.NewRoute("t:", func(r *config.Route) { r.Sharded = true })),
		func(c *config.Config) { c.Redis.Mode = config.ModeCluster },
	}, opts...)...)
}

// subscribers counts the relay's subscriber connections on a node; 0 if it does not run.
func subscribers(n *redistest.Server) (count int) {
	list, err := n.Do("CLIENT", "LIST")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(list.Str) {
		if strings.Contains(line, " name=redis-relay:") && strings.Contains(line, ":sub ") {
			count++
		}
	}
	return count
}

// at returns which node the relay listens to, when it is one of those that are not stopped.
func (s *scene) at(stopped ...int) int {
	s.t.Helper()
	at := -1
	redistest.Eventually(s.t, patience, "one subscriber connection in the whole cluster", func() bool {
		sum := 0
		for i, n := range s.Nodes {
			if slices.Contains(stopped, i) {
				continue
			}
			if count := subscribers(n); count > 0 {
				at, sum = i, sum+count
			}
		}
		return sum == 1 && s.relay.IsReady()
	})
	return at
}

// isMaster tells whether a node says that it is one.
func isMaster(n *redistest.Server) bool {
	role, err := n.Do("ROLE")
	return err == nil && role.Elems[0].Str == "master"
}

// otherMaster returns a running master other than a node.
func (s *scene) otherMaster(than int) int {
	s.t.Helper()
	for i, n := range s.Nodes {
		if i != than && isMaster(n) {
			return i
		}
	}
	s.t.Fatal("no other master")
	return 0
}

// replicaOf returns the replica of a node.
func (s *scene) replicaOf(master int) int {
	s.t.Helper()
	id := s.Nodes[master].ID()
	for i, n := range s.Nodes {
		if list, err := n.Do("CLUSTER", "NODES"); err == nil {
			for line := range strings.Lines(list.Str) {
				if f := strings.Fields(line); strings.Contains(f[2], "myself") && f[3] == id {
					return i
				}
			}
		}
	}
	s.t.Fatal("no replica")
	return 0
}
