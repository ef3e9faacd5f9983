package account

// Listeners: they subscribe, read or do not, and come back. What they say to the relay
// is a line's affair.

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	listenerTry = 20 * time.Millisecond
	patience    = time.Minute // for the next message; there is always one before
	eventsName  = "relay:events"
	held        = 30 * time.Second // and more a message does not wait for others in the relay
)

// line is a listener's connection, through one of the relay's doors. Close and drain
// may be called from anywhere, the rest belongs to the listener.
type line interface {
	// greet says who is there, and has gaps told if the listener is to hear of them.
	greet() error
	subscribe(names ...string) error
	unsubscribe(name string) error
	// next takes what comes next.
	next() error
	// flood sends commands without reading what is answered.
	flood() error
	// drain asks the relay for what sets listener.drained.
	drain()
	Close()
}

// order is something that a listener does beside reading.
type order func(l *listener, c line) error

// listener is one local process that listens at a relay.
type listener struct {
	// Fixed after construction.
	*crowd
	run    *run
	proto  int
	orders chan order

	stopped atomic.Bool
	there   atomic.Bool // it has once been subscribed to all
	drained atomic.Bool // it has read all that was sent before a drain
	conn    atomic.Pointer[line]

	// Owned by listen.
	ear       *Ear
	process   int               // of the relay
	away      bool              // it has unsubscribed a name
	positions map[string]string // of a reader: the last ID of each stream
}

// crowd is the listeners of one part at one relay, and knows how far they are.
type crowd struct {
	// Fixed after construction.
	part     *part
	relay    *relay
	accounts []*Account

	mu   sync.Mutex  // Guards what follows.
	last map[int]int // by channel: the number of the last message of the closing publisher
}

// heard notes a message of the closing publisher.
func (c *crowd) heard(id ID) {
	if id.Publisher == closer {
		c.mu.Lock()
		c.last[id.Channel] = max(c.last[id.Channel], id.Number)
		c.mu.Unlock()
	}
}

// missing lists the channels whose closing message has not come.
func (c *crowd) missing(closing []int) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.part.names {
		for _, i := range covers(c.part.command, name) {
			if last, ok := c.last[i]; !ok || last < closing[i] {
				list = append(list, channels[i].name)
			}
		}
	}
	return list
}

// listen connects again and again until it is stopped.
func (l *listener) listen() {
	for !l.stopped.Load() {
		c, err := l.dial()
		if err != nil {
			time.Sleep(listenerTry)
			continue
		}
		l.conn.Store(&c)
		err = l.attend(c)
		if l.part.command != reading && !l.stopped.Load() { // else nothing is on its way any more
			l.ear.EndAll(time.Now().UnixNano())
		}
		c.Close()
		if err != nil {
			time.Sleep(listenerTry)
		}
	}
}

// dial connects at the part's door.
func (l *listener) dial() (line, error) {
	if l.part.command == onNATS {
		return dialNATSLine(l)
	}
	return dialSocketLine(l)
}

// stop ends listen.
func (l *listener) stop() {
	l.stopped.Store(true)
	l.kill()
}

// kill closes the connection there is.
func (l *listener) kill() {
	if c := l.conn.Load(); c != nil {
		(*c).Close()
	}
}

// drain asks the listener's relay for what sets drained, again if the connection is
// another by now.
func (l *listener) drain() {
	if c := l.conn.Load(); c != nil {
		(*c).drain()
	}
}

// attend is one connection.
func (l *listener) attend(c line) error {
	l.away = false
	err := c.greet()
	if err == nil {
		err = l.subscribe(c, l.part.names...)
	}
	for err == nil && !l.stopped.Load() {
		err = c.next()
		select {
		case do := <-l.orders:
			err = errors.Join(err, do(l, c))
		default:
		}
	}
	return err
}

// wantsGaps tells whether a listener hears of gaps by relay:events.
func (l *listener) wantsGaps() bool {
	return l.part.isNotified() && !l.run.plan.calm // else events that find no room are drops, too
}

