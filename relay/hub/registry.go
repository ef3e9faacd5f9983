package hub

// The names that are wanted on this host, and how many listeners each has.

import (
	"time"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// registry holds the topics. Everything belongs to the loop.
type registry struct {
	// Fixed after construction.
	up      Upstream
	isLocal func(name string) bool // names that this relay serves itself: Redis is never asked for them
	start   time.Time              // when the registry was made

	topics   [resp.Kinds]map[string]*topic
	patterns glob.Index[*topic] // topics[resp.PMessage] by the channels that they match
	active   [resp.Kinds]int    // active subscriptions of listeners, over all topics
}

func newRegistry(up Upstream, isLocal func(name string) bool) registry {
	r := registry{up: up, isLocal: isLocal, start: time.Now(), patterns: glob.NewIndex[*topic]()}
	for k := range r.topics {
		r.topics[k] = map[string]*topic{}
	}
	return r
}

// topic finds a topic or makes it.
func (r *registry) topic(kind resp.Kind, name string) *topic {
	t := r.topics[kind][name]
	if t == nil {
		t = &topic{local: r.isLocal(name), made: int32(time.Since(r.start) / time.Second)}
		r.topics[kind][name] = t
		if kind == resp.PMessage {
			r.patterns.Add(name, t)
		}
	}
	return t
}

// forgetUnused forgets a topic if nobody wants it, nobody listens, and Redis has ended it.
func (r *registry) forgetUnused(kind resp.Kind, name string, t *topic) {
	if t.wanted > 0 || t.unanswered > 0 || len(t.listeners) > 0 || t.interestOnly != 0 {
		return
	}
	if !t.local {
		r.up.Released(kind, name)
	}
	delete(r.topics[kind], name)
	if kind == resp.PMessage {
		r.patterns.Remove(name)
	}
}

func (r *registry) forgetAllUnused(kind resp.Kind, names []string) {
	for _, name := range names {
		if t := r.topics[kind][name]; t != nil {
			r.forgetUnused(kind, name, t)
		}
	}
}

// addWanted counts subscriptions of l that begin. It returns the names that Redis must be asked for, and whether
// all names are local.
func (r *registry) addWanted(l *Listener, kind resp.Kind, names []string) (ask []string, local bool) {
	local = true
	for _, name := range names {
		t := r.topic(kind, name)
		t.addWanted(l, 1)
		local = local && t.local
		if !t.local && !t.requested {
			ask = append(ask, name)
		}
	}
	return ask, local
}

// wouldAsk reports whether addWanted would have Redis asked for a name.
func (r *registry) wouldAsk(kind resp.Kind, name string) bool {
	t := r.topics[kind][name]
	return (t == nil || !t.requested) && !r.isLocal(name)
}

// removeWanted counts subscriptions of l that end. It returns the names that nobody wants any more and that
// Redis must unsubscribe, and the names that are local.
func (r *registry) removeWanted(l *Listener, kind resp.Kind, names []string) (unwanted, local []string) {
	for _, name := range names {
		t := r.topics[kind][name]
		t.addWanted(l, -1)
		switch {
		case t.local:
			local = append(local, name)
		case t.wanted == 0 && t.requested:
			t.requested = false
			unwanted = append(unwanted, name)
		}
	}
	return unwanted, local
}

// addListener makes l a listener of a name, if that is not forgotten.
func (r *registry) addListener(l *Listener, kind resp.Kind, name string) {
	if t := r.topics[kind][name]; t != nil {
		r.active[kind] += t.add(l)
	}
}

// removeListener removes l from the listeners of names.
func (r *registry) removeListener(l *Listener, kind resp.Kind, names []string) {
	for _, name := range names {
		if t := r.topics[kind][name]; t != nil {
			r.active[kind] -= t.remove(l)
			r.forgetUnused(kind, name, t)
		}
	}
}

// Audience counts the receivers on this host of a message that is sent to Redis now: the listeners, one for each
// subscription that matches channel, and the subscriptions of this relay that Redis will count.
func (r *registry) Audience(kind resp.Kind, channel []byte) (listeners, upstream int) {
	if t := r.topics[kind][string(channel)]; t != nil {
		listeners, upstream = t.counts()
	}
	if kind == resp.Message {
		for _, t := range r.patterns.Matching(channel) {
			l, u := t.counts()
			listeners, upstream = listeners+l, upstream+u
		}
	}
	return listeners, upstream
}

// Listeners counts the listeners of one name. requested is 1 if Redis counts this relay among its subscribers
// when it carries out what is sent to it now; confirmed is 1 if it did when it sent what comes from it now.
func (r *registry) Listeners(kind resp.Kind, name []byte) (listeners, requested, confirmed int) {
	t := r.topics[kind][string(name)]
	if t == nil {
		return 0, 0, 0
	}
	listeners, requested = t.counts()
	if t.confirmed {
		confirmed = 1
	}
	return listeners, requested, confirmed
}

// HasListeners reports whether a message to a name would be dispatched to anybody now.
func (r *registry) HasListeners(kind resp.Kind, name []byte) bool {
	t := r.topics[kind][string(name)]
	return t != nil && len(t.listeners) > 0
}

// IsAsked reports whether commands that subscribe or unsubscribe a name are unanswered: what is known by what has come
// so far may not hold when they are answered.
func (r *registry) IsAsked(kind resp.Kind, name string) bool {
	t := r.topics[kind][name]
	return t != nil && t.unanswered > 0
}

// Subscribers tells how the messages of a channel are received: whether anybody is subscribed to the channel
// itself, and by which patterns.
func (r *registry) Subscribers(channel []byte) (exact bool, patterns []string) {
	if t := r.topics[resp.Message][string(channel)]; t != nil {
		exact = t.hasListeners()
	}
	for name, t := range r.patterns.Matching(channel) {
		if t.hasListeners() {
			patterns = append(patterns, name)
		}
	}
	return exact, patterns
}

// IsSent tells whether Redis sends a channel, by its name or by a pattern, as far as it has confirmed.
func (r *registry) IsSent(channel []byte) bool {
	if t := r.topics[resp.Message][string(channel)]; t != nil && t.confirmed {
		return true
	}
	for _, t := range r.patterns.Matching(channel) {
		if t.confirmed {
			return true
		}
	}
	return false
}

// HeardFor returns for how long a channel has been wanted on this host, by its name or by a pattern; 0: it is not.
func (r *registry) HeardFor(channel []byte) (d time.Duration) {
	age := time.Since(r.start)
	for _, kind := range [...]resp.Kind{resp.Message, resp.SMessage} {
		if t := r.topics[kind][string(channel)]; t != nil {
			d = max(d, age-time.Duration(t.made)*time.Second)
		}
	}
	for _, t := range r.patterns.Matching(channel) {
		d = max(d, age-time.Duration(t.made)*time.Second)
	}
	return d
}

// Names lists the names of a kind that anybody is subscribed to.
func (r *registry) Names(kind resp.Kind) (names []string) {
	for name, t := range r.topics[kind] {
		if t.hasListeners() {
			names = append(names, name)
		}
	}
	return names
}

// Requested lists the names of a kind that Redis was asked for over this connection.
func (r *registry) Requested(kind resp.Kind) (names []string) {
	for name, t := range r.topics[kind] {
		if t.requested && !t.local {
			names = append(names, name)
		}
	}
	return names
}

// Confirmed tells whether Redis has confirmed all names that are wanted. If not, it returns how many are missing,
// and one of them as an example.
func (r *registry) Confirmed() (all bool, kind resp.Kind, example string, missing int) {
	for k := range r.topics {
		for name, t := range r.topics[k] {
			if t.wanted > 0 && !t.local && !t.confirmed && t.refused == nil {
				kind, example, missing = resp.Kind(k), name, missing+1
			}
		}
	}
	return missing == 0, kind, example, missing
}
