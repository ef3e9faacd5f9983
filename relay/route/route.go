package route

// The table of routes and the policies they carry.

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Reserved is the prefix of the relay's own channels. No route covers it and
// nobody outside may publish on it.
const Reserved = "relay:"

// Slow says what happens to a message for a listener whose queue is full.
type Slow uint8

// The answers to a full queue.
const (
	SlowDisconnect Slow = iota // close the listener's connection, as Redis does
	SlowDrop                   // drop this message for this listener, counted
	SlowLatest                 // keep the newest of the channel, or of each value of LatestBy
)

// OnGap says how a listener learns that messages may have been lost.
type OnGap uint8

// The ways to tell of a gap.
const (
	GapDisconnect OnGap = iota // close its connection, so that its library resubscribes
	GapNotify                  // an event on relay:events
)

// Policy is what a route, or one kind of message on it, asks for.
type Policy struct {
	Slow       Slow
	LatestBy   string // with SlowLatest: a top-level JSON field; empty: one message a channel
	OnGap      OnGap
	DeliverOne bool     // one local listener in turn instead of all
	History    *History // nil: nothing is kept
	Rate       Rate
	RateDead   string // the stream at Redis that keeps messages over the rate; empty: none does
}

// History says how much of a channel is kept.
type History struct {
	Length int64         // about how many entries
	TTL    time.Duration // after the last entry; 0: for ever
}

// Rate bounds the messages of one channel; the zero value does not.
type Rate struct {
	PerSecond float64 // messages/s; 0: no bound
	Burst     int     // messages that may come at once
	Alert     float64 // messages/s above which an alert is raised; 0: never
}

// DeadLetters are the keys of the streams at Redis that keep refused messages, by the reason; empty: none does. Those
// over a rate are in Policy.
type DeadLetters struct{ Invalid, TooLarge, Refused string }

// Users lists the ids of users who may do something; empty: everybody may.
type Users []uint32

// Admit tells whether a user may. One who is not known may what everybody may.
func (u Users) Admit(uid uint32, known bool) bool {
	return len(u) == 0 || known && slices.Contains(u, uid)
}

// Checker validates a payload and finds the kind of message it is, and the value of
// the field that LatestBy names for the kind, nil if it has none. It must be safe
// for concurrent use and must not keep payload.
type Checker interface {
	// Scan is quick. If it has not decided, Brief or Validate may.
	Scan(payload []byte) (kind, key []byte, decided bool, err error)
	// Brief takes a fraction of a millisecond. If it has not decided, Validate does.
	Brief(payload []byte) (decided bool, err error)
	// Validate may take long. It gives up once stopped, unless that is nil, reports that nobody waits any more.
	Validate(payload []byte, stopped func() bool) error
}

// Route is one line of the table. It must not be changed once the Table is in use.
type Route struct {
	Prefix     string
	Name       string // label in logs and metrics: the prefix, or "unrouted"
	Before     string // the text that Redis has before the names of its channels
	Publish    bool   // local processes may publish
	Subscribe  bool   // local processes may listen
	Publishers Users  // who of them may publish
	Listeners  Users  // who of them may listen
	NATS       bool   // NATS clients may do what local processes may
	Checker    Checker
	LogInvalid bool // invalid messages pass and are only counted and logged
	Dead       DeadLetters
	Policy     Policy
	Kinds      map[string]*Policy
	SchemaName string   // for people; empty: any bytes pass
	Schemas    []string // the names of its schemas, in the order in which they are tried
	Upstream   Upstream // where its channels are
	Mirror     *Mirror  // nil: none
	Sharded    bool     // its channels are shard channels at Redis, whatever local clients call them
	Last       bool     // who subscribes to a channel gets its newest message first
	Index      int      // its place in Table.Routes; set by New

	// Set by New.
	history bool
	rated   bool
}

// Upstream is the Redis where the channels of a route are.
type Upstream struct {
	Name  string
	Index int    // among the upstreams of the relay
	Heard uint32 // the upstreams whose messages local listeners get: bit i stands for Index i
}

// Mirror is an upstream to which a share of what local clients publish goes, too.
type Mirror struct {
	Index   int // of the upstream
	Percent float64
}

// Hears tells whether local listeners get the messages that an upstream has on the channels.
func (u *Upstream) Hears(index int) bool { return u.Heard&(1<<index) != 0 }

