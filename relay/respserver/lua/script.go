package lua

// Lua scripts that do nothing but publish: they are parsed, and no Lua is run.

import (
	"errors"
	"strconv"
	"strings"

	"redis-relay/relay/resp"
)

// maxSource is the longest source that is parsed, in bytes.
const maxSource = 4 << 10

// Script is a parsed source: it publishes, in loops over ARGV or KEYS and outside of loops, and then returns a
// result.
type Script struct {
	// Result is what the script returns.
	Result Result

	steps []step
}

// step is one call of redis.call, or a loop of it.
type step struct {
	loop   table  // the table that a loop goes through; noTable: it is no loop
	from   int    // the index where the loop begins; the first is 1
	shard  bool   // SPUBLISH
	guards bool   // redis.pcall: errors are ignored
	args   [2]ref // channel and payload
}

// table is KEYS or ARGV.
type table uint8

const (
	noTable table = iota
	tableKEYS
	tableARGV
)

// ref is KEYS[index] or ARGV[index]. Index 0 stands for the index of the loop.
type ref struct {
	table table
	index int
}

// Result is what a script returns: nil, a number, or the answer to its last call.
type Result struct {
	Number int64
	IsNil  bool
	IsLast bool
}

// Message is the message that one call publishes.
type Message struct {
	Kind             resp.Kind
	Channel, Payload []byte
	Guarded          bool // an error with which it is refused is ignored
}

var errArgument = errors.New("ERR Lua redis lib command arguments must be strings or integers")

// Messages lists what the script publishes with these arguments. If one is missing, it returns an error and the
// messages before it.
func (s *Script) Messages(keys, argv [][]byte) (list []Message, err error) {
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
					return list, errArgument
				}
				values[i] = tables[r.table][index-1]
			}
			m := Message{resp.Message, values[0], values[1], st.guards}
			if st.shard {
				m.Kind = resp.SMessage
			}
			list = append(list, m)
		}
	}
	return list, nil
}

// Parse parses a source. It returns nil if the relay does not serve the script.
func Parse(source []byte) *Script {
	if len(source) > maxSource {
		return nil
	}
	p := parser{tokens: scan(string(source)), names: map[string]ref{}}
	s := &Script{Result: Result{IsNil: true}}
	for !p.failed && !p.done() {
		switch {
		case p.accept("local"):
			name := p.next()
			p.expect("=")
			p.names[name] = p.argument()
		case p.accept("for"):
			s.steps = append(s.steps, p.loop())
		case p.accept("return"):
			s.Result = p.result(s)
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

// parser parses tokens. Once failed is set, its results mean nothing.
type parser struct {
	tokens []string
	names  map[string]ref // local variables and, in a loop, its own variable
	failed bool
}

func (p *parser) done() bool { return len(p.tokens) == 0 }

func (p *parser) next() string {
	if p.done() {
		p.failed = true
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// accept skips the next token if it is this one, and reports whether it was.
func (p *parser) accept(token string) bool {
	if p.done() || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) expect(tokens ...string) {
	for _, t := range tokens {
		if !p.accept(t) {
			p.failed = true
		}
	}
}

func (p *parser) table() table {
	switch p.next() {
	case "KEYS":
		return tableKEYS
	case "ARGV":
		return tableARGV
	}
	p.failed = true
	return noTable
}

func (p *parser) number() int {
	n, err := strconv.Atoi(p.next())
	if err != nil || n < 0 {
		p.failed = true
	}
	return n
}

// loop reads what follows for: i = 1, #ARGV do … end, or _, v in ipairs(ARGV) do … end.
func (p *parser) loop() step {
	name := p.next()
	from := 1
	var loop table
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
func (p *parser) call() (s step) {
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
func (p *parser) argument() ref {
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

func (p *parser) peek() string {
	if p.done() {
		return ""
	}
	return p.tokens[0]
}

// result reads what follows return.
func (p *parser) result(s *Script) Result {
	switch {
	case p.done(), p.peek() == ";", p.accept("nil"):
		return Result{IsNil: true}
	case p.peek() == "redis":
		s.steps = append(s.steps, p.call())
		return Result{IsLast: true}
	}
	return Result{Number: int64(p.number())}
}
