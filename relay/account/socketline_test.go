package account

// Listeners on the socket, in RESP: subscribers, and readers of history.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/redistest"
)

// socketLine is a subscriber's connection to the socket.
type socketLine struct {
	*redistest.Client
	l *listener
}

func dialSocketLine(l *listener) (line, error) {
	c, err := redistest.Open("unix", l.relay.socket())
	if err != nil {
		return nil, err
	}
	c.SetTimeout(patience)
	if l.part.command == reading {
		return &readerLine{socketLine{c, l}}, nil
	}
	return &socketLine{c, l}, nil
}

func (c *socketLine) greet() error {
	if c.l.proto == 3 {
		if v, err := c.TryDo("HELLO", "3"); err != nil || v.Type != '%' {
			return errors.Join(err, v.Err())
		}
	}
	if err := c.identify(); err != nil {
		return err
	}
	if c.l.wantsGaps() {
		_, err := c.TryDo("SUBSCRIBE", eventsName)
		return err
	}
	return nil
}

// identify asks which process serves this connection.
func (c *socketLine) identify() error {
	v, err := c.TryDo("INFO", "server")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(v.Str, "process_id:")
	digits, _, _ := strings.Cut(rest, "\r\n")
	c.l.process, err = strconv.Atoi(digits)
	return err
}

func (c *socketLine) subscribe(names ...string) error {
	return c.TrySend(append([]string{c.l.part.command}, names...)...)
}

func (c *socketLine) unsubscribe(name string) error {
	return c.TrySend(strings.Replace(c.l.part.command, "SUBSCRIBE", "UNSUBSCRIBE", 1), name)
}

func (c *socketLine) next() error {
	v, err := c.Next(func(name, payload []byte) { c.l.message(string(name), payload) })
	if err != nil || v.Type == 0 {
		return err
	}
	return c.control(v)
}

// control takes what is no message: confirmations, refusals, pongs.
func (c *socketLine) control(v redistest.Value) error {
	if v.Str == drainText || len(v.Elems) == 2 && v.Elems[1].Str == drainText {
		c.l.drained.Store(true)
	}
	if err := v.Err(); err != nil || len(v.Elems) < 3 {
		return err
	}
	verb, name := v.Elems[0].Str, v.Elems[1].Str
	if strings.Contains(verb, "unsubscribe") {
		return c.l.left(c, name)
	}
	c.l.joined(name)
	return nil
}

func (c *socketLine) drain() { _ = c.TrySend("PING", drainText) }

func (c *socketLine) flood() error {
	c.SetTimeout(time.Second)
	defer c.SetTimeout(patience)
	for range floodBlocks {
		if err := c.TrySendRaw(floodBlock); err != nil {
			return err
		}
	}
	return nil
}

// readerLine is a reader's connection: what it misses on one it reads on the next.
type readerLine struct{ socketLine }

func (c *readerLine) greet() error              { return nil }
func (c *readerLine) unsubscribe(string) error  { return nil }
func (c *readerLine) subscribe(...string) error { c.l.there.Store(true); return nil }

func (c *readerLine) next() error {
	names := c.l.part.names
	args := append([]string{reading, "COUNT", "200", "BLOCK", "1000", "STREAMS"}, names...)
	for _, name := range names {
		args = append(args, c.l.positions[name])
	}
	v, err := c.TryDo(args...)
	if err = errors.Join(err, v.Err()); err != nil {
		return err
	}
	for _, stream := range v.Elems {
		if err := c.entries(stream.Elems[0].Str, stream.Elems[1].Elems); err != nil {
			return err
		}
	}
	return nil
}

func (c *readerLine) entries(name string, list []redistest.Value) error {
	for _, entry := range list {
		fields := entry.Elems[1].Elems
		if len(fields) != 2 {
			return fmt.Errorf("an entry with %d fields", len(fields))
		}
		c.l.positions[name] = entry.Elems[0].Str
		c.l.message(name, []byte(fields[1].Str))
	}
	return nil
}

var (
	_ line = (*socketLine)(nil)
	_ line = (*readerLine)(nil)
)
