package tail

// Lines: writing them.

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Append appends the line of a message as a simple string of RESP. Of the payload it writes at most maxPayload bytes.
func Append(b []byte, m *Message, maxPayload int) []byte {
	payload := cut(m.Payload, maxPayload)
	b = appendHead(b, m.Time, m.Source)
	b = appendArg(b, m.Command)
	b = appendArg(b, m.Channel)
	b = appendArg(b, payload)
	b = appendField(b, "verdict", m.Verdict)
	b = appendField(b, "route", m.Route)
	b = appendField(b, "kind", m.Kind)
	if m.Size != len(payload) {
		b = appendField(b, "size", strconv.Itoa(m.Size))
	}
	if m.Passes {
		b = appendField(b, "passes", "true")
	}
	b = appendClient(b, &m.Client)
	b = appendField(b, "reason", m.Reason)
	return append(b, '\r', '\n')
}

// appendLeftOut appends the line that tells of n messages that were left out.
func appendLeftOut(b []byte, now time.Time, n uint64, why Cause) []byte {
	b = appendHead(b, now, "relay:0")
	b = appendArg(b, leftOut)
	b = appendArg(b, strconv.FormatUint(n, 10))
	b = appendField(b, "cause", why)
	return append(b, '\r', '\n')
}

// appendHead appends the time in seconds, the number of a database, and the source.
func appendHead(b []byte, at time.Time, source string) []byte {
	b = append(b, '+')
	b = strconv.AppendInt(b, at.Unix(), 10)
	b = append(b, '.')
	micros := strconv.AppendInt(nil, 1e6+int64(at.Nanosecond()/1000), 10)
	b = append(b, micros[1:]...)
	b = append(b, " [0 "...)
	b = appendEscaped(b, source)
	return append(b, ']')
}

func appendClient(b []byte, c *Client) []byte {
	if c.ID != 0 {
		b = appendField(b, "client", strconv.FormatUint(c.ID, 10))
	}
	b = appendField(b, "name", c.Name)
	if c.PID != 0 {
		b = appendField(b, "pid", strconv.Itoa(int(c.PID)))
	}
	if c.UID != nil {
		b = appendField(b, "uid", strconv.FormatUint(uint64(*c.UID), 10))
	}
	return b
}

// appendField appends name=value as one argument, unless the value is empty.
func appendField[T ~string | ~[]byte](b []byte, name string, value T) []byte {
	if len(value) == 0 {
		return b
	}
	b = append(b, ` "`...)
	b = append(b, name...)
	b = append(b, '=')
	b = appendEscaped(b, value)
	return append(b, '"')
}

func appendArg[T ~string | ~[]byte](b []byte, arg T) []byte {
	b = append(b, ` "`...)
	b = appendEscaped(b, arg)
	return append(b, '"')
}

// escapes are the letters behind a backslash, as in Redis.
var escapes = [256]byte{'\\': '\\', '"': '"', '\n': 'n', '\r': 'r', '\t': 't', '\a': 'a', '\b': 'b'}

// appendEscaped appends a text as Redis's MONITOR does: in printable ASCII.
func appendEscaped[T ~string | ~[]byte](b []byte, text T) []byte {
	const hex = "0123456789abcdef"
	for i := range len(text) {
		switch c := text[i]; {
		case escapes[c] != 0:
			b = append(b, '\\', escapes[c])
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}

// cut returns the first n bytes of a payload, or up to three less where they would end within a character.
func cut(payload []byte, n int) []byte {
	if len(payload) <= n {
		return payload
	}
	for back := range min(utf8.UTFMax, n) {
		if utf8.RuneStart(payload[n-back]) {
			return payload[:n-back]
		}
	}
	return payload[:n]
}
