package upstream

// Lua scripts: how they are called, and when Redis is sent their source.

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"errors"
	"strings"

	"redis-relay/relay/resp"
)

// Script is a Lua script, which Redis knows by the hash of its source. It is immutable.
type Script struct{ source, sha []byte }

// NewScript returns a script. For Connection.Call the script gets KEYS, one for each group of items. ARGV has
// first, for each group, how many items it has and its head, all heads of one length; then all items. The
// script must return an array with one element for each group: an array with a value for each item, or one
// string "<value>,<value>... <end>", which stands for "<value> <end>" for each item. Without groups it must do
// nothing: then it has no keys, or that of Connection.Record alone.
func NewScript(source string) *Script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{[]byte(source), []byte(hex.EncodeToString(sum[:]))}
}

// Call is one item for a script. Neighbours with the same key and head are a group. Connection.Call
// copies all of it.
type Call struct {
	Key   []byte
	Head  [][]byte
	First []byte // ends the head of the group; only that of the group's first item counts
	Item  []byte
}

// Call queues a call of a script, as Publish does. Neighbouring calls of one script become one command. Each
// gets its own value of those that the script returns; if that is lost with the session, see Record.
func (c *Connection) Call(sender uint64, script *Script, a Answer, what Call) error {
	size := int64(overhead + len(what.Key) + len(what.First) + len(what.Item))
	for _, h := range what.Head {
		size += int64(len(h))
	}
	b := &c.backlog
	if err := b.charge(size); err != nil {
		return err
	}
	p := b.destination()
	if p != &b.waiting.pending {
		b.session.mark.ensure(script)
	}
	open := p.open
	if open == nil || !open.takes(script) {
		p.seal(b)
		open = &batch{backlog: b, record: &c.record, script: script, began: c.loop.Now(), number: c.record.nextNumber(script)}
		b.enqueue(command{answer: open})
		p.open = open
	}
	wire := open.add(&what)
	open.items = append(open.items, item{a, sender, size, wire})
	open.size += size
	p.list.last().size = open.size
	return nil
}

// Eval runs a script and calls done with its result, as Do does. It sends the source the first time in each
// session, because a refused EVALSHA would be overtaken by later commands.
func (c *Connection) Eval(script *Script, keys []string, done func(v any, err error), args ...any) {
	list := evalArgs(script, keys, args)
	if c.backlog.session.needsSource(script) {
		list[0], list[1] = "EVAL", script.source
		c.Do(done, list...)
		return
	}
	c.Do(func(v any, err error) {
		if c.backlog.wantsSource(err) {
			list[0], list[1] = "EVAL", script.source
			c.Do(done, list...)
			return
		}
		done(v, err)
	}, list...)
}

func evalArgs(script *Script, keys []string, args []any) []any {
	list := make([]any, 0, 3+len(keys)+len(args))
	list = append(list, "EVALSHA", script.sha, len(keys))
	for _, key := range keys {
		list = append(list, key)
	}
	return append(list, args...)
}

// needsSource tells whether a script must be sent with its source, and notes that it now is. s may be nil.
func (s *session) needsSource(script *Script) bool {
	if s == nil || !s.restored || s.noSHA {
		return true
	}
	if s.sourceSent[script] {
		return false
	}
	if s.sourceSent == nil {
		s.sourceSent = map[*Script]bool{}
	}
	s.sourceSent[script] = true
	return true
}

// sendSource begins a session with the source of a script, if it is not nil. Waiting calls only name the
// script: this Redis may not know it, and the call with the source may have gone to another, or have expired.
func (s *session) sendSource(script *Script) {
	if script == nil {
		return
	}
	before := len(s.wire)
	s.wire = s.connection.record.appendSource(s.wire, script)
	s.push(command{answer: AnswerFunc(func(resp.Value, error) {}), wire: len(s.wire) - before})
}

// wantsSource tells whether Redis carries out a script only with its source: it does
// not know the script, or does not allow EVALSHA, which is noted for the session.
func (b *backlog) wantsSource(err error) bool {
	unknown, never := sourceWanted(err)
	if never && b.session != nil {
		b.session.noSHA = true
	}
	return unknown || never
}

// sourceWanted tells whether Redis does not know a script by its hash, or never runs one by its hash.
func sourceWanted(err error) (unknown, never bool) {
	var refused ReplyError
	if !errors.As(err, &refused) {
		return false, false
	}
	code, text, _ := strings.Cut(strings.ToLower(string(refused)), " ")
	never = strings.Contains(text, "evalsha") && (code == "noperm" || Lacks(refused))
	return code == "noscript", never
}
