package account

// What one listener heard, and what it was told.

import "math"

// open is the end of a stay that has not ended.
const open = math.MaxInt64

// Stay is one subscription of a listener to a channel: all that is published from
// From to To must be heard, and from Asked to Gone it may be.
type Stay struct {
	Channel int
	Relay   int   // the process that served it
	Asked   int64 // before the listener asked for it
	From    int64 // when the listener had its confirmation
	To      int64 // when the listener asked for its end, or saw the end of the connection
	Gone    int64 // when the listener had the confirmation of that
	Newest  int64 // when the newest message that it heard was sent, or Asked
	Blind   int64 // nanoseconds for which the listener did not read
	Cut     bool  // the connection ended, and the subscription with it
}

// Gap is a time in which messages may have been lost, as the listener was told.
type Gap struct {
	Since, Until int64
	Covers       func(ID) bool
}

// Ear is the record of one listener. It is owned by the listener's goroutine.
type Ear struct {
	Name  string
	Early bool // messages may come before the confirmation
	Stays []Stay
	Gaps  []Gap

	Heard  int // messages
	Faults Faults

	publishers, channels int
	has                  [][]uint64 // by publisher and channel, a bit for each message
	next                 []int      // and the number that may come next
	late                 []ID       // came behind a later one
	current              []int      // by channel, the stay that lasts, or -1
}

// NewEar returns the record of a listener that has heard nothing.
func NewEar(name string, publishers, channels int) *Ear {
	e := &Ear{
		Name: name, publishers: publishers, channels: channels,
		has:     make([][]uint64, publishers*channels),
		next:    make([]int, publishers*channels),
		current: make([]int, channels),
	}
	for c := range e.current {
		e.current[c] = -1
	}
	return e
}

// Ask notes that the listener is about to subscribe at a relay.
func (e *Ear) Ask(channel, relay int, at int64) {
	e.current[channel] = len(e.Stays)
	e.Stays = append(e.Stays, Stay{
		Channel: channel, Relay: relay, Asked: at, From: open, To: open, Gone: open, Newest: at,
	})
}

// Join notes that the subscription is confirmed.
func (e *Ear) Join(channel int, at int64) { e.with(channel, func(s *Stay) { s.From = at }) }

// Leave notes that the listener is about to end the subscription.
func (e *Ear) Leave(channel int, at int64) { e.with(channel, func(s *Stay) { s.To = at }) }

// End notes that the subscription has ended.
func (e *Ear) End(channel int, at int64) {
	e.with(channel, func(s *Stay) { s.To, s.Gone = min(s.To, at), at })
	e.current[channel] = -1
}

// EndAll notes that the connection has ended.
func (e *Ear) EndAll(at int64) {
	for c := range e.current {
		e.with(c, func(s *Stay) { s.Cut = true })
		e.End(c, at)
	}
}

// with changes the stay on a channel, if there is one.
func (e *Ear) with(channel int, f func(*Stay)) {
	if i := e.current[channel]; i >= 0 {
		f(&e.Stays[i])
	}
}

// Subscribed tells whether the listener may hear a channel now.
func (e *Ear) Subscribed(channel int) bool {
	i := e.current[channel]
	return i >= 0 && e.Stays[i].From != open
}

// Slept notes that the listener did not read for a while.
func (e *Ear) Slept(ns int64) {
	for _, i := range e.current {
		if i >= 0 {
			e.Stays[i].Blind += ns
		}
	}
}

// Told notes a gap that the listener was told of.
func (e *Ear) Told(g Gap) { e.Gaps = append(e.Gaps, g) }

// Hear notes a message that came on a channel.
func (e *Ear) Hear(channel int, payload []byte) (ID, error) {
	id, sent, err := ParsePayload(payload)
	if err != nil || id.Publisher >= e.publishers {
		e.Faults.Add("channel %d: heard %.80q: %v", channel, payload, ErrPayload)
		return id, ErrPayload
	}
	if id.Channel != channel {
		e.Faults.Add("%v came on channel %d", id, channel)
		return id, ErrPayload
	}
	e.Heard++
	if !e.Subscribed(channel) && (!e.Early || e.current[channel] < 0) {
		e.Faults.Add("%v came, and the channel is not subscribed", id)
	}
	e.mark(id, sent)
	e.with(channel, func(s *Stay) { s.Newest = max(s.Newest, sent) })
	return id, nil
}

// mark notes a message, and whether it has come already or behind a later one.
func (e *Ear) mark(id ID, sent int64) {
	stream := id.Publisher*e.channels + id.Channel
	word, bit := id.Number/64, uint64(1)<<(id.Number%64)
	for len(e.has[stream]) <= word {
		e.has[stream] = append(e.has[stream], 0)
	}
	switch {
	case e.has[stream][word]&bit != 0:
		e.Faults.Add("%v, sent at %s, came twice", id, clock(sent))
	case id.Number < e.next[stream]:
		e.late = append(e.late, id)
	default:
		e.next[stream] = id.Number + 1
	}
	e.has[stream][word] |= bit
}

// heard tells whether a message has come.
func (e *Ear) heard(id ID) bool {
	bits := e.has[id.Publisher*e.channels+id.Channel]
	word := id.Number / 64
	return word < len(bits) && bits[word]&(1<<(id.Number%64)) != 0
}
