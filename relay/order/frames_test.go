package order_test

// What a connection receives, in a form in which it can be compared.

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"redis-relay/relay/redistest"
)

const theEnd = "(end of the connection)"

// frame is one reply or message.
type frame struct {
	text     string
	count    string // that of a confirmation, without which confirmations of a bare UNSUBSCRIBE can be sorted
	message  bool
	confirms bool // a confirmation, or what else bounds the messages that may come
	run      int  // of the model: neighbours with the same number come in any order; 0: in this one
}

func (f frame) String() string { return strings.TrimSpace(f.text + " " + f.count) }

// parse reads the RESP value at the start of b; size 0: it is not whole.
func parse(b []byte) (v redistest.Value, size int) {
	line, _, whole := bytes.Cut(b, []byte("\r\n"))
	if !whole {
		return v, 0
	}
	v.Type, v.Str, size = line[0], string(line[1:]), len(line)+2
	n, _ := strconv.Atoi(v.Str) // of a text, 0
	switch v.Type {
	case ':':
		v.Int = int64(n)
	case '_':
		v.Null = true
	case '$', '=':
		if v.Null = n < 0; v.Null {
			break
		}
		if len(b) < size+n+2 {
			return v, 0
		}
		v.Str = string(b[size : size+n])
		size += n + 2
	case '*', '>', '~', '%':
		if v.Null = n < 0; v.Null {
			break
		}
		if v.Type == '%' {
			n *= 2
		}
		for range n {
			e, used := parse(b[size:])
			if used == 0 {
				return v, 0
			}
			v.Elems = append(v.Elems, e)
			size += used
		}
	}
	return v, size
}

// show is a value in the words of the model.
func show(v redistest.Value) string {
	var texts []string
	for _, e := range v.Elems {
		texts = append(texts, show(e))
	}
	switch {
	case v.Null:
		return "(nil)"
	case v.Type == '%':
		return "%" + list(texts)
	case v.Type == '*', v.Type == '>':
		return list(texts)
	case v.Type == '+', v.Type == '-':
		return string(v.Type) + v.Str
	}
	return v.Str
}

// decoder makes frames of values. It knows the protocol that the client believes in.
type decoder struct{ resp3 bool }

func (d *decoder) frame(v redistest.Value) (f frame) {
	first := ""
	if len(v.Elems) > 0 {
		first = v.Elems[0].Str
	}
	switch {
	case strings.HasSuffix(first, "message"):
		f = frame{text: strings.Trim(show(v), "[]"), message: true}
	case strings.HasSuffix(first, "subscribe"):
		f = frame{text: first + " " + show(v.Elems[1]), count: show(v.Elems[2]), confirms: true}
	case first == "server":
		d.resp3 = v.Type == '%'
		return frame{text: fmt.Sprint("hello ", v.Elems[5].Int)}
	case v.Type == '-' && strings.HasPrefix("-"+v.Str, refusal):
		return frame{text: refusal}
	case v.Type == ':':
		return frame{text: ":" + v.Str}
	case v.Type == '+':
		d.resp3 = d.resp3 && v.Str != "RESET"
		return frame{text: "+" + v.Str, confirms: true}
	default:
		return frame{text: show(sorted(v))}
	}
	if (v.Type == '>') != d.resp3 {
		f.text += " (in the form of the other RESP)"
	}
	return f
}

// sorted sorts a list of names.
func sorted(v redistest.Value) redistest.Value {
	if v.Type != '*' || len(v.Elems) == 0 || v.Elems[0].Str == "pong" {
		return v
	}
	for _, e := range v.Elems {
		if e.Type != '$' {
			return v
		}
	}
	slices.SortFunc(v.Elems, func(a, b redistest.Value) int { return strings.Compare(a.Str, b.Str) })
	return v
}

// view is a part of what a connection received, in order.
type view struct {
	name string
	has  func(frame) bool
}

// Replies and messages are compared each by themselves: the relay answers some commands itself, and says
// nothing of the order between such a reply and a message. Confirmations bound the messages and are in both.
var views = []view{
	{"replies", func(f frame) bool { return !f.message }},
	{"messages", func(f frame) bool { return f.message || f.confirms }},
}

func (v view) of(frames []frame) (list []frame) {
	for _, f := range frames {
		if v.has(f) {
			list = append(list, f)
		}
	}
	return list
}

// same compares what was received with what the model says. With partly, messages may be missing at the end.
func same(want, got []frame, partly bool) bool {
	if len(got) > len(want) || len(got) < len(want) && !partly {
		return false
	}
	for i := 0; i < len(got); {
		j := i + 1
		for want[i].run > 0 && j < len(got) && want[j].run == want[i].run {
			j++
		}
		if !sameRun(want[i:j], got[i:j]) {
			return false
		}
		i = j
	}
	return true
}

// sameRun compares frames that may come in any order. Their counts may not.
func sameRun(want, got []frame) bool {
	var a, b []string
	for i := range want {
		if want[i].count != got[i].count {
			return false
		}
		a, b = append(a, want[i].text), append(b, got[i].text)
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

var ordinal = regexp.MustCompile(`#(\w+:\w+)/(\d+)`)

// resolved puts the IDs of streams in the place of the model's numbers.
func resolved(frames []frame, ids map[string][]string) []frame {
	frames = slices.Clone(frames)
	for i := range frames {
		frames[i].text = ordinal.ReplaceAllStringFunc(frames[i].text, func(text string) string {
			parts := ordinal.FindStringSubmatch(text)
			if n, _ := strconv.Atoi(parts[2]); n <= len(ids[parts[1]]) {
				return ids[parts[1]][n-1]
			}
			return text
		})
	}
	return frames
}
