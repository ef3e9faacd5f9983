package config

// This file holds routes and policies, and the resolving of what a kind inherits.

import (
	"maps"
	"math"
	"reflect"
	"time"
)

// Route is what holds for the channels that begin with Prefix.
type Route struct {
	Prefix string `koanf:"prefix"`
	Rename string `koanf:"rename"` // what Redis calls the channels: see Before; "": the same
	// A file name in the schemas folder; "": any bytes pass. The key may be a list: a message then passes if one of its
	// schemas accepts it. The first is here, the others are in OlderSchemas.
	Schema       string   `koanf:"schema" more:"OlderSchemas"`
	OlderSchemas []string `koanf:"-"`        // in the order in which they are tried
	Evolve       Evolve   `koanf:"evolve"`   // what a reload may do to Schema
	Upstream     string   `koanf:"upstream"` // the name of the Redis where its channels are
	// Other upstreams whose messages local listeners get, too.
	AlsoSubscribe []string `koanf:"also_subscribe"`
	Mirror        *Mirror  `koanf:"mirror"`    // nil: none
	Last          bool     `koanf:"last"`      // who subscribes to a channel gets its newest message first
	Sharded       bool     `koanf:"sharded"`   // its channels are shard channels at Redis
	Publish       bool     `koanf:"publish"`   // local processes may publish
	Subscribe     bool     `koanf:"subscribe"` // local processes may listen
	// Which users may, of those who may connect; empty: all of them.
	PublishUIDs   []uint32 `koanf:"publish_uids"`
	SubscribeUIDs []uint32 `koanf:"subscribe_uids"`

	Invalid     Invalid    `koanf:"invalid" with:"InvalidDead"` // or a mapping: see longInvalid
	InvalidDead string     `koanf:"-"`                          // the stream for dead letters; "": none
	TooLarge    DeadLetter `koanf:"too_large"`                  // messages over limits.payload
	Refused     DeadLetter `koanf:"redis_refused"`              // publishes that Redis refuses

	Kind   string `koanf:"kind"` // the top-level JSON field that names a message's kind
	NATS   bool   `koanf:"nats"`
	Policy Policy `koanf:",squash"`

	// Kinds holds the whole policy of each kind that differs from the route's:
	// Policy, overlaid by what the kind sets.
	Kinds map[string]Policy `koanf:"kinds"`
}

// Policy is how messages are kept, limited and handed to listeners.
type Policy struct {
	History  *History `koanf:"history"` // nil: none
	Slow     Slow     `koanf:"slow"`
	LatestBy string   `koanf:"latest_by"` // with SlowLatest: the JSON field to keep one message per value of
	OnGap    OnGap    `koanf:"on_gap"`
	Deliver  Deliver  `koanf:"deliver"`
	Rate     Rate     `koanf:"rate"`
}

// History says how much of a channel is persisted.
type History struct {
	Length int64         `koanf:"length"` // about how many messages are kept
	TTL    time.Duration `koanf:"ttl"`    // since the last message; 0: for ever
}

// Mirror says where a share of what local clients publish goes, too.
type Mirror struct {
	Upstream string  `koanf:"upstream"`
	Percent  float64 `koanf:"percent"` // of the messages, more than 0 and at most 100
}

// Rate limits one channel, in messages per second. A zero switches off.
type Rate struct {
	Limit float64 `koanf:"limit"`
	Burst int     `koanf:"burst"` // messages at once; with a limit at least 1 after loading
	Alert float64 `koanf:"alert"`

	DeadLetter string `koanf:"dead_letter"` // the stream for messages over the limit; "": none
}

// Invalid says what happens to a message that its schema refuses.
type Invalid string

// The values of invalid.
const (
	InvalidReject Invalid = "reject"
	InvalidLog    Invalid = "log"
)

// Evolve says which changes of a route's schemas are refused by a reload.
type Evolve string

// The values of evolve.
const (
	EvolveNone     Evolve = "none"
	EvolveBackward Evolve = "backward" // the new schemas must accept what the old ones did
	EvolveForward  Evolve = "forward"  // the old schemas must accept what the new ones do
	EvolveFull     Evolve = "full"     // both
)

// Schemas lists all schemas of the route: none, Schema, or it with OlderSchemas.
func (r *Route) Schemas() []string {
	if r.Schema == "" {
		return nil
	}
	return append([]string{r.Schema}, r.OlderSchemas...)
}

// Slow says what happens to a listener whose queue is full.
type Slow string

