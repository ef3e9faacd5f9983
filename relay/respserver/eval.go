package respserver

// EVAL, EVALSHA and SCRIPT, for scripts that only publish: Laravel broadcasts by one.

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // it is how Redis names a script
	"encoding/hex"
	"strings"
	"sync"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

const (
	errNoScript  = "NOSCRIPT No matching script. Please use EVAL."
	errNotScript = "ERR the relay runs no Lua: it serves scripts that only PUBLISH what is in ARGV or KEYS, " +
		"such as Laravel's broadcaster sends; send others to Redis itself"
)

func scriptCommands() []*command {
	return []*command{
		{
			name: "eval", arity: -3, group: "scripting", since: "2.6.0", run: (*session).eval,
			summary: "Carries out a server-side Lua script that only publishes.",
		},
		{
			name: "evalsha", arity: -3, group: "scripting", since: "2.6.0", run: (*session).evalSHA,
			summary: "Carries out a server-side Lua script that only publishes, by its SHA1 digest.",
		},
		{
			name: "script", arity: -2, group: "scripting", since: "2.6.0", subs: scriptSubcommands,
			summary: "A container for Lua scripts management commands.",
		},
	}
}

var scriptSubcommands = table(
	&command{
		name: "script|load", arity: 3, run: (*session).scriptLoad,
		summary: "Loads a server-side Lua script that only publishes.", since: "2.6.0", group: "scripting",
	},
	&command{
		name: "script|exists", arity: -3, run: (*session).scriptExists,
		summary: "Determines whether server-side Lua scripts are known.", since: "2.6.0", group: "scripting",
	},
	&command{
		name: "script|flush", arity: -2, run: (*session).scriptFlush,
		summary: "Forgets all server-side Lua scripts.", since: "2.6.0", group: "scripting",
	},
	&command{name: "script|help", arity: 2, run: help("SCRIPT", []string{
		"EXISTS <sha1> [<sha1> ...]", "    Return information about the existence of the scripts in the script cache.",
		"FLUSH [ASYNC|SYNC]", "    Flush the Lua scripts cache.",
		"LOAD <script>", "    Load a script into the scripts cache without executing it.",
	}), summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "scripting"},
)

// maxScripts is how many scripts are known by their digest. Beyond, all are forgotten:
// clients then send the source.
const maxScripts = 64

// scripts are those known by their digest.
type scripts struct {
	mu   sync.Mutex
	list map[string]*script // guarded by mu
}

// add recognises a script and remembers it, if it is one that is served.
func (s *scripts) add(source []byte) (sha string, known *script) {
	if known = parseScript(source); known == nil {
		return "", nil
	}
	sum := sha1.Sum(source) //nolint:gosec // see above
	sha = hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil || len(s.list) >= maxScripts {
		s.list = map[string]*script{}
	}
	s.list[sha] = known
	return sha, known
}

func (s *scripts) find(sha []byte) *script {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[string(bytes.ToLower(sha))]
}

func (s *scripts) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
}

func (c *session) scriptLoad(args [][]byte) {
	sha, known := c.srv.scripts.add(args[2])
	if known == nil {
		c.replyError(errNotScript)
		return
	}
	c.reply(resp.AppendBulkString(c.scratch, sha))
}

func (c *session) scriptExists(args [][]byte) {
	b := resp.AppendArray(c.scratch, len(args)-2)
	for _, sha := range args[2:] {
		n := int64(0)
		if c.srv.scripts.find(sha) != nil {
			n = 1
		}
		b = resp.AppendInt(b, n)
	}
	c.reply(b)
}

