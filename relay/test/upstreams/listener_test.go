package upstreams

// A listener of the account: what it hears, and what it is told to have missed.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/account"
	"redis-relay/relay/redistest"
)

// listener comes back whenever it is disconnected. Its ear belongs to its goroutine.
type listener struct {
	books    *books
	channels []int // numbers of audited
	events   bool  // it is told of gaps
	ear      *account.Ear
	gaps     map[string]int // told of each upstream

	heard [6]atomic.Int64 // by channel: the number behind the newest message that was published through the relay
	cuts  atomic.Int64    // times it was disconnected

	mu   sync.Mutex
	conn *redistest.Client // guarded by mu
	over bool              // guarded by mu
}

func (b *books) newListener(what string, channels []int, events bool) *listener {
	var names []string
	for _, c := range channels {
		names = append(names, audited[c])
	}
	name := fmt.Sprintf("the listener of %s that %s", strings.Join(names, " "), what)
	return &listener{
		books: b, channels: channels, events: events,
		ear: account.NewEar(name, publishers, len(audited)), gaps: map[string]int{},
	}
}

// listen connects again and again until it is stopped.
func (l *listener) listen() error {
	for {
		c, err := redistest.Open("unix", l.books.relay.Socket)
		if err != nil {
			return err
		}
		if !l.keep(c) {
			return nil
		}
		err = l.attend(c)
		l.ear.EndAll(time.Now().UnixNano())
		if err != nil || l.isOver() {
			return err
		}
		l.cuts.Add(1)
	}
}

// isOn tells whether the listener has channels on an upstream.
func (l *listener) isOn(upstream int) bool {
	return slices.ContainsFunc(l.channels, func(c int) bool { return c/eachUpstream == upstream })
}

// keep keeps a connection for stop, and tells whether there is a use for it.
func (l *listener) keep(c *redistest.Client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		c.Close()
	}
	l.conn = c
	return !l.over
}

func (l *listener) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

func (l *listener) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		l.conn.Close()
	}
}

// attend is one connection. Its end is no error.
func (l *listener) attend(c *redistest.Client) error {
	defer c.Close()
	command := []string{"SUBSCRIBE"}
	if l.events {
		command = append(command, relay.EventsChannel) // first: gaps are told from the first name on
	}
	for _, i := range l.channels {
		l.ear.Ask(i, 0, time.Now().UnixNano())
		command = append(command, audited[i])
	}
	if c.TrySend(command...) != nil {
		return nil
	}
	for {
		v, err := c.TryReceive()
		if err != nil {
			return nil
		}
		if err := l.take(v); err != nil {
			return err
		}
	}
}

func (l *listener) take(v redistest.Value) error {
	if v.Err() != nil || len(v.Elems) != 3 {
		return fmt.Errorf("%s got %s", l.ear.Name, v)
	}
	kind, name := v.Elems[0].Str, v.Elems[1].Str
	channel := slices.Index(audited, name)
	switch {
	case kind == "message" && name == relay.EventsChannel:
		return l.event(v.Elems[2].Str)
	case channel < 0:
	case kind == "subscribe":
		l.ear.Join(channel, time.Now().UnixNano())
	default:
		id, err := l.ear.Hear(channel, []byte(v.Elems[2].Str))
		if err != nil {
			return err
		}
		if id.Publisher < 2 {
			l.heard[channel].Store(int64(id.Number) + 1)
		}
	}
	return nil
}

// event takes an event: a gap covers the channels of its prefixes that have no history.
func (l *listener) event(text string) error {
	var e relay.Event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return fmt.Errorf("event %s: %w", text, err)
	}
	if e.Event != "gap" {
		return nil
	}
	if e.Since == nil || e.Until == nil || e.Channel != "" {
		return fmt.Errorf("%s was told of the gap %s", l.ear.Name, text)
	}
	l.gaps[e.Upstream]++
	l.ear.Told(account.Gap{Since: e.Since.UnixNano(), Until: e.Until.UnixNano(), Covers: func(id account.ID) bool {
		prefix, _, _ := strings.Cut(audited[id.Channel], "1")
		return id.Channel%eachUpstream != 2 && slices.Contains(e.Prefixes, prefix)
	}})
	return nil
}