// The values of slow.
const (
	SlowDisconnect Slow = "disconnect"
	SlowDrop       Slow = "drop"
	SlowLatest     Slow = "latest"
)

// OnGap says how a listener is told that messages may have been lost.
type OnGap string

// The values of on_gap.
const (
	OnGapDisconnect OnGap = "disconnect"
	OnGapNotify     OnGap = "notify"
)

// Deliver says which local listeners get a message.
type Deliver string

// The values of deliver.
const (
	DeliverAll Deliver = "all"
	DeliverOne Deliver = "one"
)

// NewRoute returns a route with the built-in defaults: open in both directions,
// no schema, no kinds. Its Policy is also that of unrouted channels.
func NewRoute(prefix string) Route {
	return Route{
		Prefix:    prefix,
		Evolve:    EvolveNone,
		Upstream:  MainUpstream,
		Publish:   true,
		Subscribe: true,
		Invalid:   InvalidReject,
		Kind:      "type",
		Policy: Policy{
			Slow:    SlowDisconnect,
			OnGap:   OnGapDisconnect,
			Deliver: DeliverAll,
		},
	}
}

// resolveRoute turns a route as it was written into one whose policies are
// complete. The tree must have passed the strict check.
func resolveRoute(tree map[string]any) (Route, error) {
	r := NewRoute("")
	r.Policy.OnGap = "" // its default hangs on history, which is known at the end
	tree = spread(&r, tree)
	if err := takeInvalid(&r, tree); err != nil {
		return Route{}, err
	}
	if err := overlay(&r, tree); err != nil {
		return Route{}, err
	}
	written, _ := tree["kinds"].(map[string]any)
	r.Kinds = make(map[string]Policy, len(written))
	for name, kind := range written {
		set, _ := kind.(map[string]any)
		p, err := r.Policy.overlaid(set)
		if err != nil {
			return Route{}, err
		}
		r.Kinds[name] = p
	}
	r.settle()
	return r, nil
}

// spread takes the lists out of a tree whose first items belong to one field and the others to another.
func spread(r *Route, tree map[string]any) map[string]any {
	tree = maps.Clone(tree)
	for _, f := range fieldsOf(reflect.TypeFor[Route]()) {
		list, ok := tree[f.name].([]any)
		if f.more == nil || !ok {
			continue
		}
		tree[f.name] = list[0]
		for _, one := range list[1:] {
			text, _ := one.(string)
			more := reflect.ValueOf(r).Elem().FieldByIndex(f.more)
			more.Set(reflect.Append(more, reflect.ValueOf(text)))
		}
	}
	return tree
}

// overlaid returns p with what a kind sets laid over it. "history: null" takes
// an inherited history away.
func (p Policy) overlaid(set map[string]any) (Policy, error) {
	if h, ok := set["history"]; ok && h == nil {
		p.History = nil
	}
	if p.History != nil { // the kind must not write into its route's
		own := *p.History
		p.History = &own
	}
	rate, _ := set["rate"].(map[string]any)
	if rate["limit"] != nil {
		p.Rate.Burst = 0 // it belonged to the limit that the kind replaces
	}
	if err := overlay(&p, set); err != nil {
		return Policy{}, err
	}
	if rate["dead_letter"] == nil && p.Rate.Limit == 0 {
		p.Rate.DeadLetter = "" // it belonged to the limit that the kind takes away
	}
	if _, ok := set["latest_by"]; !ok && p.Slow != SlowLatest {
		p.LatestBy = "" // it belonged to the "slow: latest" that the kind replaced
	}
	return p, nil
}

// settle fills in the defaults that hang on other values.
func (r *Route) settle() {
	gap := OnGapDisconnect
	if r.hasHistory() {
		gap = OnGapNotify
	}
	r.Policy.settle(gap)
	for name, p := range r.Kinds {
		p.settle(r.Policy.OnGap)
		r.Kinds[name] = p
	}
}

func (r *Route) hasHistory() bool {
	if r.Policy.History != nil {
		return true
	}
	for _, p := range r.Kinds {
		if p.History != nil {
			return true
		}
	}
	return false
}

func (p *Policy) settle(gap OnGap) {
	if p.OnGap == "" {
		p.OnGap = gap
	}
	if p.Rate.Burst == 0 && p.Rate.Limit > 0 {
		p.Rate.Burst = int(math.Min(math.Ceil(p.Rate.Limit), math.MaxInt32))
	}
}
