package history

// Which messages are entries.

import (
	"bytes"
	"slices"

	"redis-relay/relay/resp"
)

// announcement is what the messages that follow are. It keeps nothing of the memory
// that the connection is read into.
type announcement struct {
	channel   []byte
	ids       []ID
	at        int // which of them is coming, once for each name that hears it
	publisher []byte
	count     uint64 // of that one
	field     string
	taken     bool
	patterns  []string // that have taken it, too
	fate      fate
}

// fate is what became of the first copy of a message.
type fate uint8

const (
	delivered fate = iota
	kept
)

// clear keeps the memory.
func (a *announcement) clear() {
	*a = announcement{
		channel: a.channel[:0], ids: a.ids[:0], publisher: a.publisher[:0], patterns: a.patterns[:0],
	}
}

// hear notes that the next messages on a channel are entries. It comes once for the channel and once for
// each pattern. What is not an announcement is ignored.
func (a *announcement) hear(channel, text []byte) {
	words := bytes.SplitN(text, []byte{' '}, 4)
	if len(words) < 3 {
		return
	}
	one, _, _ := bytes.Cut(words[0], []byte{','})
	first, err := ParseID(one, 0)
	n, errN := parseUint(words[2])
	if err != nil || errN != nil {
		return
	}
	if len(a.ids) > 0 && a.ids[0] == first && bytes.Equal(a.channel, channel) {
		return
	}
	a.clear()
	for word := range bytes.SplitSeq(words[0], []byte{','}) {
		id, err := ParseID(word, 0)
		if err != nil {
			a.clear()
			return
		}
		a.ids = append(a.ids, id)
	}
	a.channel, a.publisher = append(a.channel, channel...), append(a.publisher, words[1]...)
	a.count, a.field = n, DefaultField
	if len(words) == 4 {
		a.field = string(words[3])
	}
}

// claim tells whether a message is the one announced, and whether it is the first
// copy of it.
func (a *announcement) claim(d *resp.Delivery) (id ID, first bool) {
	if len(a.ids) == 0 || !bytes.Equal(a.channel, d.Channel) {
		a.clear() // its message will not come
		return ID{}, true
	}
	first, ok := a.take(d)
	if !ok && a.next() {
		first, ok = a.take(d)
	}
	if !ok {
		return ID{}, true
	}
	return a.ids[a.at], first
}

// next goes on to the message behind, and reports whether there is one.
func (a *announcement) next() bool {
	if a.at+1 >= len(a.ids) {
		return false
	}
	a.at++
	a.count++
	a.taken, a.patterns, a.fate = false, a.patterns[:0], delivered
	return true
}

// take notes that the message has come for one more name, or reports that it has come
// for that name before.
func (a *announcement) take(d *resp.Delivery) (first, ok bool) {
	first = !a.taken && len(a.patterns) == 0
	if d.Kind == resp.Message {
		ok = !a.taken
		a.taken = true
		return first, ok
	}
	if slices.Contains(a.patterns, string(d.Pattern)) {
		return false, false
	}
	a.patterns = append(a.patterns, string(d.Pattern))
	return first, true
}

// current is the entry that is coming, if there is one.
func (a *announcement) current() (id ID, ok bool) {
	if a.at >= len(a.ids) {
		return ID{}, false
	}
	return a.ids[a.at], true
}

// lacks tells whether one of the names that hear the channel has not got the entry that is coming.
func (a *announcement) lacks(exact bool, patterns []string) bool {
	return exact && !a.taken || slices.ContainsFunc(patterns, func(pattern string) bool {
		return !slices.Contains(a.patterns, pattern)
	})
}
