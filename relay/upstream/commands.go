package upstream

// The commands that a Connection takes: how they are encoded. Calls of scripts are in script.go.

import (
	"fmt"

	"redis-relay/relay/resp"
)

// Subscribe subscribes names, each once. done is called once and later: with nil when Redis has confirmed all
// names, with the error that it answered, or with lost if the session ended before. Call it between
// Owner.Connected and Owner.Lost.
func (c *Connection) Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	done = c.keyspace.subscribe(kind, names, done)
	c.sendSubscription(command{kind: kind, verb: subscribe, details: &details{names: names, done: done}})
}

// Unsubscribe unsubscribes names, each once. done is as in Subscribe.
func (c *Connection) Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	c.keyspace.unsubscribe(kind, names)
	done = c.keyspace.inOrder(0, done)
	c.sendSubscription(command{kind: kind, verb: unsubscribe, details: &details{names: names, done: done}})
}

// Fence calls done, later, when Redis has answered all commands sent before, and all messages that it had
// published by then were delivered; or with lost, if the session ends before, or there is none. Fences without
// a command in between share one round trip.
func (c *Connection) Fence(done func(lost bool)) {
	if s := c.backlog.session; s != nil {
		s.fence(c.keyspace.fenceInOrder(done))
		return
	}
	c.loop.Post(func() { done(true) })
}

func (c *Connection) sendSubscription(m command) {
	if s := c.backlog.session; s != nil {
		s.sendSubscription(m)
		return
	}
	c.loop.Post(func() { m.details.done(true, nil) })
}

var (
	verbPublish  = []byte("PUBLISH")
	verbSPublish = []byte("SPUBLISH")
)

// Publish sends a PUBLISH, or SPUBLISH with shard. Its arguments are copied. sender is for Withdraw; 0: nobody.
// The error is ErrBusy, or ErrDown after Run. Without an error a is called once: at the latest after
// Options.PublishTimeout, and half of it more if the command was sent.
func (c *Connection) Publish(sender uint64, shard bool, channel, payload []byte, a Answer) error {
	verb := verbPublish
	if shard {
		verb = verbSPublish
	}
	size := int64(overhead + len(channel) + len(payload))
	wire, err := c.backlog.reserve(size)
	if err != nil {
		return err
	}
	before := len(*wire)
	b := resp.AppendBulk(append(*wire, "*3\r\n"...), verb)
	b = resp.AppendBulk(resp.AppendBulk(b, channel), payload)
	*wire = b
	c.backlog.enqueue(command{answer: a, sender: sender, size: size, wire: len(b) - before})
	return nil
}

// Send sends any other command, as Publish does.
func (c *Connection) Send(sender uint64, a Answer, args ...[]byte) error {
	size := int64(overhead)
	for _, arg := range args {
		size += int64(len(arg))
	}
	wire, err := c.backlog.reserve(size)
	if err != nil {
		return err
	}
	before := len(*wire)
	b := resp.AppendArray(*wire, len(args))
	for _, arg := range args {
		b = resp.AppendBulk(b, arg)
	}
	*wire = b
	c.backlog.enqueue(command{answer: a, sender: sender, size: size, wire: len(b) - before})
	return nil
}

// Do sends a command and calls done once, perhaps at once, with the answer (see Plain) or the error.
// Arguments are strings, []byte, or values that fmt prints.
func (c *Connection) Do(done func(v any, err error), args ...any) {
	err := c.Send(0, AnswerFunc(func(v resp.Value, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(Plain(v), nil)
	}), toArgs(args)...)
	if err != nil {
		done(nil, err)
	}
}

func toArgs(args []any) [][]byte {
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
