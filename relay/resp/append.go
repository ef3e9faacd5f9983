// This file writes replies and pushes onto a byte slice.

package resp

import "strconv"

// Proto is the version of the protocol a connection speaks.
type Proto int

// The versions there are. A connection starts with RESP2 and changes by HELLO.
const (
	RESP2 Proto = 2
	RESP3 Proto = 3
)

// AppendSimple appends a simple string such as OK. Line ends in s become spaces.
func AppendSimple(b []byte, s string) []byte { return appendLine(b, '+', s) }

// AppendError appends an error. s begins with its code word, such as ERR; line ends in it become spaces.
func AppendError(b []byte, s string) []byte { return appendLine(b, '-', s) }

// AppendInt appends an integer.
func AppendInt(b []byte, n int64) []byte { return appendNumber(b, ':', n) }

// AppendBulk appends a string of any bytes; nil is the empty string.
func AppendBulk(b, s []byte) []byte {
	b = appendNumber(b, '$', int64(len(s)))
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// AppendBulkString is AppendBulk for a string.
func AppendBulkString(b []byte, s string) []byte {
	b = appendNumber(b, '$', int64(len(s)))
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// AppendArray appends the head of an array; n values must follow.
func AppendArray(b []byte, n int) []byte { return appendNumber(b, '*', int64(n)) }

// AppendPush appends the head of a push, which only RESP3 has; n values must follow.
func AppendPush(b []byte, n int) []byte { return appendNumber(b, '>', int64(n)) }

// AppendMap appends the head of a map; n keys, each with its value, must follow. RESP2 has a flat array instead.
func AppendMap(b []byte, proto Proto, n int) []byte {
	if proto == RESP3 {
		return appendNumber(b, '%', int64(n))
	}
	return AppendArray(b, 2*n)
}

// AppendNull appends the null that stands for a string.
func AppendNull(b []byte, proto Proto) []byte {
	if proto == RESP3 {
		return append(b, "_\r\n"...)
	}
	return append(b, "$-1\r\n"...)
}

// AppendNullArray appends the null that stands for an array, as XREAD replies without entries.
func AppendNullArray(b []byte, proto Proto) []byte {
	if proto == RESP3 {
		return append(b, "_\r\n"...)
	}
	return append(b, "*-1\r\n"...)
}

// AppendVerbatim appends a text with its format of three letters, such as txt. RESP2 has a bulk string instead.
func AppendVerbatim(b []byte, proto Proto, format, s string) []byte {
	if proto != RESP3 {
		return AppendBulkString(b, s)
	}
	b = appendNumber(b, '=', int64(len(format)+1+len(s)))
	b = append(b, format...)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// AppendPubSub appends the confirmation of one channel or pattern. kind is the command's name in lower case, count the
// subscriptions left. A channel of nil is null, as in the reply to UNSUBSCRIBE without any; an empty one is not.
func AppendPubSub(b []byte, proto Proto, kind string, channel []byte, count int64) []byte {
	b = appendPushHead(b, proto, 3)
	b = AppendBulkString(b, kind)
	if channel == nil {
		b = AppendNull(b, proto)
	} else {
		b = AppendBulk(b, channel)
	}
	return AppendInt(b, count)
}

// AppendMessage appends a delivery: kind and parts are message, channel, payload; or pmessage, pattern, channel,
// payload; or smessage, channel, payload.
func AppendMessage(b []byte, proto Proto, kind string, parts ...[]byte) []byte {
	b = appendPushHead(b, proto, 1+len(parts))
	b = AppendBulkString(b, kind)
	for _, part := range parts {
		b = AppendBulk(b, part)
	}
	return b
}

// appendPushHead appends the head of what Pub/Sub sends: a push, or in RESP2 an array.
func appendPushHead(b []byte, proto Proto, n int) []byte {
	if proto == RESP3 {
		return AppendPush(b, n)
	}
	return AppendArray(b, n)
}

// appendNumber appends a line of a type byte and a number.
func appendNumber(b []byte, kind byte, n int64) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, n, 10)
	return append(b, '\r', '\n')
}

// appendLine appends a line of a type byte and a text, which it keeps on one line.
func appendLine(b []byte, kind byte, s string) []byte {
	b = append(b, kind)
	from := len(b)
	b = append(b, s...)
	for i := from; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return append(b, '\r', '\n')
}
