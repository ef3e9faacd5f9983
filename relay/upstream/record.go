package upstream

// Notes in Redis of what calls have returned, for when an answer is lost with its connection.

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	noteTTL    = time.Hour // a note is kept for longer than anybody may ask for it
	maxPerLook = 256       // calls that are asked about at once
)

// look tells what became of calls, and marks that this connection has begun. KEYS: the record. ARGV: the
// mark, or "" for none; the time to live of the record in milliseconds; then for each call its number and
// the mark under which it was sent.
//
// For each it returns "+" and what the script has returned; "-" if it was not carried out; or "?". The first
// needs the note. The second needs proof that there would be one: the same process of Redis, and a record that
// has not been deleted, or evicted, since the mark was set; or an earlier mark, behind which that one, and the
// call, was not carried out. Then the place of the note is taken, so that the next connection may ask again.
var look = NewScript(`
local record, out = KEYS[1], {}
local run = redis.pcall('INFO', 'server')
run = type(run) == 'string' and string.match(run, 'run_id:(%x+)') or ''
local mark = redis.pcall('HGET', record, 'mark')
local marked, process = string.match(type(mark) == 'string' and mark or '', '^(%d+) (%x+)$')
for i = 3, #ARGV, 2 do
  local number, place, told = ARGV[i], string.sub(ARGV[i], -2), '?'
  local note = redis.pcall('HGET', record, place)
  local noted, reply = string.match(type(note) == 'string' and note or '', '^(%d+) ?(.*)$')
  if noted == number then
    told = reply == '' and '-' or '+' .. reply
  elseif noted and tonumber(noted) > tonumber(number) then
    told = '?'
  elseif marked and process == run and tonumber(marked) <= tonumber(ARGV[i + 1]) then
    local taken = redis.pcall('HSET', record, place, number)
    if type(taken) == 'number' then told = '-' end
  end
  out[#out + 1] = told
end
if ARGV[1] ~= '' then
  redis.pcall('HSET', record, 'mark', ARGV[1] .. ' ' .. run)
  redis.pcall('PEXPIRE', record, ARGV[2])
end
return out
`)

// notes is where a script notes what it has returned: a hash, of which each call has the field that its
// number ends with, two digits. A call that is lost with its connection is in doubt until the next
// connection has asked.
type notes struct {
	// Fixed by Record.
	connection *Connection
	script     *Script
	key        string
	expiry     *loop.Timer // for the first of doubts

	number uint64 // of the last call
	mark   uint64 // the last one set
	doubts []*doubt
}

// mark is what a life has set in the record, and how Redis can be made to end it.
type mark struct {
	life   *life
	number uint64
	behind uint64 // calls up to this number were sent under an earlier mark
	set    time.Time
	kill   []string // a command that makes sure that the life is over for Redis, too; nil: there is none
}

// Record has each call of a script noted in Redis, under a key that no other Connection uses. The script is
// given the key behind the keys of its groups, and the call's number behind all of ARGV. If the call has
// changed anything, it must end with HSET of the last two digits of the number to "<number> <reply>": in the
// reply there is a line for each group; a list begins with a tab and has tabs between its elements.
//
// Calls whose answer is lost are then answered after the next connection has told: as if nothing had been
// lost, or ErrDown if they were not carried out. ErrUnknown is left for: calls that no connection told of
// within the time for a publish, counted from the loss; calls that another Redis, or the same one after a
// restart, does not know; more than 100 calls in flight; and the first calls of all, if they are lost before
// Redis has carried out anything. If Redis refuses HGET, HSET or EVAL to the user, all are ErrUnknown; if it
// refuses INFO or CLIENT, or the connection is a Unix socket, those that were not carried out.
//
// The record is a hash of at most 110 fields. It ends an hour after the Connection. Record is called once,
// before Run.
func (c *Connection) Record(s *Script, key string) {
	r := &c.record
	r.connection, r.script, r.key = c, s, key
	r.expiry = c.loop.AfterFunc(0, r.expire)
	r.expiry.Stop()
}

