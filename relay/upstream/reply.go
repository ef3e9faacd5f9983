package upstream

// What Redis answers, as its askers see it.

import "redis-relay/relay/resp"

// ReplyError is an error that Redis itself answered. It is a redis.Error.
type ReplyError string

// Error returns the text, which begins with a code word such as NOPERM.
func (e ReplyError) Error() string { return string(e) }

// RedisError makes it a redis.Error.
func (ReplyError) RedisError() {}

// plainValue makes a value what Publisher.Do returns. An error is one of these,
// too, as it may be an element of an array.
func plainValue(v resp.Value) any {
	switch {
	case v.Null:
		return nil
	case v.Type == '-':
		return ReplyError(v.Str)
	case v.Type == ':':
		return v.Int
	case v.Type == '*':
		list := make([]any, len(v.Elems))
		for i, elem := range v.Elems {
			list[i] = plainValue(elem)
		}
		return list
	}
	return string(v.Str)
}
