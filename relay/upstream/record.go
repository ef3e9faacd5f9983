package upstream

// Notes in Redis of what calls have returned, for when an answer is lost with its session.

import (
	"strconv"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	noteTTL     = time.Hour // a note is kept for longer than anybody may ask for it
	maxPerQuery = 256       // lost batches that are asked about at once
)

// notesScript tells what became of calls, and marks that this session has begun. KEYS: the record. ARGV: the
// mark, or "" for none; the time to live of the record in milliseconds; then for each call its number and
// the mark under which it was sent.
//
// For each call it returns "+" and what the script has returned; "-" if it was not carried out; or "?". "+"
// needs the note. "-" needs proof that there would be a note: the same process of Redis, and a record that
// has not been deleted, or evicted, since the mark was set; or an earlier mark, because the session's own mark,
// and then the call, was not carried out. With "-" the place of the note is taken, so that the next session may
// ask again.
var notesScript = NewScript(`
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

// record is where a script notes its results: a hash, with a field for each call, named by the last two digits of
// its number. A batch that is lost with its session is kept until the next session has asked
// about it.
type record struct {
	// Fixed by Record.
	backlog *backlog
	script  *Script
	key     string
	expiry  *loop.Timer // for the first of lost

	number uint64 // of the last batch
	mark   uint64 // the last one set
	lost   []*lostBatch
}

// Record has each call of a script noted in Redis, under a key that no other Connection uses. The script gets
// the key behind the keys of its groups, and the call's number behind all of ARGV. If the call has
// changed anything, it must end with HSET of the last two digits of the number to "<number> <reply>". In the
// reply there is a line for each group; a list begins with a tab and has tabs between its elements.
//
// Calls whose answer is lost are answered after the next session has asked: as if nothing had been
// lost, or ErrDown if they were not carried out. ErrUnknown is left for
//   - calls that no session could ask about within the time for a publish, counted from the loss;
//   - calls that another Redis, or the same one after a restart, does not know;
//   - calls in flight beyond 100;
//   - the first calls of all, if they are lost before Redis has carried out anything.
//
// If Redis refuses HGET, HSET or EVAL to the user, all lost calls are ErrUnknown. If it refuses INFO or CLIENT,
// or the connection is a Unix socket, those are that were not carried out.
//
// The record is a hash of at most 110 fields. It ends an hour after the Connection. Record is called once,
// before Run.
func (c *Connection) Record(script *Script, key string) {
	r := &c.record
	r.backlog, r.script, r.key = &c.backlog, script, key
	r.expiry = c.loop.AfterFunc(0, r.expire)
	r.expiry.Stop()
}

// appendSource encodes a call of a script that does nothing, so that Redis knows the script. Some services carry out no
// script without a key: the record is one.
func (r *record) appendSource(b []byte, script *Script) []byte {
	var keys []string
	if r.script == script {
		keys = []string{r.key}
	}
	b = resp.AppendBulk(resp.AppendBulkString(resp.AppendArray(b, 3+len(keys)), "EVAL"), script.source)
	b = resp.AppendBulkString(b, strconv.Itoa(len(keys)))
	for _, key := range keys {
		b = resp.AppendBulkString(b, key)
	}
	return b
}

// nextNumber returns the number of the next batch of a script, or 0 if the script is not noted.
func (r *record) nextNumber(script *Script) uint64 {
	if r.script != script {
		return 0
	}
	r.number++
	return r.number
}