func (l *listener) subscribe(c line, names ...string) error {
	if l.part.command != reading {
		at := time.Now().UnixNano()
		for _, name := range names {
			for _, i := range covers(l.part.command, name) {
				l.ear.Ask(i, l.process, at)
			}
		}
	}
	return c.subscribe(names...)
}

// message takes a message.
func (l *listener) message(name string, payload []byte) {
	if name == eventsName {
		l.event(payload)
		return
	}
	i, known := indexOf[name]
	if !known {
		l.ear.Faults.Add("heard %q, which it does not listen to", name)
		return
	}
	if id, err := l.ear.Hear(i, payload); err == nil {
		l.heard(id)
	}
}

// event takes an event of the relay.
func (l *listener) event(payload []byte) {
	var e struct {
		Event              string
		Time, Since, Until time.Time
		Prefixes           []string
		Channel, Cause     string
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		l.ear.Faults.Add("event %q: %v", payload, err)
		return
	}
	switch {
	case e.Event != "gap":
	case e.Channel == "": // what has history is healed
		l.ear.Told(Gap{
			Since: e.Since.UnixNano(), Until: e.Until.UnixNano(),
			Covers: func(id ID) bool {
				prefix := channels[id.Channel].prefix()
				return !isKept(id) &&
					(slices.Contains(e.Prefixes, prefix) || prefix == "x:" && slices.Contains(e.Prefixes, ""))
			},
		})
	case strings.Contains(e.Cause, "take long to check"):
		channel := indexOf[e.Channel]
		l.ear.Told(Gap{
			Since: e.Since.Add(-held).UnixNano(), Until: e.Until.UnixNano(),
			Covers: func(id ID) bool { return id.Channel == channel },
		})
	case strings.Contains(e.Cause, "before it was known where the stream stood"):
		channel := indexOf[e.Channel]
		l.ear.Told(Gap{Until: e.Time.UnixNano(), Covers: func(id ID) bool { return id.Channel == channel && isKept(id) }})
	case strings.Contains(e.Cause, "messages without history were let go"):
		channel := indexOf[e.Channel]
		l.ear.Told(Gap{
			Since: e.Time.Add(-held).UnixNano(), Until: e.Time.UnixNano(),
			Covers: func(id ID) bool { return id.Channel == channel && !isKept(id) },
		})
	default:
		l.run.report("%s: a channel with history was not healed, though its stream has all: %s", l.ear.Name, payload)
	}
}

// joined notes that a subscription is confirmed.
func (l *listener) joined(name string) {
	at := time.Now().UnixNano()
	for _, i := range covers(l.part.command, name) {
		l.ear.Join(i, at)
	}
	l.there.Store(name == l.part.names[len(l.part.names)-1] || l.there.Load())
}

// left notes that the end of a subscription is confirmed, and subscribes again.
func (l *listener) left(c line, name string) error {
	at := time.Now().UnixNano()
	for _, i := range covers(l.part.command, name) {
		l.ear.End(i, at)
	}
	l.away = false
	return l.subscribe(c, name)
}

// drainText comes back behind all that was queued for a listener.
const drainText = "drain"

// stall has a listener not read for a while.
func stall(d time.Duration) order {
	return func(l *listener, _ line) error {
		time.Sleep(d)
		l.ear.Slept(int64(d))
		return nil
	}
}

// churn has a listener unsubscribe a name; left subscribes it again.
func churn(random int) order {
	return func(l *listener, c line) error {
		name := l.part.names[random%len(l.part.names)]
		list := covers(l.part.command, name)
		if l.away || !l.ear.Subscribed(list[0]) {
			return nil
		}
		l.away = true
		at := time.Now().UnixNano()
		for _, i := range list {
			l.ear.Leave(i, at)
		}
		return c.unsubscribe(name)
	}
}

// flood has a listener send commands without reading what is answered.
func flood(l *listener, c line) error {
	began := time.Now()
	defer func() { l.ear.Slept(int64(time.Since(began))) }()
	return c.flood()
}

// floodBlocks times floodBlock is what a flood sends.
const floodBlocks = 100

var floodBlock = []byte(strings.Repeat("PING\r\n", 4000))
