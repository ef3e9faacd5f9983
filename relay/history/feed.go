package history

// The Feed: between the connection to Redis and the local listeners.

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

const (
	maxHeld   = 32 << 20 // bytes of messages that wait for what came before them, over all channels
	maxRecent = 32 << 20 // bytes of entries kept for readers, over all channels
	maxLinger = 8 << 20  // bytes of channels that nobody reads any more, and that stay for a while
)

// upTo returns a bound, or the room there is if that is less.
func (f *Feed) upTo(bound int64) int { return int(min(bound, f.room.Load())) }

// Gap is what could not be healed.
type Gap struct {
	Channel string // empty with Pattern
	Pattern string // the channels that it matches and that were not heard before
	After   ID     // the last entry that listeners have
	Before  ID     // the next one they get; zero: not known
	Missing int64  // entries between the two; 0: not known
	Entry   ID     // the one that is missing, if it is in the stream
	Size    int64  // of Entry, in bytes
	Cause   string
}

// Listeners is the local side. All methods are called with Feed.mu held.
type Listeners interface {
	// Deliver takes a message that was held or read. Listeners hear it after Flush at
	// the latest.
	Deliver(d *resp.Delivery)
	Flush()
	// Names tells who hears a channel: whether by its name, and by which patterns.
	Names(channel string) (exact bool, patterns []string)
	// Patterns lists the patterns that may match a channel with history.
	Patterns() []string
	// Kept tells how long a stream is kept after its last entry; 0: for ever.
	Kept(channel string) time.Duration
	// Watch subscribes a channel for the Feed itself, and reports whether it is
	// subscribed already; if not, Confirmed follows once it is.
	Watch(channel string) (held bool)
	// Unwatch ends Watch.
	Unwatch(channel string)
	// Room tells how many bytes more of a channel those take who hear it and read, and
	// whether nothing waits for any of them.
	Room(channel string) (bytes int, empty bool)
	// Missed tells of a gap that stays.
	Missed(g Gap)
}

// Feed hands messages of channels with history to local listeners: each entry once,
// in the order of the stream, through every loss of the connection.
type Feed struct {
	// Fixed after construction.
	redis   Redis
	ears    Listeners
	fence   string // where tokens come back
	room    *atomic.Int64
	payload *atomic.Int64
	log     *zap.Logger
	wake    chan struct{} // there is something to ask
	fetch   chan struct{} // there is something to read for readers
	find    chan struct{} // there may be channels that were not heard before

	mu sync.Mutex // Guards what follows.

	channels  map[string]*channel
	parted    map[string]ID // of channels dropped lately, the newest entry that was heard
	announced announcement
	up        bool   // all subscriptions stand
	lost      bool   // they stood, and do not yet stand again
	lives     uint64 // connections that came up, ever
	looking   bool   // patterns may still have missed messages of channels not heard before
	seen      uint64 // time of Redis in ms, of which all that came before has arrived
	lostAt    uint64 // seen, when the connection was lost
	queue     []*channel
	beat      bool       // a token is wanted, also without a question
	batch     []*channel // asked about, until the token has come
	paused    []*channel // behind, and waiting for their listeners
	pacer     *time.Timer
	token     uint64 // the last one sent
	fenced    uint64 // the last one that came back
	passed    chan struct{}
	unfenced  error      // why no token will come back over this connection; nil: it will
	hungry    []*channel // with readers that wait for older entries
	readers   int
	heldBytes int
	keptBytes int
	lingering int // bytes of channels that linger, about

	healed, gaps uint64 // entries handed out after a loss, and gaps told, ever
}

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

