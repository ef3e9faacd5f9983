package upstream

// The connections over which key space events of other masters come.

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/events"
)

const (
	eventsRole = "events" // ends the names of such connections in CLIENT LIST
	changeRoom = 64       // changes that may wait for one node
	unread     = 1024     // events of one node that may wait for the loop
)

// eventNode is another master, with a connection to it that is made anew when it is lost. It belongs to the loop, but
// for addr, which is fixed, and changes.
type eventNode struct {
	addr     string
	live     bool      // the node has confirmed what was wanted when the connection was made
	done     int       // number of the last change that it has carried out
	complete time.Time // all events before have come, or are told to be missing
	changes  chan events.Change
	dismiss  context.CancelFunc
}

// send queues a change. It reports false if there is no room.
func (e *eventNode) send(c events.Change) bool {
	select {
	case e.changes <- c:
		return true
	default:
		return false
	}
}

// wants is a change with all that is wanted, or with a part.
type wants struct{ events.Change }

func (w *wants) add(kind resp.Kind, names []string) {
	if kind == resp.PMessage {
		w.Patterns = append(w.Patterns, names...)
	} else {
		w.Channels = append(w.Channels, names...)
	}
}

func (k *keyspace) all() *wants {
	w := &wants{events.Change{Number: k.number}}
	for name := range k.wanted {
		w.add(name.Kind, []string{name.Text})
	}
	return w
}

// hire has a connection to each other master that is up, and to nobody else, while something is wanted. Events of new
// masters may be missing since a time.
func (k *keyspace) hire(since time.Time) {
	b := &k.connection.bus
	for id, e := range k.nodes {
		if n, ok := b.view.Find(id); !ok || !n.Master || !n.Slots || n.Failed || id == b.node.ID || n.Addr != e.addr {
			k.lose(e.complete)
			k.drop(id)
		}
	}
	own, _ := b.view.Find(b.node.ID)
	if len(k.wanted) == 0 || !own.Master || b.node.Slots && !own.Slots { // a replica tells the events of its master
		return
	}
	for _, n := range b.view {
		if n.Master && n.Slots && !n.Failed && n.ID != b.node.ID && k.nodes[n.ID] == nil {
			k.open(n.ID, n.Addr, since)
		}
	}
}

// see is told that the masters may be others.
func (k *keyspace) see() {
	since, before := k.seen.Add(-busInterval), len(k.nodes)
	k.seen = time.Now()
	if len(k.wanted) == 0 {
		return
	}
	known := make(map[string]bool, before)
	for id := range k.nodes {
		known[id] = true
	}
	k.hire(since)
	for id := range k.nodes {
		if !known[id] {
			k.lose(since)
		}
	}
	k.release()
	k.cover()
}

func (k *keyspace) drop(id string) {
	k.nodes[id].dismiss()
	delete(k.nodes, id)
}

func (k *keyspace) dismiss() {
	for id := range k.nodes {
		k.drop(id)
	}
	k.since = time.Time{}
}

func (k *keyspace) open(id, addr string, complete time.Time) {
	c := k.connection
	ctx, cancel := context.WithCancel(context.Background())
	e := &eventNode{addr: addr, complete: complete, changes: make(chan events.Change, changeRoom), dismiss: cancel}
	k.nodes[id] = e
	inTime := func(f func()) func() {
		return func() {
			if k.nodes[id] == e {
				f()
			}
		}
	}
	c.goroutines.Go(func() {
		for ctx.Err() == nil {
			err := k.listen(ctx, e, inTime)
			if ctx.Err() != nil {
				return
			}
			c.log.Debug("key space events of a node do not come", zap.String("node", addr), zap.Error(err))
			c.loop.Post(inTime(func() {
				e.live = false
				k.lose(e.complete)
			}))
			select {
			case <-ctx.Done():
			case <-time.After(backoffMin + rand.N(backoffMin)):
			}
		}
	})
}

// listen is one connection. inTime keeps a function from being called when the node is not listened to any more.
func (k *keyspace) listen(ctx context.Context, e *eventNode, inTime func(func()) func()) error {
	c := k.connection
	l, err := c.opts.login(ctx)
	if err != nil {
		return err
	}
	client, err := c.opts.client(eventsRole, l, e.addr, nil)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	var first events.Change
	if !c.loop.Call(func() {
		for len(e.changes) > 0 {
			<-e.changes
		}
		first = k.all().Change
	}) {
		return nil
	}
	return events.Listen(ctx, client, first, e.changes, &listener{k, e, ctx, inTime, make(chan struct{}, unread)})
}

// listener is events.Listener.
type listener struct {
	*keyspace
	node   *eventNode
	ctx    context.Context // of the node
	inTime func(func()) func()
	room   chan struct{}
}

// Message gives an event to the sink. It waits while many do.
func (l *listener) Message(d *resp.Delivery) {
	select {
	case l.room <- struct{}{}:
	case <-l.ctx.Done():
		return
	}
	deliver := l.inTime(func() { l.connection.sink.Deliver(d) })
	l.connection.loop.Post(func() {
		<-l.room
		deliver()
	})
}

// Confirmed notes what a node has carried out.
func (l *listener) Confirmed(number int, complete time.Time) {
	l.connection.loop.Post(l.inTime(func() {
		l.node.live, l.node.done, l.node.complete = true, number, later(l.node.complete, complete)
		l.release()
		l.cover()
	}))
}

// IsEventName reports whether a name, channel or pattern, is for key space events.
func IsEventName(kind resp.Kind, name string) bool { return events.Are(kind, name) }
