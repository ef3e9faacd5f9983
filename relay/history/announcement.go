package history

// Announcements: which of the messages that follow are entries.

import (
	"bytes"
	"slices"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// announcement is the entries that the messages behind it are. It keeps nothing of the memory
// that the connection is read into.
type announcement struct {
	channel      []byte
	ids          []stream.ID
	at           int // index of the ID that is coming, in one copy for each name
	publisher    []byte
	count        uint64 // the publisher's count of messages, at that ID
	fields       fields
	exactCame    bool
	patternsCame []string // patterns whose copy came
	fate         fate
}

// fields is what an entry has beside the value of its message.
type fields struct {
	name  string // of the field of the message
	trace string // the value of stream.TraceField; empty: the entry has no such field
}

// with returns the fields of an entry, with a copy of the message.
func (f fields) with(payload []byte) [][]byte {
	list := [][]byte{[]byte(f.name), bytes.Clone(payload)}
	if f.trace != "" {
		list = append(list, []byte(stream.TraceField), []byte(f.trace))
	}
	return list
}

// fate is what became of the first copy of a message.
type fate uint8

const (
	delivered fate = iota
	heldBack
)

// clear forgets the announcement, and keeps its memory.
func (a *announcement) clear() {
	*a = announcement{
		channel: a.channel[:0], ids: a.ids[:0], publisher: a.publisher[:0], patternsCame: a.patternsCame[:0],
	}
}

// announce notes that the next messages on a channel are entries. An announcement comes once for the channel and
// once for each pattern. Other texts are ignored.
func (a *announcement) announce(channel, text []byte) {
	words := bytes.SplitN(text, []byte{' '}, 5)
	if len(words) < 3 {
		return
	}
	one, _, _ := bytes.Cut(words[0], []byte{','})
	first, err := stream.ParseID(one, 0)
	n, errN := stream.ParseUint(words[2])
	if err != nil || errN != nil {
		return
	}
	if len(a.ids) > 0 && a.ids[0] == first && bytes.Equal(a.channel, channel) {
		return
	}
	a.clear()
	for word := range bytes.SplitSeq(words[0], []byte{','}) {
		id, err := stream.ParseID(word, 0)
		if err != nil {
			a.clear()
			return
		}
		a.ids = append(a.ids, id)
	}
	a.channel, a.publisher = append(a.channel, channel...), append(a.publisher, words[1]...)
	a.count, a.fields.name = n, stream.DefaultField
	if len(words) > 3 {
		a.fields.name = string(words[3])
	}
	if len(words) > 4 && stream.MayBeTrace(words[4]) {
		a.fields.trace = string(words[4])
	}
}

// match tells whether a message is the announced one, and whether it is the first
// copy of it.
func (a *announcement) match(d *resp.Delivery) (id stream.ID, first bool) {
	if len(a.ids) == 0 || !bytes.Equal(a.channel, d.Channel) {
		a.clear() // its messages will not come
		return stream.ID{}, true
	}
	first, ok := a.markCopy(d)
	if !ok && a.next() {
		first, ok = a.markCopy(d)
	}
	if !ok {
		return stream.ID{}, true
	}
	return a.ids[a.at], first
}

// next goes on to the next announced message, and reports whether there is one.
func (a *announcement) next() bool {
	if a.at+1 >= len(a.ids) {
		return false
	}
	a.at++
	a.count++
	a.exactCame, a.patternsCame, a.fate = false, a.patternsCame[:0], delivered
	return true
}

// markCopy notes the copy for one more name. ok is false if that copy has come
// before.
func (a *announcement) markCopy(d *resp.Delivery) (first, ok bool) {
	first = !a.exactCame && len(a.patternsCame) == 0
	if d.Kind == resp.Message {
		ok = !a.exactCame
		a.exactCame = true
		return first, ok
	}
	if slices.Contains(a.patternsCame, string(d.Pattern)) {
		return false, false
	}
	a.patternsCame = append(a.patternsCame, string(d.Pattern))
	return first, true
}

// current is the entry that is coming, if there is one.
func (a *announcement) current() (id stream.ID, ok bool) {
	if a.at >= len(a.ids) {
		return stream.ID{}, false
	}
	return a.ids[a.at], true
}

// lacks tells whether the copy for one of these names has not come.
func (a *announcement) lacks(exact bool, patterns []string) bool {
	return exact && !a.exactCame || slices.ContainsFunc(patterns, func(pattern string) bool {
		return !slices.Contains(a.patternsCame, pattern)
	})
}
