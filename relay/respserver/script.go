package respserver

// Lua scripts that do nothing but publish: they are parsed, and no Lua is run.

import (
	"errors"
	"strconv"
	"strings"

	"redis-relay/relay/resp"
)

// maxScript is the longest source that is parsed, in bytes.
const maxScript = 4 << 10

// script is a parsed source: it publishes, in loops over ARGV or KEYS and outside of loops, and then returns a
// result.
type script struct {
	steps  []step
	result scriptResult
}

// step is one call of redis.call, or a loop of it.
type step struct {
	loop   luaTable // the table that a loop goes through; noTable: it is no loop
	from   int      // the index where the loop begins; the first is 1
	shard  bool     // SPUBLISH
	guards bool     // redis.pcall: errors are ignored
	args   [2]ref   // channel and payload
}

// luaTable is KEYS or ARGV.
type luaTable uint8

const (
	noTable luaTable = iota
	tableKEYS
	tableARGV
)

// ref is KEYS[index] or ARGV[index]. Index 0 stands for the index of the loop.
type ref struct {
	table luaTable
	index int
}

// scriptResult is what a script returns: nil, a number, or the answer to its last call.
type scriptResult struct {
	number int64
	isNil  bool
	isLast bool
}

// scriptMessage is the message that one call publishes.
type scriptMessage struct {
	kind             resp.Kind
	channel, payload []byte
	guarded          bool
}

var errScriptArgument = errors.New("ERR Lua redis lib command arguments must be strings or integers")

// messages lists what the script publishes with these arguments. If one is missing, it returns an error and the
// messages before it.
func (s *script) messages(keys, argv [][]byte) (list []scriptMessage, err error) {
	tables := [...][][]byte{tableKEYS: keys, tableARGV: argv}
	for _, st := range s.steps {
		first, last := 1, 1
		if st.loop != noTable {
			first, last = st.from, len(tables[st.loop])
		}
		for n := first; n <= last; n++ {
			var values [2][]byte
			for i, r := range st.args {
				index := r.index
				if index == 0 {
					index = n
				}
				if index < 1 || index > len(tables[r.table]) {
					return list, errScriptArgument
				}
				values[i] = tables[r.table][index-1]
			}
			m := scriptMessage{resp.Message, values[0], values[1], st.guards}
			if st.shard {
				m.kind = resp.SMessage
			}
			list = append(list, m)
		}
	}
	return list, nil
}

// parseScript parses a source. It returns nil if the relay does not serve the script.
func parseScript(source []byte) *script {
	if len(source) > maxScript {
		return nil
	}
	p := scriptParser{tokens: scan(string(source)), names: map[string]ref{}}
	s := &script{result: scriptResult{isNil: true}}
	for !p.failed && !p.done() {
		switch {
		case p.accept("local"):
			name := p.next()
			p.expect("=")
			p.names[name] = p.argument()
		case p.accept("for"):
			s.steps = append(s.steps, p.loop())
		case p.accept("return"):
			s.result = p.result(s)
			p.accept(";")
			p.failed = p.failed || !p.done()
		default:
			s.steps = append(s.steps, p.call())
		}
		p.accept(";")
	}
	if p.failed || len(s.steps) == 0 {
		return nil
	}
	return s
}

// scriptParser parses tokens. Once failed is set, its results mean nothing.
type scriptParser struct {
	tokens []string
	names  map[string]ref // local variables and, in a loop, its own variable
	failed bool
}

func (p *scriptParser) done() bool { return len(p.tokens) == 0 }

func (p *scriptParser) next() string {
	if p.done() {
		p.failed = true
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// accept skips the next token if it is this one, and reports whether it was.
func (p *scriptParser) accept(token string) bool {
	if p.done() || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *scriptParser) expect(tokens ...string) {
	for _, t := range tokens {
		if !p.accept(t) {
			p.failed = true
		}
	}
}

func (p *scriptParser) table() luaTable {
	switch p.next() {
	case "KEYS":
		return tableKEYS
	case "ARGV":
		return tableARGV
	}
	p.failed = true
	return noTable
}

func (p *scriptParser) number() int {
	n, err := strconv.Atoi(p.next())
	if err != nil || n < 0 {
		p.failed = true
	}
	return n
}

// loop reads what follows for: i = 1, #ARGV do … end, or _, v in ipairs(ARGV) do … end.
func (p *scriptParser) loop() step {
	name := p.next()
	from := 1
	var loop luaTable
	index := ref{} // the loop's own number, of no table
	if p.accept("=") {
		from = p.number()
		p.expect(",", "#")
		loop = p.table()
	} else {
		p.expect(",")
		name = p.next()
		p.expect("in", "ipairs", "(")
		loop = p.table()
		p.expect(")")
		index.table = loop
	}
	outer, had := p.names[name]
	p.names[name] = index
	p.expect("do")
	s := p.call()
	p.accept(";")
	p.expect("end")
	if delete(p.names, name); had {
		p.names[name] = outer
	}
	s.loop, s.from = loop, max(1, from)
	p.failed = p.failed || from < 1
	return s
}

// call reads redis.call('publish', channel, payload).
func (p *scriptParser) call() (s step) {
	p.expect("redis", ".")
	s.guards = p.accept("pcall")
	if !s.guards {
		p.expect("call")
	}
	p.expect("(")
	switch strings.ToLower(p.next()) {
	case "'publish":
	case "'spublish":
		s.shard = true
	default:
		p.failed = true
	}
	for i := range s.args {
		p.expect(",")
		s.args[i] = p.argument()
	}
	p.expect(")")
	return s
}

// argument reads KEYS[1], ARGV[i], or the name of one of these.
func (p *scriptParser) argument() ref {
	if p.done() || p.tokens[0] != "KEYS" && p.tokens[0] != "ARGV" {
		r, known := p.names[p.next()]
		p.failed = p.failed || !known || r.table == noTable // a number alone is no message
		return r
	}
	r := ref{table: p.table()}
	p.expect("[")
	if name, known := p.names[p.peek()]; known && name.table == noTable {
		p.next() // the number of the loop
	} else if r.index = p.number(); r.index < 1 {
		p.failed = true
	}
	p.expect("]")
	return r
}

func (p *scriptParser) peek() string {
	if p.done() {
		return ""
	}
	return p.tokens[0]
}

// result reads what follows return.
func (p *scriptParser) result(s *script) scriptResult {
	switch {
	case p.done(), p.peek() == ";", p.accept("nil"):
		return scriptResult{isNil: true}
	case p.peek() == "redis":
		s.steps = append(s.steps, p.call())
		return scriptResult{isLast: true}
	}
	return scriptResult{number: int64(p.number())}
}