// clear keeps the memory.
func (a *announcement) clear() {
	*a = announcement{
		channel: a.channel[:0], ids: a.ids[:0], publisher: a.publisher[:0], patterns: a.patterns[:0],
	}
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

// fate is what became of the first copy of a message.
type fate uint8

const (
	delivered fate = iota
	kept
)

// NewFeed returns a Feed; life tells this run of the relay from all others. room is how
// many bytes may be held, and how many kept for readers, but no more than 32 MiB of each
// are; payload how many a message for listeners may have. Both may change at any time.
// Run does the asking.
func NewFeed(redis Redis, ears Listeners, life string, room, payload *atomic.Int64, log *zap.Logger) *Feed {
	return &Feed{
		redis: redis, ears: ears, fence: FencePrefix + life, room: room, payload: payload, log: log,
		wake: make(chan struct{}, 1), fetch: make(chan struct{}, 1), find: make(chan struct{}, 1),
		passed:   make(chan struct{}, 1),
		channels: map[string]*channel{}, parted: map[string]ID{},
	}
}

// Fence is the channel that must be subscribed for the Feed.
func (f *Feed) Fence() string { return f.fence }

// Control takes a message on one of the relay's own channels, and reports whether
// it was the Feed's.
func (f *Feed) Control(d *resp.Delivery) bool {
	switch {
	case bytes.HasPrefix(d.Channel, []byte(SeqPrefix)):
		f.announce(d)
	case d.Kind == resp.Message && string(d.Channel) == f.fence:
		f.tokenCame(d.Payload)
	default:
		return false
	}
	return true
}

// announce notes that the next messages on a channel are entries. It comes once for
// the channel and once for each pattern.
func (f *Feed) announce(d *resp.Delivery) {
	words := bytes.SplitN(d.Payload, []byte{' '}, 4)
	if len(words) < 3 {
		return
	}
	one, _, _ := bytes.Cut(words[0], []byte{','})
	first, err := ParseID(one, 0)
	n, errN := parseUint(words[2])
	if err != nil || errN != nil {
		return
	}
	channel := d.Channel[len(SeqPrefix):]
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &f.announced
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
func (f *Feed) claim(d *resp.Delivery) (id ID, first bool) {
	a := &f.announced
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

// Hear takes a message, announced or not, on a channel that may have history, and
// reports whether its turn is now: the caller delivers it. Else the Feed does in its
// time, if it has not. Of a message that was too large to be read, d has the names only.
func (f *Feed) Hear(d *resp.Delivery) (now bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, first := f.claim(d)
	d.ID = resp.EntryID(id)
	c := f.channels[string(d.Channel)]
	if f.lost && (c == nil || c.state == behind) {
		// Not every name that hears it is subscribed again, and perhaps not its
		// announcement: entries are read later, the rest lies within the gap that is
		// told when all stands.
		return false
	}
	if c == nil {
		if id.IsZero() && !f.looking {
			return true
		}
		c = f.heardByPattern(string(d.Channel))
	}
	switch {
	case id.IsZero() && d.Frame == nil:
		return true
	case c.state == behind:
	case id.IsZero():
		return true
	case !first:
		if f.announced.fate == delivered {
			return true
		}
	case c.jumped(f.announced.publisher, f.announced.count):
		f.log.Info("entries did not come; reading them", zap.String("channel", c.name))
		f.fallBehind(c)
	default:
		f.pass(c, id, f.announced.field, d.Payload)
		return true
	}
	f.hold(c, id, first, d)
	return false
}

// heardByPattern makes a channel known of which nobody listens to the name.
func (f *Feed) heardByPattern(name string) *channel {
	if f.looking {
		c := f.begin(name, behind, before(f.lostAt))
		f.fallBehind(c)
		return c
	}
	c := f.begin(name, fresh, before(f.seen))
	f.enqueue(c)
	return c
}

// begin makes a channel known, of which listeners have all entries up to one, or
// more: who left and comes again does not get what it has.
func (f *Feed) begin(name string, s state, last ID) *channel {
	if parted := f.parted[name]; parted.After(last) {
		last = parted
	}
	c := newChannel(name, s, last)
	f.channels[name] = c
	delete(f.parted, name)
	return c
}

// pass notes that it is an entry's turn now, and wakes who reads. A payload that was not
// read is nil.
func (f *Feed) pass(c *channel, id ID, field string, payload []byte) {
	if !c.watched || payload == nil {
		f.passEntry(c, Entry{ID: id})
		return
	}
	f.passEntry(c, Entry{ID: id, Fields: [][]byte{[]byte(field), bytes.Clone(payload)}})
}

func (f *Feed) passEntry(c *channel, e Entry) {
	id := e.ID
	if a := &f.announced; a.at < len(a.ids) && a.ids[a.at] == id {
		a.fate = delivered
	}
	c.passed++
	c.fixNewest(id)
	backwards := !id.After(c.last) && c.state == live
	c.last, c.exact = id, true
	if c.state == fresh {
		c.state = live
		c.recent.restart(id.Previous())
	}
	switch {
	case backwards:
		f.forgetRecent(c) // the stream was made anew, and the clock of Redis set back
	case c.watched && e.Fields != nil:
		f.remember(c, e)
	default:
		f.forgetRecent(c)
		f.served(c)
	}
}

// hold keeps a message until what came before it is read.
func (f *Feed) hold(c *channel, id ID, first bool, d *resp.Delivery) {
	f.announced.fate = kept
	switch {
	case d.Frame == nil:
		c.overflow = true
	case f.heldBytes+len(d.Frame) <= f.upTo(maxHeld) && !c.overflow:
		c.held = append(c.held, held{id, f.announced.field, !first, bytes.Clone(d.Frame)})
		f.heldBytes += len(d.Frame)
	case !id.IsZero():
		c.overflow = true
	default:
		c.dropped++
	}
}

// fallBehind holds the messages of a channel from now on.
func (f *Feed) fallBehind(c *channel) {
	c.state, c.counts = behind, nil // who counts goes on while the entries are read
	if f.up {
		f.enqueue(c)
	}
}

func (f *Feed) enqueue(c *channel) {
	if !c.asked {
		c.asked = true
		f.queue = append(f.queue, c)
	}
	signal(f.wake)
}

func (f *Feed) miss(g Gap) {
	f.gaps++
	f.log.Warn("messages are missing", zap.String("channel", g.Channel), zap.String("pattern", g.Pattern),
		zap.Stringer("after", g.After), zap.Stringer("before", g.Before), zap.Int64("missing", g.Missing),
		zap.String("cause", g.Cause))
	f.ears.Missed(g)
}

// Confirmed says that Redis has subscribed a channel with history and its
// announcements.
func (f *Feed) Confirmed(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.announced.clear() // all that was announced has come, and not to who comes now
	c := f.channels[name]
	switch {
	case c == nil:
		_, patterns := f.ears.Names(name)
		if f.looking && len(patterns) > 0 {
			f.heardByPattern(name)
			return
		}
		c = f.begin(name, fresh, before(f.seen))
	case c.state == unheard:
		c.state, c.last = fresh, before(f.seen)
	default:
		return
	}
	f.enqueue(c)
}

// ConfirmedPattern says the same of a pattern that may match channels with history.
func (f *Feed) ConfirmedPattern() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.announced.clear()
	f.beatLocked()
}

// Released says that Redis does not send a channel any more, or that it has no
// history any more.
func (f *Feed) Released(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.channels[name]; c != nil && !f.wanted(c) {
		f.drop(c)
	}
}

// ReleasedPattern says that Redis does not send what a pattern matches any more: channels that only
// it heard end with it. What is known of them would soon not be true.
func (f *Feed) ReleasedPattern(pattern string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		if glob.Match([]byte(pattern), []byte(c.name)) && !f.wanted(c) {
			f.drop(c)
		}
	}
}

// Refused says that Redis will not subscribe a channel or its announcements, so that who
// reads it would wait for ever; or the fence, so that no token comes back.
func (f *Feed) Refused(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name == f.fence {
		f.unfenced = fmt.Errorf("%w: %w", errNoFence, err)
		return
	}
	c := f.channels[name]
	if c == nil || !c.watched {
		return
	}
	for _, w := range slices.Clone(c.waiters) {
		f.endLocked(w.read, nil, err)
	}
	f.unwatch(c)
}

// Forget makes a channel one without history. What was held is handed out; who waits
// in Read gets an error.
func (f *Feed) Forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.channels[name]
	if c == nil {
		return
	}
	f.release(c, ID{}, nil)
	for _, w := range slices.Clone(c.waiters) {
		f.endLocked(w.read, nil, errNoHistory)
	}
	if c.watched {
		f.ears.Unwatch(name)
	}
	f.drop(c)
	f.ears.Flush()
}

