package account

// Listeners: they subscribe, read or do not, and come back.

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay/redistest"
)

const (
	listenerTry = 20 * time.Millisecond
	patience    = time.Minute // for the next message; there is always one before
	eventsName  = "relay:events"
)

// order is something that a listener does beside reading.
type order func(l *listener, c *redistest.Client) error

// listener is one local process that listens at a relay.
type listener struct {
	// Fixed after construction.
	run    *run
	relay  *relay
	part   *part
	proto  int
	crowd  *crowd
	orders chan order

	stopped atomic.Bool
	there   atomic.Bool // it has once been subscribed to all
	drained atomic.Bool // it has read all that was sent before a drain
	conn    atomic.Pointer[redistest.Client]

	// Owned by listen.
	ear       *Ear
	process   int               // of the relay
	away      bool              // it has unsubscribed a name
	positions map[string]string // of a reader: the last ID of each stream
}

// crowd knows how far the listeners of one account are.
type crowd struct {
	account *Account

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
func (c *crowd) missing(closing []int, listeners *part) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range listeners.names {
		for _, i := range covers(listeners.command, name) {
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
		c, err := redistest.Open("unix", l.relay.socket())
		if err != nil {
			time.Sleep(listenerTry)
			continue
		}
		c.SetTimeout(patience)
		l.conn.Store(c)
		if l.part.command == "XREAD" {
			err = l.follow(c)
		} else {
			err = l.attend(c)
			if !l.stopped.Load() { // else nothing is on its way any more
				l.ear.EndAll(time.Now().UnixNano())
			}
		}
		c.Close()
		if err != nil {
			time.Sleep(listenerTry)
		}
	}
}

// stop ends listen.
func (l *listener) stop() {
	l.stopped.Store(true)
	l.kill()
}

// kill closes the connection there is.
func (l *listener) kill() {
	if c := l.conn.Load(); c != nil {
		c.Close()
	}
}

// attend is one connection of a subscriber.
func (l *listener) attend(c *redistest.Client) error {
	l.away = false
	if l.proto == 3 {
		if v, err := c.TryDo("HELLO", "3"); err != nil || v.Type != '%' {
			return errors.Join(err, v.Err())
		}
	}
	if err := l.identify(c); err != nil {
		return err
	}
	if l.crowd.account.Notified && !l.run.plan.calm { // else events that find no room are drops, too
		if _, err := c.TryDo("SUBSCRIBE", eventsName); err != nil {
			return err
		}
	}
	err := l.subscribe(c, l.part.names...)
	for err == nil {
		var v redistest.Value
		if v, err = c.Next(l.message); err == nil && v.Type != 0 {
			err = l.control(c, v)
		}
		select {
		case do := <-l.orders:
			err = errors.Join(err, do(l, c))
		default:
		}
	}
	return err
}

func (l *listener) subscribe(c *redistest.Client, names ...string) error {
	at := time.Now().UnixNano()
	for _, name := range names {
		for _, i := range covers(l.part.command, name) {
			l.ear.Ask(i, l.process, at)
		}
	}
	return c.TrySend(append([]string{l.part.command}, names...)...)
}

// identify asks which process serves this connection.
func (l *listener) identify(c *redistest.Client) error {
	v, err := c.TryDo("INFO", "server")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(v.Str, "process_id:")
	digits, _, _ := strings.Cut(rest, "\r\n")
	l.process, err = strconv.Atoi(digits)
	return err
}

// message takes a message.
func (l *listener) message(name, payload []byte) {
	if string(name) == eventsName {
		l.event(payload)
		return
	}
	i, known := indexOf[string(name)]
	if !known {
		l.ear.Faults.Add("heard %q, which it does not listen to", name)
		return
	}
	if id, err := l.ear.Hear(i, payload); err == nil {
		l.crowd.heard(id)
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
			Covers: func(channel int) bool {
				prefix := channels[channel].prefix()
				return !channels[channel].history &&
					(slices.Contains(e.Prefixes, prefix) || prefix == "x:" && slices.Contains(e.Prefixes, ""))
			},
		})
	case strings.Contains(e.Cause, "before it was known where the stream stood"):
		channel := indexOf[e.Channel]
		l.ear.Told(Gap{Until: e.Time.UnixNano(), Covers: func(c int) bool { return c == channel }})
	default:
		l.run.report("%s: a channel with history was not healed, though its stream has all: %s", l.ear.Name, payload)
	}
}

// control takes what is no message: confirmations, refusals, pongs.
func (l *listener) control(c *redistest.Client, v redistest.Value) error {
	if v.Str == drainText || len(v.Elems) == 2 && v.Elems[1].Str == drainText {
		l.drained.Store(true)
	}
	if err := v.Err(); err != nil || len(v.Elems) < 3 {
		return err
	}
	verb, name, at := v.Elems[0].Str, v.Elems[1].Str, time.Now().UnixNano()
	list := covers(l.part.command, name)
	if !strings.Contains(verb, "unsubscribe") {
		for _, i := range list {
			l.ear.Join(i, at)
		}
		l.there.Store(name == l.part.names[len(l.part.names)-1] || l.there.Load())
		return nil
	}
	for _, i := range list {
		l.ear.End(i, at)
	}
	l.away = false
	return l.subscribe(c, name)
}

// drainText comes back behind all that was queued for a listener.
const drainText = "drain"

// drain asks a listener's relay for drainText.
func (l *listener) drain() {
	if c := l.conn.Load(); c != nil {
		_ = c.TrySend("PING", drainText) // asked again on the next connection
	}
}

// stall has a listener not read for a while.
func stall(d time.Duration) order {
	return func(l *listener, _ *redistest.Client) error {
		time.Sleep(d)
		l.ear.Slept(int64(d))
		return nil
	}
}

// churn has a listener unsubscribe a name; control subscribes it again.
func churn(random int) order {
	return func(l *listener, c *redistest.Client) error {
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
		return c.TrySend(strings.Replace(l.part.command, "SUBSCRIBE", "UNSUBSCRIBE", 1), name)
	}
}

// flood has a listener send commands without reading the replies.
func flood(l *listener, c *redistest.Client) error {
	const (
		block  = 4000
		blocks = 100
	)
	began := time.Now()
	c.SetTimeout(time.Second)
	defer func() {
		c.SetTimeout(patience)
		l.ear.Slept(int64(time.Since(began)))
	}()
	pings := []byte(strings.Repeat("PING\r\n", block))
	for range blocks {
		if err := c.TrySendRaw(pings); err != nil {
			return err
		}
	}
	return nil
}

// follow is one connection of a reader.
func (l *listener) follow(c *redistest.Client) error {
	l.there.Store(true)
	for !l.stopped.Load() {
		args := append([]string{"XREAD", "COUNT", "200", "BLOCK", "1000", "STREAMS"}, l.part.names...)
		for _, name := range l.part.names {
			args = append(args, l.positions[name])
		}
		v, err := c.TryDo(args...)
		if err == nil {
			err = v.Err()
		}
		if err != nil {
			return err
		}
		for _, stream := range v.Elems {
			if err := l.entries(stream.Elems[0].Str, stream.Elems[1].Elems); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *listener) entries(name string, list []redistest.Value) error {
	for _, entry := range list {
		fields := entry.Elems[1].Elems
		if len(fields) != 2 {
			return fmt.Errorf("an entry with %d fields", len(fields))
		}
		l.positions[name] = entry.Elems[0].Str
		if id, err := l.ear.Hear(indexOf[name], []byte(fields[1].Str)); err == nil {
			l.crowd.heard(id)
		}
	}
	return nil
}