func (c *session) scriptFlush(args [][]byte) {
	mode := strings.ToLower(string(bytes.Join(args[2:], []byte{' '})))
	if mode != "" && mode != "sync" && mode != "async" {
		c.replyError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	c.srv.scripts.forget()
	c.replySimple("OK")
}

func (c *session) eval(args [][]byte) {
	keys, argv, problem := scriptArguments(args)
	if problem != "" {
		c.replyError(problem)
		return
	}
	if _, s := c.srv.scripts.add(args[1]); s != nil {
		c.runScript(s, keys, argv)
		return
	}
	c.replyError(errNotScript)
}

func (c *session) evalSHA(args [][]byte) {
	keys, argv, problem := scriptArguments(args)
	if problem != "" {
		c.replyError(problem)
		return
	}
	if s := c.srv.scripts.find(args[1]); s != nil {
		c.runScript(s, keys, argv)
		return
	}
	c.replyError(errNoScript)
}

// scriptArguments reads what follows the script: how many keys, the keys, the rest.
func scriptArguments(args [][]byte) (keys, argv [][]byte, problem string) {
	n, ok := resp.ParseInt(args[2])
	rest := args[3:]
	switch {
	case !ok:
		return nil, nil, errNotInteger
	case n > int64(len(rest)):
		return nil, nil, "ERR Number of keys can't be greater than number of args"
	case n < 0:
		return nil, nil, "ERR Number of keys can't be negative"
	}
	return rest[:n], rest[n:], ""
}

// runScript publishes all messages of a script, each as PUBLISH would. As in Redis it ends
// at the first that is refused, unless the script says pcall. The answer waits for all.
func (c *session) runScript(s *script, keys, argv [][]byte) {
	list, err := s.messages(keys, argv)
	run := &scriptRun{session: c, proto: c.proto, result: s.result, left: 1, err: err}
	for i, m := range list {
		p, ok := c.ready(Publication{Kind: m.kind, Channel: m.channel, Payload: m.payload})
		if !ok {
			return // ending
		}
		if i == 0 && !run.keepPlace() {
			<-c.window
			return
		}
		run.begin()
		part := &scriptPart{run, m.guarded}
		err := c.srv.backend.Publish(p, part)
		c.unsent = true
		if err != nil {
			part.Published(0, "", err)
		}
		if err != nil && !m.guarded {
			run.err = nil // what would have come behind it does not count
			break
		}
	}
	if len(list) == 0 && !run.keepPlace() {
		return
	}
	run.end()
}

// scriptRun is a script whose messages are on their way.
type scriptRun struct {
	// Fixed after construction.
	session *session
	proto   resp.Proto
	hold    *hub.Hold // nil: the client wants no reply
	result  scriptResult

	mu     sync.Mutex // Guards what follows.
	left   int        // messages that were not answered, and one while there may be more
	last   int64      // receivers of the last one that was answered
	failed error      // the first that was not guarded
	err    error      // of the script itself, behind its messages
}

// keepPlace takes the place of the answer. It reports false for a session that is ending.
func (r *scriptRun) keepPlace() bool {
	if r.session.muted {
		return true
	}
	r.hold = r.session.out.Hold()
	return r.hold != nil
}

func (r *scriptRun) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left++
}

// answered takes the answer to a message.
func (r *scriptRun) answered(receivers int64, err error) {
	r.mu.Lock()
	if err == nil {
		r.last = receivers
	} else if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.end()
}

// end is called once for each begin, and once at the end. With the last call the client
// gets its answer.
func (r *scriptRun) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left--; r.left > 0 || r.hold == nil {
		return
	}
	var buf [64]byte
	switch {
	case r.failed != nil:
		r.hold.Fill(resp.AppendError(buf[:0], r.failed.Error()))
	case r.err != nil:
		r.hold.Fill(resp.AppendError(buf[:0], r.err.Error()))
	case r.result.isNil:
		r.hold.Fill(resp.AppendNull(buf[:0], r.proto))
	case r.result.isLast:
		r.hold.Fill(resp.AppendInt(buf[:0], r.last))
	default:
		r.hold.Fill(resp.AppendInt(buf[:0], r.result.number))
	}
}

// scriptPart is the receipt of one message.
type scriptPart struct {
	run     *scriptRun
	guarded bool
}

// Published takes what became of it.
func (p *scriptPart) Published(receivers int64, _ string, err error) {
	<-p.run.session.window
	if p.guarded {
		err = nil
	}
	p.run.answered(receivers, err)
}

// Flush lets the answer out.
func (p *scriptPart) Flush() { p.run.session.letOut() }