var errNoHistory = errors.New("ERR the channel has no history any more")

// wanted tells whether anybody listens to a channel.
func (f *Feed) wanted(c *channel) bool {
	if c.watched {
		return true
	}
	exact, patterns := f.ears.Names(c.name)
	return exact || len(patterns) > 0
}

// drop forgets a channel. What still waits in it nobody wants.
func (f *Feed) drop(c *channel) {
	f.letGo(c)
	f.forgetRecent(c)
	f.linger(c, false)
	c.state = unheard
	c.passBarriers()
	if c.last.After(f.floor()) {
		f.parted[c.name] = c.last
	}
	delete(f.channels, c.name)
}

// floor is an entry that who comes to a channel from now on does not get, nor any before.
func (f *Feed) floor() ID {
	if f.looking {
		return before(f.lostAt)
	}
	return before(f.seen)
}

func (f *Feed) letGo(c *channel) {
	for _, h := range c.held {
		f.heldBytes -= len(h.frame)
	}
	c.held = nil
}

// forgetHeld lets go of what is held: after another loss it does not follow what
// listeners have any more. Entries can be read again; where among them the other messages
// belong nobody knows.
func (f *Feed) forgetHeld(c *channel) {
	for _, h := range c.held {
		if h.id.IsZero() {
			c.dropped++
		}
	}
	f.letGo(c)
}

