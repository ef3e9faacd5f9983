package upstream

// Errors of commands, and what Redis answers as its askers see it.

import (
	"errors"
	"fmt"
	"net"

	"redis-relay/relay/resp"
)

// MaxAnswer is how large an answer may be, in bytes: those on the wire, and 32 for each value in it.
const MaxAnswer = 64 << 20

// Errors of commands. Errors that Redis itself answered are ReplyError.
var (
	// ErrDown: Redis could not be reached in time, and nothing was sent; or Redis has shown that what was sent
	// was not carried out.
	ErrDown = errors.New("Redis cannot be reached")
	// ErrUnknown: the connection was lost, or Redis silent, after the command was
	// sent. It may have been carried out.
	ErrUnknown = errors.New("Redis did not answer; the command may have been carried out")
	// ErrTooLarge: what Redis answers is more than is kept. Nobody else's answer suffers.
	ErrTooLarge = fmt.Errorf("an answer over %d MiB", MaxAnswer>>20)
	// ErrBusy: too much is waiting already. Nothing was sent.
	ErrBusy = errors.New("too much is waiting for Redis")
)

// ReplyError is an error that Redis itself answered. It is a redis.Error.
type ReplyError string

// Error returns the text, which begins with a code word such as NOPERM.
func (e ReplyError) Error() string { return string(e) }

// RedisError makes it a redis.Error.
func (ReplyError) RedisError() {}

// Plain makes a value an int64, a string, nil, or a []any of these, of itself and of ReplyErrors. A map is
// its keys and values in turn, as in RESP2. The result is independent of v's memory.
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
