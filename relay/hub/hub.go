package hub

// The hub: its parts, and the Redis that it needs.

import "redis-relay/relay/resp"

// Upstream is the connection to Redis as the hub needs it. Redis carries out what is asked in order. Each done is
// called once, never before the method returns but for Learn and AwaitDelivered, in the order of the calls, and in
// order with the messages that Redis sends. lost says that the connection ended before Redis had answered: nobody knows
// whether the command was carried out. refused is the error that Redis answered.
type Upstream interface {
	Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error))
	Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error))
	// Fence asks for an answer that changes nothing, where names are subscribed; no names: wherever any are.
	Fence(kind resp.Kind, names []string, done func(lost bool))
	// Learn finds out what new listeners of channels get first: see Group.SetFirst. Redis is asked behind all that
	// was asked before. done is called once, when that is known, or cannot be, in order with the messages: what comes
	// later is newer. If too much waits for Redis, it is called before Learn returns. Learn reports false, and done is
	// not called, if nothing has to be found out.
	Learn(channels []string, done func()) bool
	// AwaitDelivered calls done when all messages of names that Redis has sent so far are delivered: before it
	// returns, if none of them is delayed on its way to the hub.
	AwaitDelivered(kind resp.Kind, names []string, done func())
	// IsFull tells whether Redis has not answered what was subscribed already. The hub asks for more all the same: who
	// calls Group.AwaitRoom first bounds that.
	IsFull() bool
	// AwaitRoom has done called, in a later turn, when the upstream may not be full any more. It is called while that
	// is full.
	AwaitRoom(done func())
	// Released says that the hub forgets a name: nobody wants it, and Redis does not send it. Neither Released
	// nor Refused may change anything at the hub.
	Released(kind resp.Kind, name string)
	// Interrupted says that Redis has ended a name: messages published from here on do not come, until it is
	// subscribed again, as it may be asked to already. It is called in their place.
	Interrupted(kind resp.Kind, name string)
	// Refused says that Redis does not let a name be subscribed.
	Refused(kind resp.Kind, name string, err error)
}

// Hub connects names to listeners. Everything belongs to the loop.
type Hub struct {
	registry    // which names are wanted, and by whom
	*dispatcher // how messages come to listeners; hubs of one Group have it in common

	place int    // in the Group; 0: it may be in none
	group *Group // nil: it is in none

	requests requests // the commands that subscribe and unsubscribe names at Redis

	connected bool         // there is a connection, and all that is wanted was asked for over it
	away      bool         // the last connection is lost, or the first attempt has failed: nobody knows for how long
	restore   *restoration // asks for all that is wanted; nil: that is not under way
	waiting   waitlist     // subscriptions that wait for a connection
}

// New returns an empty hub, which has no connection to Redis: see Restore. isLocal tells which names the relay
// serves itself: up is never asked for them.
func New(up Upstream, isLocal func(name string) bool) *Hub {
	return makeHub(up, isLocal, new(dispatcher))
}

func makeHub(up Upstream, isLocal func(name string) bool, messages *dispatcher) *Hub {
	h := &Hub{registry: newRegistry(up, isLocal), dispatcher: messages}
	h.requests = requests{topics: &h.registry, messages: messages, namesPerCommand: namesPerCommand}
	return h
}

// OnMissed has f called when listeners do not get messages: with the channel, which is valid during the call, and the
// number of messages, one for each listener. f must not call the hub.
func (d *dispatcher) OnMissed(f func(channel []byte, messages int)) { d.onMissed = f }

// Disconnect disconnects the listeners of a name and returns how many of them were still connected.
func (h *Hub) Disconnect(kind resp.Kind, name string, why Reason) (disconnected int) {
	h.FanOut()
	if t := h.topics[kind][name]; t != nil {
		disconnected = t.disconnect(why)
	}
	return disconnected
}

// Refuse says that Redis does not let a name be subscribed any more that was subscribed over this connection. Its
// listeners are disconnected.
func (h *Hub) Refuse(kind resp.Kind, name string, err error) {
	if t := h.topics[kind][name]; t != nil {
		h.requests.noteRefused(kind, name, err)
		t.confirmed = t.confirmed && t.requested
		h.forgetUnused(kind, name, t)
	}
}

// Unreachable says that an attempt to connect has failed. Until the first one has, subscriptions at several hubs of a
// Group wait for this one, too.
func (h *Hub) Unreachable() {
	if !h.connected && h.restore == nil {
		h.away = true
		h.group.lost(h)
	}
}

// Fence calls done in order with the messages: after all that Redis has sent by now. Without a connection it
// calls done before it returns.
func (h *Hub) Fence(done func()) {
	if !h.connected {
		done()
		return
	}
	h.up.Fence(0, nil, func(bool) {
		h.FanOut()
		done()
	})
}

// Stats is a snapshot for metrics.
type Stats struct {
	Topics    [resp.Kinds]int // names that are wanted
	Listeners [resp.Kinds]int // active subscriptions of local connections
	Losses
}

// Stats returns the figures of this moment.
func (h *Hub) Stats() Stats {
	s := Stats{Listeners: h.active, Losses: h.losses}
	for k := range h.topics {
		s.Topics[k] = len(h.topics[k])
	}
	return s
}
