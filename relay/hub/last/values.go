package last

// The messages, and their memory.

import "container/list"

// Message is a message, as far as it is kept.
type Message struct {
	Payload []byte
	Kind    []byte // nil: none
	Key     []byte // of which a slow listener gets the newest message; nil: none
}

// size is the bytes of all parts.
func (m *Message) size() int { return len(m.Payload) + len(m.Kind) + len(m.Key) }

// Values is the newest messages of channels.
type Values struct {
	room func() int // bytes that all may take; fixed after construction

	byChannel map[string]*list.Element
	recent    list.List // of *value: the one that was used last is first
	bytes     int
	evicted   uint64
}

// Stats is a snapshot for metrics.
type Stats struct {
	Channels int    // of which a message is kept
	Bytes    int    // that they take, about
	Evicted  uint64 // messages that were let go because there was no room, ever
}

// New returns an empty Values. room returns how many bytes all messages may take, and may return another number each
// time.
func New(room func() int) *Values {
	return &Values{room: room, byChannel: map[string]*list.Element{}}
}

// Stats returns the figures of this moment.
func (v *Values) Stats() Stats {
	return Stats{Channels: len(v.byChannel), Bytes: v.bytes, Evicted: v.evicted}
}

// Keep keeps a copy of a message as the newest of its channel. One that has no room even alone is not kept: then
// nothing of the channel is.
func (v *Values) Keep(channel []byte, m Message) {
	if overhead+len(channel)+m.size() > v.room() {
		v.Forget(string(channel))
		v.evicted++
		return
	}
	e := v.byChannel[string(channel)]
	if e == nil {
		one := &value{channel: string(channel)}
		e = v.recent.PushFront(one)
		v.byChannel[one.channel] = e
	} else {
		v.recent.MoveToFront(e)
		v.bytes -= e.Value.(*value).size()
	}
	one := e.Value.(*value)
	one.set(m)
	v.bytes += one.size()
	v.makeRoom()
}

// makeRoom lets messages go until the others have room.
func (v *Values) makeRoom() {
	room := v.room()
	for v.bytes > room {
		v.remove(v.recent.Back())
		v.evicted++
	}
}

// Find returns the newest message of a channel, if it is known. It is valid until the next call of Keep.
func (v *Values) Find(channel string) (m Message, known bool) {
	e := v.byChannel[channel]
	if e == nil {
		return Message{}, false
	}
	v.recent.MoveToFront(e)
	return e.Value.(*value).message(), true
}

// Knows reports whether the newest message of a channel is known.
func (v *Values) Knows(channel string) bool { return v.byChannel[channel] != nil }

// Forget forgets the message of a channel, if it is known.
func (v *Values) Forget(channel string) {
	if e := v.byChannel[channel]; e != nil {
		v.remove(e)
	}
}

// ForgetWhere forgets the messages of the channels for which match returns true.
func (v *Values) ForgetWhere(match func(channel string) bool) {
	for channel, e := range v.byChannel {
		if match(channel) {
			v.remove(e)
		}
	}
}

func (v *Values) remove(e *list.Element) {
	one := v.recent.Remove(e).(*value)
	v.bytes -= one.size()
	delete(v.byChannel, one.channel)
}

// value is the message of one channel.
type value struct {
	channel string
	memory  []byte // payload, kind and key, one behind the other
	payload int    // bytes
	kind    int    // bytes; -1: there is none
	key     int    // bytes; -1: there is none
}

const (
	overhead = 256      // bytes that a channel takes beside its name and its memory, about
	wasteful = 16 << 10 // bytes of memory of which most are not used any more
)

// set makes a message the value.
func (v *value) set(m Message) {
	n := m.size()
	if c := cap(v.memory); v.memory == nil || c < n || c > wasteful && c > 4*n {
		v.memory = make([]byte, 0, n)
	}
	v.memory = append(append(append(v.memory[:0], m.Payload...), m.Kind...), m.Key...)
	v.payload, v.kind, v.key = len(m.Payload), lengthOf(m.Kind), lengthOf(m.Key)
}

func lengthOf(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

// message returns the value.
func (v *value) message() (m Message) {
	rest := v.memory
	take := func(n int) (b []byte) {
		if n < 0 {
			return nil
		}
		b, rest = rest[:n:n], rest[n:]
		return b
	}
	return Message{Payload: take(v.payload), Kind: take(v.kind), Key: take(v.key)}
}

// size is the bytes that the value takes, about.
func (v *value) size() int { return overhead + len(v.channel) + cap(v.memory) }
