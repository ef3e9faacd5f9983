package upstream

// What can be asked of a Connection.

import (
	"fmt"

	"redis-relay/relay/resp"
)

// Subscribe subscribes names, each once; done is told, once and later, what Redis answered for all of them,
// or that the connection was lost before. Only from Owner.Connected on, until Owner.Lost.
func (c *Connection) Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	c.interest(command{kind: kind, verb: subscribe, ask: &ask{names: names, done: done}})
}

// Unsubscribe is the reverse of Subscribe.
func (c *Connection) Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	c.interest(command{kind: kind, verb: unsubscribe, ask: &ask{names: names, done: done}})
}

// Fence has done called, later, when Redis has answered all that was sent before, and all that it had
// published by then was delivered; or with lost, when the connection is, or there is none. Fences with
// nothing in between share one round trip.
func (c *Connection) Fence(done func(lost bool)) {
	k := c.life
	if k == nil {
		c.loop.Post(func() { done(true) })
		return
	}
	if k.fenced && k.open == nil {
		last := k.list.last()
		last.ask.fences = append(last.ask.fences, done)
		return
	}
	const ping = "*1\r\n$4\r\nPING\r\n"
	k.seal(c)
	k.wire = append(k.wire, ping...)
	k.push(command{verb: fence, ask: &ask{fences: []func(bool){done}}, wire: len(ping)})
	k.fenced = true
}

func (c *Connection) interest(m command) {
	k := c.life
	if k == nil {
		c.loop.Post(func() { m.ask.done(true, nil) })
		return
	}
	k.seal(c)
	word := m.kind.Unsubscribe()
	if m.verb == subscribe {
		word = m.kind.Subscribe()
	}
	before := len(k.wire)
	k.wire = resp.AppendBulkString(resp.AppendArray(k.wire, 1+len(m.ask.names)), word)
	for _, n := range m.ask.names {
		k.wire = resp.AppendBulkString(k.wire, n)
	}
	m.wire = len(k.wire) - before
	k.push(m)
}

var (
	verbPublish  = []byte("PUBLISH")
	verbSPublish = []byte("SPUBLISH")
)

// Publish sends a PUBLISH, or SPUBLISH, whose arguments are copied. from says whose it is: see TakeBack. It
// returns ErrBusy, ErrDown after Run, or nil; then the answer follows, after the time for a publish, or
// half of it once more if the command was sent, at the latest.
func (c *Connection) Publish(from uint64, shard bool, channel, payload []byte, a Answer) error {
	verb := verbPublish
	if shard {
		verb = verbSPublish
	}
	size := int64(overhead + len(channel) + len(payload))
	wire, err := c.admit(size)
	if err != nil {
		return err
	}
	before := len(*wire)
	b := resp.AppendBulk(append(*wire, "*3\r\n"...), verb)
	b = resp.AppendBulk(resp.AppendBulk(b, channel), payload)
	*wire = b
	c.take(command{answer: a, from: from, size: size, wire: len(b) - before})
	return nil
}

// Send sends any other command, as Publish does.
func (c *Connection) Send(from uint64, a Answer, args ...[]byte) error {
	size := int64(overhead)
	for _, arg := range args {
		size += int64(len(arg))
	}
	wire, err := c.admit(size)
	if err != nil {
		return err
	}
	before := len(*wire)
	b := resp.AppendArray(*wire, len(args))
	for _, arg := range args {
		b = resp.AppendBulk(b, arg)
	}
	*wire = b
	c.take(command{answer: a, from: from, size: size, wire: len(b) - before})
	return nil
}

// Ask sends a command and has done told the answer: see Plain. Arguments are strings, []byte, or what fmt
// prints. done may be called at once.
func (c *Connection) Ask(done func(v any, err error), args ...any) {
	err := c.Send(0, AnswerFunc(func(v resp.Value, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(Plain(v), nil)
	}), words(args)...)
	if err != nil {
		done(nil, err)
	}
}

func words(args []any) [][]byte {
	list := make([][]byte, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case []byte:
			list[i] = a
		case string:
			list[i] = []byte(a)
		default:
			list[i] = fmt.Append(nil, a)
		}
	}
	return list
}

// admit counts size bytes, and returns where a command is to be encoded.
func (c *Connection) admit(size int64) (wire *[]byte, err error) {
	if err := c.count(size); err != nil {
		return nil, err
	}
	p := c.next()
	p.seal(c)
	return &p.wire, nil
}

// count counts the bytes of a command that will be queued.
func (c *Connection) count(size int64) error {
	switch {
	case c.stopped:
		return ErrDown
	case c.queued > 0 && c.queued+size > min(maxQueued, c.room.Load()):
		return ErrBusy
	}
	c.queued += size
	return nil
}

// next is where the next command goes: to Redis, or among what waits for a connection.
func (c *Connection) next() *pending {
	if k := c.life; k != nil && k.restored {
		return &k.pending
	}
	return &c.waiting
}

// take queues a command that was encoded where admit has said.
func (c *Connection) take(m command) {
	m.deadline = c.loop.Now().Add(c.opts.PublishTimeout)
	if p := c.next(); p != &c.waiting {
		c.life.push(m)
	} else {
		p.push(m)
		c.hasten()
	}
	c.arm()
}
