package history

// Questions about streams, and the answers of Redis.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// measured is an entry, or the size of one that is too large to be read.
type measured struct {
	stream.Entry
	large *LargeEntry // it was not read, and has no fields here; nil: it was read
}

// LargeEntry is the error for a reader that comes to an entry that is too large to be read.
type LargeEntry struct {
	Channel string
	ID      stream.ID
	Bytes   int64 // of its fields, names and values
	Fields  int64
}

// Error names the entry, without the channel.
func (e *LargeEntry) Error() string {
	fields := "1 field"
	if e.Fields != 1 {
		fields = fmt.Sprintf("%d fields", e.Fields)
	}
	return fmt.Sprintf("entry %v, of %d bytes in %s, is too large to be read", e.ID, e.Bytes, fields)
}

// maxEntry is the largest entry that is read for readers, in bytes. It fits into one
// answer.
const maxEntry = upstream.MaxAnswer - 64<<10

// bytes is the size of the fields, names and values, also if they were not read.
func (e *measured) bytes() (n int64) {
	if e.large != nil {
		return e.large.Bytes
	}
	for _, s := range e.Fields {
		n += int64(len(s))
	}
	return n
}

// question is a question about one stream.
type question struct {
	channel string
	entries bool // the entries behind after are wanted; otherwise only the facts
	after   stream.ID
	count   int  // of entries, at most, about; 0: no bound
	newest  bool // the newest entry alone is wanted
}

// tail is the answer. Without facts, a question for entries is answered by entries, more and
// refused only.
type tail struct {
	refused string    // Redis's error, such as WRONGTYPE
	absent  bool      // there is no such stream
	newest  stream.ID // the last ID ever given
	added   int64     // entries ever added; -1: this Redis does not count them
	length  int64
	first   stream.ID  // of the oldest entry that is left
	entries []measured // oldest first
	more    bool       // there are more
	heavy   bool       // the oldest is over maxEntry
}

var errAnswer = errors.New("Redis answered a script with something else than it returns")

// momentary are the codes of errors that Redis will not give again later.
var momentary = []string{
	"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY",
	"TRYAGAIN", "UNKILLABLE",
}

// lasting tells whether the same question will get the same error
// again.
func lasting(err error) bool {
	var refused upstream.ReplyError
	if errors.As(err, &refused) {
		code, _, _ := strings.Cut(string(refused), " ")
		return !slices.Contains(momentary, code)
	}
	return errors.Is(err, upstream.ErrTooLarge) || errors.Is(err, errAnswer) || errors.Is(err, errManyKeys)
}

// scriptArgs returns the keys and arguments of readScript. facts tells whether facts are wanted of all streams,
// or only of those without wanted entries. budget bounds the answer, in bytes, about; largest an entry in it.
func scriptArgs(names Names, list []question, facts bool, budget, largest int) (keys []string, args []any) {
	keys = make([]string, 0, len(list))
	args = make([]any, 0, 4+2*len(list))
	all := ""
	if facts {
		all = "1"
	}
	args = append(args, all, budget, largest, maxEntry)
	for _, q := range list {
		keys = append(keys, names.Key(q.channel))
		from := ""
		if q.entries {
			from = "(" + q.after.String()
		}
		if q.newest {
			from = "+"
		}
		args = append(args, from, q.count)
	}
	return keys, args
}

// readAnswer reads the result of readScript: an answer to each question, and the time of Redis, in milliseconds, at
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

// fetch reads the entries behind an ID on the reading connection, and waits for them.
func fetch(ctx context.Context, redis ReadConn, names Names, q question) (*tail, error) {
	list := []question{q}
	keys, args := scriptArgs(names, list, false, fetchBudget, maxEntry)
	v, err := redis.Eval(ctx, readScript, keys, args...)
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
	if t.newest, err = stream.ParseID([]byte(newest), 0); err != nil {
		return t, fmt.Errorf("%w: newest %q", errAnswer, newest)
	}
	if first != "" {
		if t.first, err = stream.ParseID([]byte(first), 0); err != nil {
			return t, fmt.Errorf("%w: first %q", errAnswer, first)
		}
	}
	list, _ := parts[5].([]any)
	t.entries = make([]measured, len(list))
	for i, v := range list {
		if t.entries[i], err = readMeasured(channel, v); err != nil {
			return t, err
		}
	}
	return t, nil
}

// readMeasured reads an entry, or {id, bytes, fields} of one that was too large.
func readMeasured(channel string, v any) (e measured, err error) {
	if parts, _ := v.([]any); len(parts) == 3 {
		if e.large, err = readLarge(channel, parts); err == nil {
			e.ID = e.large.ID
		}
		return e, err
	}
	e.Entry, err = readEntry(v)
	return e, err
}

// readLarge reads {id, bytes, fields}.
func readLarge(channel string, parts []any) (*LargeEntry, error) {
	text, _ := parts[0].(string)
	id, err := stream.ParseID([]byte(text), 0)
	if err != nil {
		return nil, fmt.Errorf("%w: large entry %q", errAnswer, text)
	}
	large := &LargeEntry{Channel: channel, ID: id}
	large.Bytes, _ = parts[1].(int64)
	large.Fields, _ = parts[2].(int64)
	return large, nil
}

// ReadEntries reads the answer of XRANGE: {{id, {field, value, ...}}, ...}.
func ReadEntries(v any) (entries []stream.Entry, err error) {
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
func readEntry(v any) (e stream.Entry, err error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 2 {
		return e, fmt.Errorf("%w: entry %v", errAnswer, v)
	}
	id, _ := parts[0].(string)
	if e.ID, err = stream.ParseID([]byte(id), 0); err != nil {
		return e, fmt.Errorf("%w: entry %q", errAnswer, id)
	}
	fields, _ := parts[1].([]any)
	for _, field := range fields {
		s, _ := field.(string)
		e.Fields = append(e.Fields, []byte(s))
	}
	return e, nil
}
