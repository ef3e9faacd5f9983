package upstream

// The other nodes of a cluster, while a session lasts: whether they still know the session's node as a master, and
// whether what is published there comes.

import (
	"errors"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/cluster"
)

const (
	busInterval = time.Second            // between two probes of a node, in a cluster of up to ten nodes
	busShare    = 100 * time.Millisecond // times the nodes: the interval in a larger cluster
)

var errLeft = errors.New("the cluster's other nodes say that this one has failed, has left, or is no master any more")

// bus belongs to the loop. Without a cluster, and at a connection that is for one node, it does nothing.
type bus struct {
	connection *Connection
	account    cluster.Account
	refusedLog bool // that probes are refused was logged

	// Of the session.
	session *session // nil: there is none
	node    cluster.Node
	view    cluster.View
	askers  map[string]*asker // by ID
	timer   *loop.Timer
	turn    int    // of the asker that is asked next for its view
	asking  *asker // is asked for its view; nil: none is
	against int    // views in a row by which this node is of no use
	noLinks bool   // this node does not tell of its links
	refused bool   // Redis does not take probes
}

// begin begins a session.
func (b *bus) begin(s *session, d *established) {
	c := b.connection
	if c.opts.Mode != modeCluster || c.opts.Node != "" {
		return
	}
	b.session, b.node, b.view, b.askers = s, d.node, d.view, map[string]*asker{}
	b.asking, b.against, b.noLinks, b.refused = nil, 0, false, false
	c.keyspace.seen = time.Now()
	b.timer = c.loop.AfterFunc(busInterval, b.tick)
	b.askLinks()
}

// restored says that all subscriptions stand.
func (b *bus) restored() {
	if b.session != nil {
		b.account.Begin(b.node.ID, b.view, time.Now())
		b.hire()
		b.tick()
	}
}

// end ends the session.
func (b *bus) end() {
	if b.session == nil {
		return
	}
	b.session = nil
	b.connection.keyspace.end()
	b.timer.Stop()
	for _, a := range b.askers {
		a.dismiss()
	}
	b.account.Leave()
}

// complete returns the time before which all messages published at any node have come. At this node they have until at.
func (b *bus) complete(at time.Time) time.Time {
	if t := b.account.Complete(); b.counts() && !t.IsZero() {
		return earlier(at, t)
	}
	return at
}

// counts reports whether there are probes.
func (b *bus) counts() bool {
	return b.session != nil && b.session.restored && b.connection.prober.subscribed && !b.refused
}

// tick does what is done every second.
func (b *bus) tick() {
	b.timer.Reset(max(busInterval, time.Duration(len(b.askers))*busShare))
	if b.session.restored {
		b.askLinks()
		b.probe()
		b.askNodes()
	}
}

// askLinks asks this node for its links, and checks the account when all has come that was published before.
func (b *bus) askLinks() {
	s, c := b.session, b.connection
	if b.noLinks {
		s.fence(func(lost bool) {
			if !lost {
				b.check()
			}
		})
		return
	}
	s.seal(&c.backlog)
	s.send(AnswerFunc(func(v resp.Value, err error) {
		switch {
		case isRefusal(err):
			b.noLinks = true
			b.account.Links(nil, time.Now())
		case err == nil:
			b.tell(b.account.Links(linksOf(Plain(v)), time.Now()))
			b.check()
		}
	}), "CLUSTER", "LINKS")
}

func (b *bus) check() {
	if b.counts() {
		b.tell(b.account.Check(time.Now()))
	}
}

// linksOf reads from an answer to CLUSTER LINKS when the link from each node was made.
func linksOf(answer any) map[string]int64 {
	made := map[string]int64{}
	list, _ := answer.([]any)
	for _, one := range list {
		facts, _ := one.([]any)
		link := map[string]any{}
		for i := 0; i+1 < len(facts); i += 2 {
			name, _ := facts[i].(string)
			link[name] = facts[i+1]
		}
		id, _ := link["node"].(string)
		if at, ok := link["create-time"].(int64); ok && link["direction"] == "from" {
			made[id] = at
		}
	}
	return made
}
