package history

// What Redis says of a stream.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/upstream"
)

// Entry is one persisted message.
type Entry struct {
	ID     ID
	Fields [][]byte // names and values in turn; must not be changed

	large *LargeEntry // it was not read, and has no fields here
}

// LargeEntry is an entry that is too large to be read. It is the error of a reader that
// comes to it.
type LargeEntry struct {
	Channel string
	ID      ID
	Bytes   int64 // of its fields, names and values
	Fields  int64
}

// Error says which entry it is, without the channel.
func (e *LargeEntry) Error() string {
	fields := "1 field"
	if e.Fields != 1 {
		fields = fmt.Sprintf("%d fields", e.Fields)
	}
	return fmt.Sprintf("entry %v, of %d bytes in %s, is too large to be read", e.ID, e.Bytes, fields)
}

// maxEntry is how many bytes an entry may take that is read for readers. It fits into one
// answer.
const maxEntry = upstream.MaxAnswer - 64<<10

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

// size is how much memory an entry takes, about.
func (e *Entry) size() (n int) {
	const overhead = 100 // bytes of the slices themselves
	for _, s := range e.Fields {
		n += len(s)
	}
	return n + overhead
}

// bytes is how many its fields have, names and values, also if they were not read.
func (e *Entry) bytes() (n int64) {
	if e.large != nil {
		return e.large.Bytes
	}
	for _, s := range e.Fields {
		n += int64(len(s))
	}
	return n
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

// tail is the answer. When facts are not wanted it has, with entries, only these, more and
// refused.
type tail struct {
	refused string // Redis's error, such as WRONGTYPE
	absent  bool   // there is no such stream
	newest  ID     // the last ID ever given
	added   int64  // entries ever added; -1: this Redis does not count them
	length  int64
	first   ID      // of the oldest entry that is left
	entries []Entry // oldest first
	more    bool    // there are more
	heavy   bool    // the oldest is over maxEntry
}

var errAnswer = errors.New("Redis answered a script with something else than it returns")

// momentary are the errors of a Redis that will answer later on.
var momentary = []string{
	"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY",
	"TRYAGAIN", "UNKILLABLE",
}

// lasting tells whether an error is of the question: whoever asks the same again gets it
// again.
func lasting(err error) bool {
	var refused upstream.ReplyError
	if errors.As(err, &refused) {
		code, _, _ := strings.Cut(string(refused), " ")
		return !slices.Contains(momentary, code)
	}
	return errors.Is(err, upstream.ErrTooLarge) || errors.Is(err, errAnswer) || errors.Is(err, errManyKeys)
}

// words makes questions the keys and arguments of look. facts tells whether they are wanted of all streams,
// or only of those whose entries are not. budget bounds the answer, in bytes, about; largest an entry in it.
func words(list []question, facts bool, budget, largest int) (keys []string, args []any) {
	keys = make([]string, 0, len(list))
	args = make([]any, 0, 4+2*len(list))
	all := ""
	if facts {
		all = "1"
	}
	args = append(args, all, budget, largest, maxEntry)
	for _, q := range list {
		keys = append(keys, Key(q.channel))
		from := ""
		if q.entries {
			from = "(" + q.after.String()
		}
		args = append(args, from, q.count)
	}
	return keys, args
}

// readAnswer reads what look returns: an answer to each question, and the time of Redis in milliseconds at
// which it ran.
func readAnswer(list []question, v any) (tails []tail, at uint64, err error) {
	answers, ok := v.([]any)
	if !ok || len(answers) != len(list)+1 {
		return nil, 0, fmt.Errorf("%w: %T", errAnswer, v)
	}
	ms, ok := answers[len(list)].(int64)
	if !ok || ms < 0 {
		return nil, 0, fmt.Errorf("%w: time %v", errAnswer, answers[len(list)])
	}
	tails = make([]tail, len(list))
	for i, q := range list {
		if tails[i], err = readTail(q.channel, answers[i]); err != nil {
			return nil, 0, err
		}
	}
	return tails, uint64(ms), nil
}

// fetch reads the entries behind a position on the reading connection, and waits for them.
func fetch(ctx context.Context, redis Redis, q question) (*tail, error) {
	list := []question{q}
	keys, args := words(list, false, fetchBudget, maxEntry)
	v, err := redis.Eval(ctx, look, keys, args...)
	if err != nil {
		return nil, err
	}
	tails, _, err := readAnswer(list, v)
	if err != nil {
		return nil, err
	}
	return &tails[0], nil
}

func readTail(channel string, v any) (t tail, err error) {
	if text, ok := v.(string); ok {
		t.absent = strings.HasPrefix(text, "ERR no such key")
		t.refused = text
		return t, nil
	}
	parts, ok := v.([]any)
	if !ok || len(parts) != 7 {
		return t, fmt.Errorf("%w: %v", errAnswer, v)
	}
	newest, _ := parts[0].(string)
	first, _ := parts[3].(string)
	t.added, _ = parts[1].(int64)
	t.length, _ = parts[2].(int64)
	more, _ := parts[4].(int64)
	heavy, _ := parts[6].(int64)
	t.more, t.heavy = more != 0, heavy != 0
	if t.newest, err = ParseID([]byte(newest), 0); err != nil {
		return t, fmt.Errorf("%w: newest %q", errAnswer, newest)
	}
	if first != "" {
		if t.first, err = ParseID([]byte(first), 0); err != nil {
			return t, fmt.Errorf("%w: first %q", errAnswer, first)
		}
	}
	list, _ := parts[5].([]any)
	t.entries = make([]Entry, len(list))
	for i, v := range list {
		if t.entries[i], err = readMeasured(channel, v); err != nil {
			return t, err
		}
	}
	return t, nil
}

// readMeasured reads an entry, or what is said of one that was too large.
func readMeasured(channel string, v any) (Entry, error) {
	parts, _ := v.([]any)
	if len(parts) != 3 {
		return readEntry(v)
	}
	large, err := readLarge(channel, parts)
	if err != nil {
		return Entry{}, err
	}
	return Entry{ID: large.ID, large: large}, nil
}

// readLarge reads {id, bytes, fields}.
func readLarge(channel string, parts []any) (*LargeEntry, error) {
	text, _ := parts[0].(string)
	id, err := ParseID([]byte(text), 0)
	if err != nil {
		return nil, fmt.Errorf("%w: large entry %q", errAnswer, text)
	}
	large := &LargeEntry{Channel: channel, ID: id}
	large.Bytes, _ = parts[1].(int64)
	large.Fields, _ = parts[2].(int64)
	return large, nil
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