// next returns the number of the next call of a script, or 0 if it is not noted.
func (r *notes) next(s *Script) uint64 {
	if r.script != s {
		return 0
	}
	r.number++
	return r.number
}

// ready has the record marked, before the first call of a life.
func (m *mark) ready(s *Script) {
	if m.life.connection.record.script == s && m.number == 0 {
		m.ask()
	}
}

// keep renews the mark, and with it the time to live of the record.
func (m *mark) keep() {
	if m.number > 0 && m.life.connection.loop.Now().Sub(m.set) > noteTTL/4 {
		m.ask()
	}
}

// ask asks about all calls in doubt, and marks the record.
func (m *mark) ask() {
	c := m.life.connection
	r := &c.record
	m.life.seal(c)
	dead := m.killOthers(r.doubts)
	if m.number > 0 {
		m.behind = r.number
	}
	r.mark++
	m.number, m.set = r.mark, c.loop.Now()
	rest := slices.Clone(r.doubts)
	for {
		some := rest[:min(len(rest), maxPerLook)]
		rest = rest[len(some):]
		m.look(some, dead, len(rest) == 0)
		if len(rest) == 0 {
			return
		}
	}
}

// look asks about some calls. With last it sets the mark.
func (m *mark) look(some []*doubt, dead map[uint64]bool, last bool) {
	c, set := m.life.connection, ""
	if last {
		set = strconv.FormatUint(m.number, 10)
	}
	words := []any{
		"EVAL", look.source, 1, c.record.key, set, max(noteTTL, 8*c.opts.PublishTimeout).Milliseconds(),
	}
	for _, d := range some {
		words = append(words, d.calls.number, d.mark)
	}
	m.life.send(AnswerFunc(func(v resp.Value, err error) {
		list, _ := Plain(v).([]any)
		if err != nil || len(list) != len(some) {
			return // the next life asks again
		}
		for i, told := range list {
			text, _ := told.(string)
			c.record.resolve(some[i], text, dead[some[i].mark])
		}
	}), words...)
}

// killOthers makes sure that Redis carries out nothing more of the lives that sent calls in doubt. Redis may
// still have to read commands of a connection that was cut off. Once Redis has answered, dead tells of which
// marks that is certain.
func (m *mark) killOthers(doubts []*doubt) (dead map[uint64]bool) {
	dead = map[uint64]bool{}
	asked := map[uint64]bool{}
	for _, d := range doubts {
		if d.kill == nil || asked[d.mark] {
			continue
		}
		asked[d.mark] = true
		words := make([]any, len(d.kill))
		for i, w := range d.kill {
			words[i] = w
		}
		m.life.send(AnswerFunc(func(v resp.Value, err error) {
			dead[d.mark] = err == nil && v.Type == ':'
		}), words...)
	}
	return dead
}

// introduce asks who this connection is, in time for the calls to come.
func (m *mark) introduce() {
	if m.life.connection.record.script != nil {
		m.life.send(AnswerFunc(m.introduced), "CLIENT", "INFO")
	}
}

// introduced takes what Redis says of this connection. Another Redis may give the same ID to somebody else:
// the address makes sure that nobody else is meant. A Unix socket has none.
func (m *mark) introduced(v resp.Value, err error) {
	if err != nil {
		return
	}
	facts := map[string]string{}
	for word := range strings.FieldsSeq(string(v.Str)) {
		name, value, _ := strings.Cut(word, "=")
		facts[name] = value
	}
	id, address := facts["id"], facts["addr"]
	if _, port, err := net.SplitHostPort(address); err == nil && port != "0" && id != "" {
		m.kill = []string{"CLIENT", "KILL", "ID", id, "ADDR", address}
	}
}

// send sends a command of the life's own, which ends with it.
func (k *life) send(a Answer, args ...any) {
	before := len(k.wire)
	list := words(args)
	k.wire = resp.AppendArray(k.wire, len(list))
	for _, w := range list {
		k.wire = resp.AppendBulk(k.wire, w)
	}
	k.push(command{answer: a, wire: len(k.wire) - before})
}
