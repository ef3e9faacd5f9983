package upstream

// Lua scripts, and calls of them that share one command.

import (
	"crypto/sha1" //nolint:gosec // it is how Redis names a script
	"encoding/hex"
	"errors"
	"strings"

	"redis-relay/relay/resp"
)

const (
	maxCalls     = 64      // that share a command: Redis serves nobody else meanwhile
	maxCallBytes = 1 << 20 // of keys and arguments in one command, about
)

var errScript = errors.New("a script returned something else than a value for each item")

// Script is known to Redis by the hash of its source.
type Script struct{ source, sha []byte }

// NewScript returns a script. For Call it is given keys, one for each group of items,
// and in ARGV first for each group how many items it has and its head, all heads of
// one length, and then all items. It must return an array with one element for each
// item. Without keys it must do nothing.
func NewScript(source string) *Script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{[]byte(source), []byte(hex.EncodeToString(sum[:]))}
}

// Call is one item for a script, with the key it is for. Neighbours with the same key
// and head are a group; what the script is to know of a group's first item only comes
// last in its head. Connection.Call copies it all.
type Call struct {
	Key   []byte
	Head  [][]byte
	First []byte
	Item  []byte
}

// Call queues a call of a script, as Publish does. Calls of one script that stand next
// to each other, and are sent together, become one command. Each gets its own
// element of what the script returns; if that is lost with the connection, see Record.
func (c *Connection) Call(from uint64, s *Script, a Answer, what Call) error {
	size := int64(overhead + len(what.Key) + len(what.First) + len(what.Item))
	for _, h := range what.Head {
		size += int64(len(h))
	}
	if err := c.count(size); err != nil {
		return err
	}
	p := c.next()
	if p != &c.waiting {
		c.life.mark.ready(s)
	}
	o := p.open
	if o == nil || o.script != s || len(o.list) >= maxCalls || o.bytes > maxCallBytes || o.old() {
		p.seal(c)
		o = &calls{connection: c, script: s, began: c.loop.Now(), number: c.record.next(s)}
		c.take(command{answer: o})
		p.open = o
	}
	wire := o.add(&what)
	o.list = append(o.list, item{a, from, size, wire})
	o.size += size
	p.list.last().size = o.size
	return nil
}

// Eval runs a script and has done told what it returns, as Ask does. The first time on a connection it
// brings the source: a refused EVALSHA would be overtaken by what follows.
func (c *Connection) Eval(s *Script, keys []string, done func(v any, err error), args ...any) {
	words := evalWords(s, keys, args)
	if c.mustBring(s) {
		words[0], words[1] = "EVAL", s.source
		c.Ask(done, words...)
		return
	}
	c.Ask(func(v any, err error) {
		if c.wantsSource(err) {
			words[0], words[1] = "EVAL", s.source
			c.Ask(done, words...)
			return
		}
		done(v, err)
	}, words...)
}

// mustBring tells whether a script must come with its source.
func (c *Connection) mustBring(s *Script) bool {
	k := c.life
	if k == nil || !k.restored || k.noSHA {
		return true
	}
	if k.brought[s] {
		return false
	}
	if k.brought == nil {
		k.brought = map[*Script]bool{}
	}
	k.brought[s] = true
	return true
}

func evalWords(s *Script, keys []string, args []any) []any {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "EVALSHA", s.sha, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	return append(words, args...)
}

// wantsSource tells whether Redis will carry out a script only with its source: it does
// not know it, or does not allow EVALSHA, of which the life takes note.
func (c *Connection) wantsSource(err error) bool {
	unknown, never := sourceWanted(err)
	if never && c.life != nil {
		c.life.noSHA = true
	}
	return unknown || never
}

// sourceWanted tells whether Redis does not know a script by its hash, or never carries one out by that.
func sourceWanted(err error) (unknown, never bool) {
	var refused ReplyError
	if !errors.As(err, &refused) {
		return false, false
	}
	code, text, _ := strings.Cut(strings.ToLower(string(refused)), " ")
	never = strings.Contains(text, "evalsha") && (code == "noperm" || strings.HasPrefix(text, "unknown command"))
	return code == "noscript", never
}

// seal encodes the command that calls could still be added to. The first one brings the
// source: a refused EVALSHA would be overtaken by what follows. So does what begins each
// further connection, see bring.
func (p *pending) seal(c *Connection) {
	o := p.open
	if o == nil {
		return
	}
	before := len(p.wire)
	if c.loaded == o.script && (c.life == nil || !c.life.noSHA) {
		p.wire = o.append(p.wire, "EVALSHA", o.script.sha)
	} else {
		p.wire = o.append(p.wire, "EVAL", o.script.source)
	}
	c.loaded = o.script
	n := len(p.wire) - before
	p.list.last().wire = n
	p.bytes += n
	p.open = nil
}

// bring has a new connection begin with the source of the script that waiting
// calls only name: this Redis may not know it, and the call that brought it may have
// gone to another, or have waited too long.
func (k *life) bring(c *Connection) {
	if c.loaded == nil {
		return
	}
	before := len(k.wire)
	k.wire = (&calls{}).append(k.wire, "EVAL", c.loaded.source)
	k.push(command{answer: AnswerFunc(func(resp.Value, error) {}), wire: len(k.wire) - before})
}
