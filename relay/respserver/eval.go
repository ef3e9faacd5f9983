package respserver

// EVAL, EVALSHA and SCRIPT, for scripts that only publish: Laravel broadcasts by one.

import (
	"bytes"
	"strings"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver/lua"
)

const (
	errNoScript  = "NOSCRIPT No matching script. Please use EVAL."
	errNotScript = "ERR the relay runs no Lua: it serves scripts that only PUBLISH what is in ARGV or KEYS, " +
		"such as Laravel's broadcaster sends; send others to Redis itself"
)

func scriptCommands() []*command {
	return []*command{
		{
			name: "eval", arity: -3, group: "scripting", since: "2.6.0", run: eval,
			summary: "Carries out a server-side Lua script that only publishes.",
		},
		{
			name: "evalsha", arity: -3, group: "scripting", since: "2.6.0", run: evalSHA,
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
		name: "script|load", arity: 3, run: scriptLoad,
		summary: "Loads a server-side Lua script that only publishes.", since: "2.6.0", group: "scripting",
	},
	&command{
		name: "script|exists", arity: -3, run: scriptExists,
		summary: "Determines whether server-side Lua scripts are known.", since: "2.6.0", group: "scripting",
	},
	&command{
		name: "script|flush", arity: -2, run: scriptFlush,
		summary: "Forgets all server-side Lua scripts.", since: "2.6.0", group: "scripting",
	},
	&command{name: "script|help", arity: 2, run: help("SCRIPT", []string{
		"EXISTS <sha1> [<sha1> ...]", "    Return information about the existence of the scripts in the script cache.",
		"FLUSH [ASYNC|SYNC]", "    Flush the Lua scripts cache.",
		"LOAD <script>", "    Load a script into the scripts cache without executing it.",
	}), summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "scripting"},
)

func scriptLoad(c *session, args [][]byte) {
	sha, known := c.srv.scripts.Add(args[2])
	if known == nil {
		c.replies.err(errNotScript)
		return
	}
	c.replies.send(resp.AppendBulkString(c.replies.scratch, sha))
}

func scriptExists(c *session, args [][]byte) {
	b := resp.AppendArray(c.replies.scratch, len(args)-2)
	for _, sha := range args[2:] {
		n := int64(0)
		if c.srv.scripts.Find(sha) != nil {
			n = 1
		}
		b = resp.AppendInt(b, n)
	}
	c.replies.send(b)
}

func scriptFlush(c *session, args [][]byte) {
	mode := strings.ToLower(string(bytes.Join(args[2:], []byte{' '})))
	if mode != "" && mode != "sync" && mode != "async" {
		c.replies.err("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	c.srv.scripts.Forget()
	c.replies.simple("OK")
}

func eval(c *session, args [][]byte) {
	keys, argv, problem := scriptArguments(args)
	if problem != "" {
		c.replies.err(problem)
		return
	}
	if _, s := c.srv.scripts.Add(args[1]); s != nil {
		runScript(c, s, keys, argv)
		return
	}
	c.replies.err(errNotScript)
}

func evalSHA(c *session, args [][]byte) {
	keys, argv, problem := scriptArguments(args)
	if problem != "" {
		c.replies.err(problem)
		return
	}
	if s := c.srv.scripts.Find(args[1]); s != nil {
		runScript(c, s, keys, argv)
		return
	}
	c.replies.err(errNoScript)
}

// scriptArguments parses the arguments after the script: the number of keys, the keys, the rest.
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

// runScript publishes all messages of a script, each as PUBLISH would. As in Redis, the script ends at the first
// message that is refused, unless it was called by pcall. The reply waits for all messages.
func runScript(c *session, s *lua.Script, keys, argv [][]byte) {
	list, err := s.Messages(keys, argv)
	run := &scriptRun{session: c, proto: c.proto, result: s.Result, unanswered: 1, err: err}
	if !c.replies.muted && !c.out.Reserve(&run.slot) {
		return
	}
	run.rest = list
	run.publish()
}

// publish publishes the rest, up to a message that is being checked.
func (r *scriptRun) publish() {
	c := r.session
	for len(r.rest) > 0 {
		m := r.rest[0]
		r.rest = r.rest[1:]
		r.unanswered++
		part := &scriptPart{r, m.Guarded}
		err := c.submit(Publication{Kind: m.Kind, Channel: m.Channel, Payload: m.Payload}, part)
		switch {
		case err != nil && !m.Guarded:
			r.err, r.rest = nil, nil // Redis would not carry out what follows
		case c.publishes.checking == part:
			r.cloneRest()
			return
		}
	}
	r.partDone()
}

// cloneRest copies the rest out of the command's memory.
func (r *scriptRun) cloneRest() {
	if r.cloned {
		return
	}
	r.cloned = true
	for i := range r.rest {
		m := &r.rest[i]
		m.Channel, m.Payload = bytes.Clone(m.Channel), bytes.Clone(m.Payload)
	}
}

// scriptRun is a script that is not answered yet.
type scriptRun struct {
	session    *session
	proto      resp.Proto
	slot       hub.Slot // zero: the client wants no reply
	result     lua.Result
	rest       []lua.Message // not published yet
	cloned     bool          // rest has memory of its own
	unanswered int           // messages that are not answered, and one more while there may be more messages
	last       int64         // receivers of the message that was answered last
	failed     error         // the first error of a message that was not guarded
	err        error         // of the script itself, after its messages
}

// answered notes the answer to a message.
func (r *scriptRun) answered(receivers int64, err error) {
	if err == nil {
		r.last = receivers
	} else if r.failed == nil {
		r.failed = err
	}
	r.partDone()
}

// partDone is called once for each message, and once when all are published. The last call sends the reply.
func (r *scriptRun) partDone() {
	if r.unanswered--; r.unanswered > 0 {
		return
	}
	var buf [64]byte
	switch {
	case r.failed != nil:
		r.slot.Complete(resp.AppendError(buf[:0], r.failed.Error()))
	case r.err != nil:
		r.slot.Complete(resp.AppendError(buf[:0], r.err.Error()))
	case r.result.IsNil:
		r.slot.Complete(resp.AppendNull(buf[:0], r.proto))
	case r.result.IsLast:
		r.slot.Complete(resp.AppendInt(buf[:0], r.last))
	default:
		r.slot.Complete(resp.AppendInt(buf[:0], r.result.Number))
	}
}

// scriptPart is the Receipt of one message of a script.
type scriptPart struct {
	run     *scriptRun
	guarded bool
}

// Checked publishes the messages after this one.
func (p *scriptPart) Checked() {
	if p.run.session.checkEnded(p) {
		p.run.publish()
	}
}

// Published notes the answer, and publishes the messages after this one if they waited for its check.
func (p *scriptPart) Published(receivers int64, _ string, err error) {
	c := p.run.session
	waited := c.checkEnded(p)
	c.publishAnswered()
	refused := err != nil && !p.guarded
	if p.guarded {
		err = nil
	}
	if waited && refused {
		p.run.err, p.run.rest = nil, nil
	}
	p.run.answered(receivers, err)
	if waited {
		p.run.publish()
	}
}