// PolicyOf returns the policy of a kind of message; unknown kinds have the
// route's own.
func (r *Route) PolicyOf(kind []byte) *Policy {
	if len(r.Kinds) > 0 && kind != nil {
		if p, ok := r.Kinds[string(kind)]; ok {
			return p
		}
	}
	return &r.Policy
}

// HasHistory tells whether some messages of the route are kept.
func (r *Route) HasHistory() bool { return r.history }

// LastIsAt reports whether an upstream has the newest message of each channel, for new listeners, in its stream.
func (r *Route) LastIsAt(upstream int) bool {
	return r.Last && r.history && r.Upstream.Index == upstream
}

// IsUsed reports whether anybody may do anything with the route's channels.
func (r *Route) IsUsed() bool { return r.Publish || r.Subscribe || r.history }

// HasRate tells whether some messages of the route are bounded or watched.
func (r *Route) HasRate() bool { return r.rated }

// HistoryTTL returns how long the stream of a channel is kept after its last entry,
// at most; 0: for ever.
func (r *Route) HistoryTTL() (longest time.Duration) {
	for p := range r.policies() {
		switch {
		case p.History == nil:
		case p.History.TTL == 0:
			return 0
		default:
			longest = max(longest, p.History.TTL)
		}
	}
	return longest
}

// policies yields the route's own and those of its kinds.
func (r *Route) policies() iter.Seq[*Policy] {
	return func(yield func(*Policy) bool) {
		if !yield(&r.Policy) {
			return
		}
		for _, p := range r.Kinds {
			if !yield(p) {
				return
			}
		}
	}
}

// ErrDuplicate reports two routes of one prefix.
var ErrDuplicate = errors.New("two routes of one prefix")

// Table maps channels to routes.
type Table struct {
	byLength []bucket // longest prefixes first
	routes   []*Route // longest prefix first, then by name; unrouted last
	unrouted *Route
}

// bucket holds the routes whose prefixes have one length, so that a lookup is
// one map access for each distinct length.
type bucket struct {
	length int
	routes map[string]*Route
}

// New builds a table. unrouted covers the channels that no prefix does.
func New(routes []*Route, unrouted *Route) (*Table, error) {
	t := &Table{unrouted: unrouted, routes: slices.Clone(routes)}
	slices.SortFunc(t.routes, func(a, b *Route) int {
		return cmp.Or(cmp.Compare(len(b.Prefix), len(a.Prefix)), strings.Compare(a.Prefix, b.Prefix))
	})
	for _, r := range t.routes {
		if err := t.add(r); err != nil {
			return nil, err
		}
	}
	t.routes = append(t.routes, unrouted)
	for i, r := range t.routes {
		r.Index = i
		for p := range r.policies() {
			r.history = r.history || p.History != nil
			r.rated = r.rated || p.Rate != Rate{}
		}
	}
	return t, nil
}

func (t *Table) add(r *Route) error {
	if last := len(t.byLength) - 1; last < 0 || t.byLength[last].length != len(r.Prefix) {
		t.byLength = append(t.byLength, bucket{len(r.Prefix), map[string]*Route{}})
	}
	b := t.byLength[len(t.byLength)-1]
	if b.routes[r.Prefix] != nil {
		return fmt.Errorf("%w: %q", ErrDuplicate, r.Prefix)
	}
	b.routes[r.Prefix] = r
	return nil
}

// Lookup returns the route of a channel: that of the longest prefix, or the one
// for unrouted channels. It never returns nil.
func (t *Table) Lookup(channel []byte) *Route {
	for i := range t.byLength {
		b := &t.byLength[i]
		if b.length > len(channel) {
			continue
		}
		if r, ok := b.routes[string(channel[:b.length])]; ok {
			return r
		}
	}
	return t.unrouted
}

// Reachable yields the routes of all channels that begin with prefix, as those do
// that a pattern catches.
func (t *Table) Reachable(prefix []byte) iter.Seq[*Route] {
	return func(yield func(*Route) bool) {
		if !yield(t.Lookup(prefix)) {
			return
		}
		for _, r := range t.routes {
			if len(r.Prefix) > len(prefix) && strings.HasPrefix(r.Prefix, string(prefix)) && !yield(r) {
				return
			}
		}
	}
}

// Routes returns every route, the longest prefix first and unrouted last. The
// caller must not change the slice.
func (t *Table) Routes() []*Route { return t.routes }

// IsReserved tells whether a channel is the relay's own.
func IsReserved(channel []byte) bool {
	return len(channel) >= len(Reserved) && string(channel[:len(Reserved)]) == Reserved
}
