package upstream

// Errors of commands, and answers as plain Go values.

import (
	"errors"
	"fmt"
	"net"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/frames"
)

// MaxAnswer is the largest answer, in bytes: those on the wire, and 32 for each value in it.
const MaxAnswer = frames.MaxAnswer

// Errors of commands. Errors that Redis itself answered are ReplyError.
var (
	// ErrDown: Redis could not be reached in time, and nothing was sent; or Redis has shown that the command
	// was not carried out.
	ErrDown = errors.New("Redis cannot be reached")
	// ErrUnknown: the connection was lost, or Redis silent, after the command was
	// sent. It may have been carried out.
	ErrUnknown = errors.New("Redis did not answer; the command may have been carried out")
	// ErrTooLarge: the answer is over MaxAnswer, and was not kept. Other answers are not affected.
	ErrTooLarge = fmt.Errorf("an answer over %d MiB", MaxAnswer>>20)
	// ErrBusy: too many bytes wait for Redis already. Nothing was sent.
	ErrBusy = errors.New("too much is waiting for Redis")
)

// ReplyError is an error that Redis itself answered. It is a redis.Error.
type ReplyError string

// Error returns the text, which begins with a code word such as NOPERM.
func (e ReplyError) Error() string { return string(e) }

// RedisError makes it a redis.Error.
func (ReplyError) RedisError() {}

// Plain converts a value to an int64, a string, a ReplyError, nil, or a []any of these and of further lists. A
// map becomes its keys and values in turn, as in RESP2. The result shares no memory with v.
func Plain(v resp.Value) any {
	switch {
	case v.Null:
		return nil
	case v.Type == '-' || v.Type == '!':
		return ReplyError(v.Str)
	case v.Type == ':':
		return v.Int
	case v.Type == '*' || v.Type == '%' || v.Type == '~' || v.Type == '>':
		list := make([]any, len(v.Elems))
		for i, elem := range v.Elems {
			list[i] = Plain(elem)
		}
		return list
	}
	return string(v.Str)
}

// plain makes a network error short: without the addresses, which change.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
