package upstream

// A connection for a few questions about Redis itself.

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// Inquiry is a connection to Redis in RESP3 that is used for questions and never made again. One goroutine may use
// it at a time.
type Inquiry struct {
	conn    net.Conn
	in      *bufio.Reader
	closing func()
	wait    time.Duration // for an answer
}

// Inquire connects as a session does: with the same address, user, TLS and handshake. An error says what to do about
// it. Connecting, and each answer later, must take no longer than wait; getting the credentials may take longer.
func (o *Options) Inquire(ctx context.Context, wait time.Duration) (*Inquiry, error) {
	noting := o.withSentinels()
	o = &noting
	l, err := o.login(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var conn net.Conn // go-redis may go on dialing when ctx has ended: it is only read after an answer
	node, _, err := o.locate(ctx, l)
	if err != nil {
		return nil, o.hint(err, true)
	}
	client, err := o.client("check", l, node.Addr, func(c net.Conn) net.Conn {
		conn = c
		return c
	})
	if err != nil {
		return nil, err
	}
	if err := o.judge(l, o.greet(ctx, &established{client: client})); err != nil {
		_ = client.Close()
		return nil, o.hint(err, true)
	}
	return &Inquiry{conn, bufio.NewReader(conn), func() { _ = client.Close() }, wait}, nil
}

// Close ends the connection.
func (q *Inquiry) Close() { q.closing() }

// Do sends a command and returns the answer (see Plain), or the confirmation of a subscription. The error is a
// ReplyError that Redis answered; any other error is the end of the connection. Messages are ignored.
func (q *Inquiry) Do(args ...string) (any, error) {
	if err := q.conn.SetDeadline(time.Now().Add(q.wait)); err != nil {
		return nil, plain(err)
	}
	b := resp.AppendArray(nil, len(args))
	for _, arg := range args {
		b = resp.AppendBulkString(b, arg)
	}
	if _, err := q.conn.Write(b); err != nil {
		return nil, fmt.Errorf("ask Redis %s: %w", args[0], plain(err))
	}
	for {
		v, err := resp.ReadValueUpTo(q.in, MaxAnswer)
		switch {
		case err != nil:
			return nil, fmt.Errorf("ask Redis %s: %w", args[0], plain(err))
		case v.Type == '|', v.Type == '>' && !isConfirmation(v, args[0]):
			continue
		}
		value := Plain(v)
		if refused, ok := value.(ReplyError); ok {
			return nil, refused
		}
		return value, nil
	}
}

// isConfirmation reports whether a push confirms a command such as SUBSCRIBE.
func isConfirmation(push resp.Value, command string) bool {
	return len(push.Elems) > 0 && strings.EqualFold(string(push.Elems[0].Str), command)
}
