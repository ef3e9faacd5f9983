package relay

// By which names Redis was asked for what the hub wants.

import (
	"redis-relay/relay/history"
	"redis-relay/relay/names"
	"redis-relay/relay/resp"
)

// patternMark begins the channels by which relays with redis.prefix show each other their patterns. Redis cannot count
// those of one prefix: its NUMPAT is of all its clients. The pattern follows.
const patternMark = "relay:pattern:"

// wires is the names at Redis. It belongs to the loop.
type wires struct {
	names *names.Map // by which names were asked for; a reload changes it: see interest.rename

	added    map[wired]int  // the patterns that were asked for, each with the number of the command
	uses     map[string]int // of patterns at Redis: for how many of added each was asked for
	byText   names.Index    // of uses
	patterns int            // of the hub, in added
	command  int            // number of the last command
}

// wired is a pattern of the hub, or its announcements: own is as in names.Map.
type wired struct{ own, pattern string }

// untold stands for the number of a command from before a reload that has brought the first names.Map: until then,
// numbers are not kept.
const untold = 0

// add appends what Redis is to be asked for so that a name of the hub comes; own is as in names.Map.
func (w *wires) add(list []string, kind resp.Kind, own, name string) []string {
	switch {
	case w.names == nil:
		return append(list, own+name)
	case kind != resp.PMessage:
		return append(list, w.names.Of(own, name))
	}
	patterns := w.names.Patterns(own, name)
	w.note(wired{own, name}, patterns)
	return append(list, patterns...)
}

// note notes that a pattern was asked for.
func (w *wires) note(p wired, patterns []string) {
	if w.added == nil {
		w.added, w.uses, w.byText = map[wired]int{}, map[string]int{}, names.NewIndex()
	}
	_, again := w.added[p]
	w.added[p] = w.command
	if again {
		return
	}
	if p.own == "" {
		w.patterns++
	}
	for _, wire := range patterns {
		if w.uses[wire]++; w.uses[wire] == 1 {
			w.byText.Add(wire, struct{}{})
		}
	}
}

// remove appends what Redis is not to be asked for any more when a name is let go. That is nothing if a pattern was
// removed already.
func (w *wires) remove(list []string, kind resp.Kind, own, name string) []string {
	switch {
	case w.names == nil:
		return append(list, own+name)
	case kind != resp.PMessage:
		return append(list, w.names.Of(own, name))
	}
	p := wired{own, name}
	if _, has := w.added[p]; !has {
		return list
	}
	delete(w.added, p)
	if own == "" {
		w.patterns--
	}
	for _, wire := range w.names.Patterns(own, name) {
		if w.uses[wire]--; w.uses[wire] == 0 {
			delete(w.uses, wire)
			w.byText.Remove(wire)
			list = append(list, wire)
		}
	}
	return list
}

// refused notes that Redis has refused the command with a number, and returns the patterns of it that are not asked for
// any more. Those that were asked for again since are; those that were let go since had gone already.
func (w *wires) refused(command int, kind resp.Kind, own string, names []string) (gone []string) {
	for _, name := range names {
		last, has := w.added[wired{own, name}]
		if kind == resp.PMessage && has && (last == command || last == untold) {
			w.remove(nil, kind, own, name)
			gone = append(gone, name)
		}
	}
	return gone
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
	for range w.byText.Matching(wire) {
		n++
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
func (w *wires) lost() {
	w.added, w.uses, w.byText, w.patterns = nil, nil, names.Index{}, 0
}

// seq is the channels on which messages of a channel are announced.
const seq = history.SeqPrefix
