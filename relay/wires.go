package relay

// By which names Redis was asked for what the hub wants.

import (
	"redis-relay/relay/history"
	"redis-relay/relay/names"
	"redis-relay/relay/resp"
)

// patternMark begins the channels by which relays with redis.prefix show each other their patterns: Redis counts only
// those of everybody. A pattern follows.
const patternMark = "relay:pattern:"

// wires is the names at Redis. It belongs to the loop.
type wires struct {
	names *names.Map // by which names were asked for; a reload changes it: see interest.rename

	uses     map[string]int // of patterns at Redis: for how many names of the hub, and announcements, each was asked for
	patterns int            // of the hub
}

// add appends what Redis is to be asked for so that a name of the hub comes; own is as in names.Map.
func (w *wires) add(list []string, kind resp.Kind, own, name string) []string {
	switch {
	case w.names == nil:
		return append(list, own+name)
	case kind != resp.PMessage:
		return append(list, w.names.Of(own, name))
	}
	if w.uses == nil {
		w.uses = map[string]int{}
	}
	if own == "" {
		w.patterns++
	}
	for _, p := range w.names.Patterns(own, name) {
		w.uses[p]++
		list = append(list, p)
	}
	return list
}

// remove appends what Redis is not to be asked for any more when a name is let go.
func (w *wires) remove(list []string, kind resp.Kind, own, name string) []string {
	switch {
	case w.names == nil:
		return append(list, own+name)
	case kind != resp.PMessage:
		return append(list, w.names.Of(own, name))
	}
	if own == "" {
		w.patterns--
	}
	for _, p := range w.names.Patterns(own, name) {
		if w.uses[p]--; w.uses[p] <= 0 {
			delete(w.uses, p)
			list = append(list, p)
		}
	}
	return list
}

// of lists the names at Redis of one name of the hub.
func (w *wires) of(kind resp.Kind, own, name string) []string {
	if kind == resp.PMessage {
		return w.names.Patterns(own, name)
	}
	return []string{w.names.Of(own, name)}
}

// matching counts the patterns that Redis has of this relay and that match a name at Redis.
func (w *wires) matching(wire []byte) (n int) {
	for p := range w.uses {
		if names.Match([]byte(p), wire) {
			n++
		}
	}
	return n
}

// hidden counts the patterns at Redis that are none of the hub's, given how many have announcements.
func (w *wires) hidden(announced int) int {
	if w.names == nil {
		return announced
	}
	return len(w.uses) - w.patterns
}

// marks lists the channels that show patterns to the other relays with the same prefix.
func (w *wires) marks(patterns []string) (list []string) {
	for _, p := range patterns {
		list = append(list, w.names.Own(patternMark+p))
	}
	return list
}

// lost forgets what Redis had.
func (w *wires) lost() { w.uses, w.patterns = nil, 0 }

// seq is the channels on which messages of a channel are announced.
const seq = history.SeqPrefix
