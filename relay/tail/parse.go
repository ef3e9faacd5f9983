package tail

// Lines: reading them.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrLine is wrapped by the errors about lines that Append does not write.
var ErrLine = errors.New("not a line of the relay's MONITOR")

// Parse reads a line, without the bytes around it that RESP adds. Fields that it does not know are passed over: they
// are of a later version. A message is cut off if its Size is more than the length of its Payload.
func Parse(line string) (l Line, err error) {
	head, args, ok := strings.Cut(line, `] "`)
	if !ok {
		return l, fmt.Errorf("%w: %q", ErrLine, line)
	}
	at, source, _ := strings.Cut(head, " [0 ")
	if l.Time, err = parseTime(at); err != nil {
		return l, err
	}
	if l.Source, _, err = unescape(source, false); err != nil {
		return l, err
	}
	list, err := splitArgs(`"` + args)
	switch {
	case err != nil:
		return l, err
	case len(list) >= 2 && list[0] == leftOut:
		l.LeftOut, err = strconv.ParseUint(list[1], 10, 64)
		l.fields(list[2:])
		return l, err
	case len(list) < 3:
		return l, fmt.Errorf("%w: %d arguments", ErrLine, len(list))
	}
	l.Command, l.Channel, l.Payload, l.Size = list[0], []byte(list[1]), []byte(list[2]), len(list[2])
	l.fields(list[3:])
	return l, nil
}

func parseTime(text string) (time.Time, error) {
	seconds, micros, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	if err != nil || err2 != nil || len(micros) != 6 {
		return time.Time{}, fmt.Errorf("%w: time %q", ErrLine, text)
	}
	return time.Unix(s, us*1000), nil
}

// splitArgs splits quoted arguments with spaces between them.
func splitArgs(text string) (list []string, err error) {
	for text != "" {
		rest, ok := strings.CutPrefix(text, `"`)
		if !ok {
			return nil, fmt.Errorf("%w: %q is not quoted", ErrLine, text)
		}
		var arg string
		if arg, rest, err = unescape(rest, true); err != nil {
			return nil, err
		}
		list, text = append(list, arg), strings.TrimPrefix(rest, " ")
	}
	return list, nil
}

// letters are the bytes that a letter behind a backslash stands for.
var letters = map[byte]byte{'\\': '\\', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b'}

// unescape undoes appendEscaped: up to a quote, which it leaves out, or up to the end.
func unescape(text string, quoted bool) (plain, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '"':
			return b.String(), text[i+1:], nil
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(text) && letters[text[i+1]] != 0:
			i++
			b.WriteByte(letters[text[i]])
		case i+3 < len(text) && text[i+1] == 'x':
			n, err := strconv.ParseUint(text[i+2:i+4], 16, 8)
			if err != nil {
				return "", "", fmt.Errorf("%w: %q", ErrLine, text[i:i+4])
			}
			b.WriteByte(byte(n))
			i += 3
		default:
			return "", "", fmt.Errorf("%w: a backslash before %q", ErrLine, text[i+1:])
		}
	}
	if quoted {
		return "", "", fmt.Errorf("%w: a quote is not closed", ErrLine)
	}
	return b.String(), "", nil
}

// fields reads name=value. A number that cannot be read stays 0.
func (l *Line) fields(list []string) {
	for _, field := range list {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "verdict":
			l.Verdict = value
		case "route":
			l.Route = value
		case "kind":
			l.Kind = []byte(value)
		case "size":
			l.Size, _ = strconv.Atoi(value)
		case "passes":
			l.Passes = value == "true"
		case "reason":
			l.Reason = value
		case "cause":
			l.Cause = Cause(value)
		default:
			l.Client.field(name, value)
		}
	}
}

func (c *Client) field(name, value string) {
	switch name {
	case "client":
		c.ID, _ = strconv.ParseUint(value, 10, 64)
	case "name":
		c.Name = value
	case "pid":
		pid, _ := strconv.ParseInt(value, 10, 32)
		c.PID = int32(pid)
	case "uid":
		if uid, err := strconv.ParseUint(value, 10, 32); err == nil {
			id := uint32(uid)
			c.UID = &id
		}
	}
}
