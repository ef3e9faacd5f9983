package history

// What Redis says of a stream.

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Entry is one persisted message.
type Entry struct {
	ID     ID
	Fields [][]byte // names and values in turn; must not be changed
}

// Payload is what was published: the value of the one field there is, or of the
// field payload. An entry that somebody else wrote otherwise has none.
func (e *Entry) Payload() (payload []byte, ok bool) {
	for i := 0; i+1 < len(e.Fields); i += 2 {
		if string(e.Fields[i]) == DefaultField || len(e.Fields) == 2 {
			return e.Fields[i+1], true
		}
	}
	return nil, false
}

func (e *Entry) size() (n int) {
	const overhead = 100 // bytes of the slices themselves
	for _, s := range e.Fields {
		n += len(s)
	}
	return n + overhead
}

// DefaultField is the field of what was persisted by PUBLISH.
const DefaultField = "payload"

// question is what is asked of one stream.
type question struct {
	channel string
	entries bool // those behind after; otherwise only the facts
	after   ID
	count   int // of entries, at most, about; 0: no bound
}

// tail is the answer.
type tail struct {
	refused string // Redis's error, such as WRONGTYPE
	absent  bool   // there is no such stream
	newest  ID     // the last ID ever given
	added   int64  // entries ever added; -1: this Redis does not count them
	length  int64
	first   ID      // of the oldest entry that is left
	entries []Entry // oldest first
	more    bool    // there are more
}

var errAnswer = errors.New("Redis answered a script with something else than it returns")

// ask looks at streams. token, if not empty, comes back on the channel fence. budget
// bounds the answer, in bytes, about.
func ask(ctx context.Context, redis Redis, fence, token string, budget int, list []question) ([]tail, error) {
	keys := make([]string, 0, len(list))
	args := make([]any, 0, 3+2*len(list))
	args = append(args, fence, token, budget)
	for _, q := range list {
		keys = append(keys, Key(q.channel))
		from := ""
		if q.entries {
			from = "(" + q.after.String()
		}
		args = append(args, from, q.count)
	}
	v, err := redis.Eval(ctx, look, keys, args...)
	if err != nil {
		return nil, err
	}
	answers, ok := v.([]any)
	if !ok || len(answers) != len(list) {
		return nil, fmt.Errorf("%w: %T", errAnswer, v)
	}
	tails := make([]tail, len(list))
	for i, a := range answers {
		if tails[i], err = readTail(a); err != nil {
			return nil, err
		}
	}
	return tails, nil
}

func readTail(v any) (t tail, err error) {
	if text, ok := v.(string); ok {
		t.absent = strings.HasPrefix(text, "ERR no such key")
		t.refused = text
		return t, nil
	}
	parts, ok := v.([]any)
	if !ok || len(parts) != 6 {
		return t, fmt.Errorf("%w: %v", errAnswer, v)
	}
	newest, _ := parts[0].(string)
	first, _ := parts[3].(string)
	t.added, _ = parts[1].(int64)
	t.length, _ = parts[2].(int64)
	more, _ := parts[4].(int64)
	t.more = more != 0
	if t.newest, err = ParseID([]byte(newest), 0); err != nil {
		return t, fmt.Errorf("%w: newest %q", errAnswer, newest)
	}
	if first != "" {
		if t.first, err = ParseID([]byte(first), 0); err != nil {
			return t, fmt.Errorf("%w: first %q", errAnswer, first)
		}
	}
	t.entries, err = ReadEntries(parts[5])
	return t, err
}

// ReadEntries reads the answer of XRANGE: {{id, {field, value, ...}}, ...}.
func ReadEntries(v any) (entries []Entry, err error) {
	list, _ := v.([]any)
	for _, e := range list {
		entry, err := readEntry(e)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// readEntry reads {id, {field, value, ...}}.
func readEntry(v any) (e Entry, err error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 2 {
		return e, fmt.Errorf("%w: entry %v", errAnswer, v)
	}
	id, _ := parts[0].(string)
	if e.ID, err = ParseID([]byte(id), 0); err != nil {
		return e, fmt.Errorf("%w: entry %q", errAnswer, id)
	}
	fields, _ := parts[1].([]any)
	for _, field := range fields {
		s, _ := field.(string)
		e.Fields = append(e.Fields, []byte(s))
	}
	return e, nil
}