// Lost says that the connection is gone.
func (f *Feed) Lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up, f.lost, f.unfenced = false, true, nil
	if !f.looking && f.seen > 0 {
		f.looking, f.lostAt = true, f.seen
	}
	f.noteHalf()
	f.announced.clear()
	f.queue, f.batch, f.paused = nil, nil, nil
	for _, c := range f.channels {
		c.asked, c.joined = false, false
		c.counts = nil
		if c.state != unheard {
			c.state = behind
		}
		f.forgetHeld(c)
		c.passBarriers()
	}
	signal(f.passed) // whoever waits for a token will not get it
}

// noteHalf looks at the last entry that came. If the connection ended between its
// copies, the names that have no copy get it when it is read.
func (f *Feed) noteHalf() {
	a := &f.announced
	c := f.channels[string(a.channel)]
	if c == nil || a.at >= len(a.ids) || a.ids[a.at] != c.last || a.fate != delivered {
		return
	}
	exact, patterns := f.ears.Names(c.name)
	lacks := func(pattern string) bool { return !slices.Contains(a.patterns, pattern) }
	if exact && !a.taken || slices.ContainsFunc(patterns, lacks) {
		c.half = half{c.last, a.taken, slices.Clone(a.patterns)}
		c.last = c.last.Previous()
		c.passed--
	}
}

// Up says that all subscriptions stand again.
func (f *Feed) Up() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up, f.lost = true, false
	f.lives++
	f.beatLocked()
	for _, c := range f.channels {
		switch {
		case !f.wanted(c):
			f.drop(c)
		case c.state != unheard:
			f.enqueue(c)
		}
	}
	signal(f.wake)
	if f.looking {
		signal(f.find)
	}
}

// tokenCame takes a token that came back: all that Redis published before it read has
// come, too.
func (f *Feed) tokenCame(payload []byte) {
	number, ms, ok := bytes.Cut(payload, []byte{' '})
	n, err := parseUint(number)
	at, errAt := parseUint(ms)
	if !ok || err != nil || errAt != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n != f.token {
		return
	}
	f.fenced, f.seen = n, at
	if !f.looking {
		maps.DeleteFunc(f.parted, func(_ string, id ID) bool { return id.Ms < at }) // who comes now begins later
	}
	for _, c := range f.batch {
		c.mark = c.passed
	}
	signal(f.passed)
}

// Stats is a snapshot for metrics.
type Stats struct {
	Channels int    // known
	Readers  int    // that wait
	Behind   int    // with entries missing at this moment
	Healed   uint64 // entries handed out after a loss, ever
	Gaps     uint64 // that stayed, ever
	Held     int    // bytes that wait
	Kept     int    // bytes kept for readers, those of channels that linger among them
}

// Stats returns the figures of this moment.
func (f *Feed) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Stats{
		Channels: len(f.channels), Readers: f.readers, Healed: f.healed, Gaps: f.gaps,
		Held: f.heldBytes, Kept: f.keptBytes + f.lingering,
	}
	for _, c := range f.channels {
		if c.state == behind {
			s.Behind++
		}
	}
	return s
}

// signal wakes the receiver of c, if it is not to wake already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func tokenText(n uint64) string { return strconv.FormatUint(n, 10) }
