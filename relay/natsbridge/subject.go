package natsbridge

// Channels as subjects of NATS, and subjects as channels or Redis patterns.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"redis-relay/relay/resp"
)

// The first tokens of subjects that are no channels.
const (
	publishToken = "publish"
	historyToken = "history"
	inboxToken   = "_INBOX"
)

const (
	maxSubject = 16 << 10 // bytes; the subject of a name is at most three times as long as the name
	emptyToken = "%"      // the empty part of a channel
	hexDigits  = "0123456789ABCDEF"
)

// ErrNoSubject is returned for a channel whose subject would be too long.
var ErrNoSubject = fmt.Errorf("the subject would be longer than %d bytes", maxSubject)

// Subject returns the subject of a channel: ":" becomes ".", an empty part becomes "%", and bytes that a subject
// cannot hold become %XX. If the first token is one that NATS or the relay needs itself (publish, history, or one
// that begins with $ or _), its first byte becomes %XX, too. Different channels have different subjects. A channel
// whose subject would be longer than 16 KiB has none: the error is ErrNoSubject.
func Subject(channel []byte) (string, error) {
	b := make([]byte, 0, len(channel)+8)
	for i := 0; ; {
		part := channel[i:]
		end := bytes.IndexByte(part, ':')
		if end < 0 {
			end = len(part)
		}
		if b = appendToken(b, part[:end], i == 0); end == len(part) {
			break
		}
		b = append(b, '.')
		i += end + 1
	}
	if len(b) > maxSubject {
		return "", ErrNoSubject
	}
	return string(b), nil
}

func appendToken(b, part []byte, first bool) []byte {
	if len(part) == 0 {
		return append(b, emptyToken...)
	}
	for i, c := range part {
		if plain(c) && (i > 0 || !first || !taken(part)) {
			b = append(b, c)
			continue
		}
		b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// plain reports whether a byte stands for itself in a subject.
func plain(c byte) bool {
	switch c {
	case '.', ':', '*', '>', '%':
		return false
	}
	return ' ' < c && c < 0x7f
}

// taken reports whether NATS or the relay needs a first token itself.
func taken(part []byte) bool {
	return part[0] == '$' || part[0] == '_' || string(part) == publishToken || string(part) == historyToken
}

// Channel returns the channel of a subject: it is the inverse of Subject. A subject that Subject would write
// otherwise is an error.
func Channel(subject string) (string, error) {
	n, err := nameOf(subject)
	if err == nil && n.Kind != resp.Message {
		err = fmt.Errorf("%.80q is not the subject of a channel: %w", subject, errWildcard)
	}
	return n.Text, err
}

var (
	errEmpty    = errors.New("a token is empty; write % for the empty part of a channel")
	errEscape   = errors.New("% is not followed by two hexadecimal digits, 0-9 and A-F")
	errColon    = errors.New("a channel's colon is a dot in its subject")
	errWildcard = errors.New("it has a wildcard; write %2A or %3E for the byte itself")
)

// partOf returns the part of a channel that a token without wildcards stands for.
func partOf(token string, first bool) ([]byte, error) {
	switch token {
	case "":
		return nil, errEmpty
	case emptyToken:
		return nil, nil
	}
	part := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '%' {
			if i+2 >= len(token) {
				return nil, errEscape
			}
			high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if high < 0 || low < 0 {
				return nil, errEscape
			}
			c = byte(high<<4 | low)
			i += 2
		}
		part = append(part, c)
	}
	if bytes.IndexByte(part, ':') >= 0 {
		return nil, errColon
	}
	if proper := appendToken(nil, part, first); string(proper) != token {
		return nil, fmt.Errorf("write %.80q for %.80q", proper, token)
	}
	return part, nil
}

// nameOf returns the name to subscribe at Redis for a subject: its channel, or a pattern that matches at least the
// channels that the subject matches. A "*" of NATS matches one part, while a "*" of Redis matches across parts.
func nameOf(subject string) (resp.Name, error) {
	if len(subject) > maxSubject {
		return resp.Name{}, ErrNoSubject
	}
	var channel, pattern []byte
	wild := false
	for i, token := range strings.Split(subject, ".") {
		if i > 0 {
			channel, pattern = append(channel, ':'), append(pattern, ':')
		}
		if token == "*" || token == ">" {
			wild = true
			pattern = append(pattern, '*')
			continue
		}
		part, err := partOf(token, i == 0)
		if err != nil {
			return resp.Name{}, fmt.Errorf("%.80q is not the subject of a channel: %w", subject, err)
		}
		channel, pattern = append(channel, part...), appendLiteral(pattern, part)
	}
	if wild {
		return resp.Name{Kind: resp.PMessage, Text: string(pattern)}, nil
	}
	return resp.Name{Kind: resp.Message, Text: string(channel)}, nil
}

// appendLiteral appends text to a Redis pattern so that it stands for itself.
func appendLiteral(pattern []byte, text []byte) []byte {
	for _, c := range text {
		if strings.IndexByte(`*?[]\^`, c) >= 0 {
			pattern = append(pattern, '\\')
		}
		pattern = append(pattern, c)
	}
	return pattern
}
