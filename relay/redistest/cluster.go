// A Redis Cluster of real servers.

package redistest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	slotCount      = 16384
	clusterTimeout = time.Minute
	nodeTimeout    = "2000" // ms until a node that does not answer is doubted
)

// Cluster is a Redis Cluster on 127.0.0.1. Its Nodes may be stopped, killed and restarted like any Server.
type Cluster struct {
	t     testing.TB
	Nodes []*Server // at the start the masters, then their replicas in the same order
}

// StartCluster runs a cluster of masters with one replica each, and returns when every node says that it is whole. A
// node that does not answer for 2 s is doubted. From Redis 7.0 on its nodes take DEBUG.
func StartCluster(t testing.TB, masters int, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range 2 * masters {
		c.Nodes = append(c.Nodes, startNode(t, opts...))
	}
	c.join(masters)
	c.AwaitWhole()
	return c
}

func startNode(t testing.TB, opts ...Option) *Server {
	t.Helper()
	args := []string{
		"--cluster-enabled", "yes", "--cluster-node-timeout", nodeTimeout, "--cluster-replica-validity-factor", "0",
		"--repl-diskless-sync-delay", "0",
	}
	if Shards(t) {
		args = append(args, "--enable-debug-command", "yes")
	}
	return Start(t, append([]Option{WithArgs(args...)}, opts...)...)
}

// AddMaster adds a master without slots, and returns its index when all know it.
func (c *Cluster) AddMaster() int {
	c.t.Helper()
	n := startNode(c.t)
	ip, port, _ := net.SplitHostPort(c.Nodes[0].Addr())
	n.MustDo("CLUSTER", "MEET", ip, port)
	c.Nodes = append(c.Nodes, n)
	c.AwaitWhole()
	return len(c.Nodes) - 1
}

// join makes one cluster of the nodes.
func (c *Cluster) join(masters int) {
	c.t.Helper()
	for i, n := range c.Nodes {
		n.MustDo("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i < masters {
			slots := []string{"CLUSTER", "ADDSLOTS"}
			for slot := i * slotCount / masters; slot < (i+1)*slotCount/masters; slot++ {
				slots = append(slots, strconv.Itoa(slot))
			}
			n.MustDo(slots...)
		}
		for _, other := range c.Nodes[:i] {
			ip, port, _ := net.SplitHostPort(other.Addr())
			n.MustDo("CLUSTER", "MEET", ip, port)
		}
	}
	for i, replica := range c.Nodes[masters:] {
		id := c.Nodes[i].ID()
		Eventually(c.t, clusterTimeout, "a replica has its master", func() bool {
			_, err := replica.Do("CLUSTER", "REPLICATE", id)
			return err == nil
		})
	}
}

// AwaitWhole waits until each node that runs says that the cluster is whole and reaches all others that run, and until
// replicas have their masters' data.
func (c *Cluster) AwaitWhole() {
	c.t.Helper()
	Eventually(c.t, clusterTimeout, "the cluster is whole", func() bool {
		running := 0
		for _, n := range c.Nodes {
			if _, err := n.Do("PING"); err == nil {
				running++
			}
		}
		for _, n := range c.Nodes {
			if info, err := n.Do("CLUSTER", "INFO"); err != nil {
				continue
			} else if !strings.Contains(info.Str, "cluster_state:ok") {
				return false
			}
			if up := n.reached(); up != running || !n.inSync() {
				return false
			}
		}
		return true
	})
}

// reached counts the nodes that a node is linked to, itself among them.
func (s *Server) reached() (up int) {
	list, err := s.Do("CLUSTER", "NODES")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(list.Str) {
		f := strings.Fields(line)
		if len(f) >= 8 && f[7] == "connected" && !strings.Contains(f[2], "fail") && !strings.Contains(f[2], "handshake") {
			up++
		}
	}
	return up
}

// inSync reports whether a node is a master, or has its master's data.
func (s *Server) inSync() bool {
	info, err := s.Do("INFO", "replication")
	return err == nil && (strings.Contains(info.Str, "role:master") ||
		strings.Contains(info.Str, "master_link_status:up"))
}

// ID is that of a node of a cluster.
func (s *Server) ID() string {
	s.t.Helper()
	return s.MustDo("CLUSTER", "MYID").Str
}

// URL names two of the nodes, for a client that finds the others.
func (c *Cluster) URL() string {
	return fmt.Sprintf("redis://%s?addr=%s", c.Nodes[0].Addr(), c.Nodes[len(c.Nodes)-1].Addr())
}

// Slot returns the slot of a name, as a node says.
func (c *Cluster) Slot(name string) int {
	c.t.Helper()
	return int(c.Nodes[0].MustDo("CLUSTER", "KEYSLOT", name).Int)
}

// Owner returns the index of the master that owns a slot, as a running node says.
func (c *Cluster) Owner(slot int) int {
	c.t.Helper()
	owner := -1
	Eventually(c.t, clusterTimeout, "a slot has an owner", func() bool {
		for _, n := range c.Nodes {
			ranges, err := n.Do("CLUSTER", "SLOTS")
			if err != nil {
				continue
			}
			for _, r := range ranges.Elems {
				if r.Elems[0].Int <= int64(slot) && int64(slot) <= r.Elems[1].Int {
					owner = c.indexOf(r.Elems[2].Elems[2].Str)
				}
			}
			return owner >= 0
		}
		return false
	})
	return owner
}

// indexOf returns which node has an ID; -1: none that runs.
func (c *Cluster) indexOf(id string) int {
	for i, n := range c.Nodes {
		if v, err := n.Do("CLUSTER", "MYID"); err == nil && v.Str == id {
			return i
		}
	}
	return -1
}

// BeginMove has a slot be about to move from its owner to another master: the owner is migrating it, the other one is
// importing it.
func (c *Cluster) BeginMove(slot, to int) {
	c.t.Helper()
	from := c.Owner(slot)
	c.Nodes[to].MustDo("CLUSTER", "SETSLOT", strconv.Itoa(slot), "IMPORTING", c.Nodes[from].ID())
	c.Nodes[from].MustDo("CLUSTER", "SETSLOT", strconv.Itoa(slot), "MIGRATING", c.Nodes[to].ID())
}

// EndMove has a slot that is about to move be at another master, as redis-cli does: that is told first, then the old
// owner, then all others.
func (c *Cluster) EndMove(slot, to int) {
	c.t.Helper()
	from, id := c.Owner(slot), c.Nodes[to].ID()
	c.Nodes[to].MustDo("CLUSTER", "SETSLOT", strconv.Itoa(slot), "NODE", id)
	c.Nodes[from].MustDo("CLUSTER", "SETSLOT", strconv.Itoa(slot), "NODE", id)
	for i, n := range c.Nodes {
		if i != to && i != from {
			_, _ = n.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "NODE", id) // replicas refuse it, and learn it
		}
	}
}
