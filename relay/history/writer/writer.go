package writer

// Writing: an entry is added and broadcast in one step.

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// recordPrefix begins the key of the hash for the last calls of a run of the relay; its ID follows. No stream has
// such a key.
const recordPrefix = "history:calls:"

// What package history says by KeyPrefix and SeqPrefix.
const (
	keyPrefix = "history:{"
	seqPrefix = "relay:seq:"
)

// maxWritten is how many channels a Writer remembers. Beyond that,
// it forgets all and counts from 1 again, which receivers take for a new start.
const maxWritten = 100_000

// writeScript adds the payloads of each group to one stream, announces them and publishes
// them. KEYS and ARGV are as upstream.Call and upstream.Record have them; a head is: about how many
// entries are kept; the time to live to set in milliseconds, or 0 to leave it; the field and, if there is one,
// the trace, with a space between; and, of the first payload, "<publisher> <count>" and, if that is not the usual
// field alone, the same. The announcement is that behind the ids, which have commas between. For each payload the
// script returns the error of XADD or "<id> <receivers>", where an error in place of receivers is that of the
// broadcast.
//
// It is as fast as its calls: one payload has a way of its own, the last entry of a group trims for all,
// and a group without errors, whose messages reached as many, is one string, since making a string for
// each message takes as long as publishing it.
const writeSource = `
local call, out, argv, groups = redis.pcall, {}, ARGV, #KEYS - 1
local function fields(names, payload)
  local space = string.find(names, ' ', 1, true)
  if not space then return names, payload end
  return string.sub(names, 1, space - 1), payload, 'traceparent', string.sub(names, space + 1)
end
if groups == 1 and argv[1] == '1' then
  local key, payload = KEYS[1], argv[6]
  local id = call('XADD', key, 'MAXLEN', '~', argv[2], '*', fields(argv[4], payload))
  if type(id) ~= 'string' then return {{id.err}} end
  if argv[3] ~= '0' then call('PEXPIRE', key, argv[3]) end
  local channel = string.sub(key, 10, -2)
  local heard = call('PUBLISH', 'relay:seq:' .. channel, id .. ' ' .. argv[5])
  if type(heard) == 'number' then heard = call('PUBLISH', channel, payload) end
  local reply = id .. ' ' .. (type(heard) == 'table' and heard.err or heard)
  call('HSET', KEYS[2], string.sub(argv[7], -2), argv[7] .. ' ' .. reply)
  return {{reply}}
end
local done = 5 * groups
for g = 1, groups do
  local key = KEYS[g]
  local head = 5 * (g - 1)
  local n, length, ttl, names = argv[head + 1] + 0, argv[head + 2], argv[head + 3], argv[head + 4]
  local ids, refused = {}, {}
  for i = 1, n do
    local id
    if i < n then
      id = call('XADD', key, '*', fields(names, argv[done + i]))
    else
      id = call('XADD', key, 'MAXLEN', '~', length, '*', fields(names, argv[done + i]))
    end
    if type(id) == 'string' then ids[#ids + 1] = id else refused[i] = id.err end
  end
  local channel, list, deaf = string.sub(key, 10, -2), table.concat(ids, ','), nil
  if ids[1] then
    if ttl ~= '0' then call('PEXPIRE', key, ttl) end
    local told = call('PUBLISH', 'relay:seq:' .. channel, list .. ' ' .. argv[head + 5])
    if type(told) == 'table' then deaf = told end
  end
  local usual, other, alike = nil, {}, #ids == n
  for i = 1, n do
    if not refused[i] then
      local heard = deaf or call('PUBLISH', channel, argv[done + i])
      usual = usual or heard
      if heard ~= usual then other[i], alike = heard, false end
    end
  end
  if alike and type(usual) == 'number' then
    out[g] = list .. ' ' .. usual
  else
    local each, entry = {}, 0
    for i = 1, n do
      if refused[i] then
        each[i] = refused[i]
      else
        local heard = other[i] or usual
        entry = entry + 1
        each[i] = ids[entry] .. ' ' .. (type(heard) == 'table' and heard.err or heard)
      end
    end
    out[g] = each
  end
  done = done + n
end
if groups > 0 then
  local number, kept = argv[#argv], {}
  for g = 1, groups do
    local reply = out[g]
    kept[g] = type(reply) == 'table' and '\t' .. table.concat(reply, '\t') or reply
  end
  call('HSET', KEYS[groups + 1], string.sub(number, -2), number .. ' ' .. table.concat(kept, '\n'))
end
return out
`

// writeScript returns the script for a Redis where all names have a prefix.
func writeScript(prefix string) *upstream.Script {
	if prefix == "" {
		return upstream.NewScript(writeSource)
	}
	return upstream.NewScript(strings.NewReplacer(
		"string.sub(key, 10, -2)", luaText(prefix)+" .. string.sub(key, "+strconv.Itoa(10+len(prefix))+", -2)",
		"'relay:seq:' .. channel", luaText(prefix+seqPrefix)+" .. string.sub(channel, "+strconv.Itoa(1+len(prefix))+")",
	).Replace(writeSource))
}

// luaText is a text in Lua, whatever its bytes are.
func luaText(text string) string {
	b := []byte{'\''}
	for i := range len(text) {
		b = fmt.Appendf(b, `\%03d`, text[i])
	}
	return string(append(b, '\''))
}

// ErrBroadcast is wrapped by the error of a message that was persisted and then not
// broadcast: readers get it, listeners do not.
var ErrBroadcast = errors.New("persisted, but not broadcast")

// Publisher sends neighbouring calls of one script as one, in order. It is upstream.Connection.
type Publisher interface {
	// Record has results of the script noted in Redis under a key, so that a lost answer is found again.
	Record(s *upstream.Script, key string)
	Call(sender uint64, s *upstream.Script, a upstream.Answer, c upstream.Call) error
}

// Message is a message to persist. Its slices are copied.
type Message struct {
	Channel []byte // as Redis calls it, without the prefix of all names
	Field   []byte // nil: DefaultField
	Payload []byte
	Trace   []byte        // the value of a second field, stream.TraceField; nil: none. See stream.MayBeTrace
	Length  int64         // about how many entries the stream keeps
	TTL     time.Duration // how long the stream is kept after its last entry; 0: for ever
}

// Receipt takes the outcome for a message, once, in the loop.
type Receipt interface {
	// Persisted gives the entry's ID and how many subscriptions in Redis heard the
	// broadcast, or why it was not persisted. An error that wraps ErrBroadcast comes
	// with the ID. If the answer is lost with the connection, it comes when the next
	// one has found it: at most the time for a publish after the loss.
	Persisted(id string, receivers int64, err error)
}

// Writer persists and broadcasts messages. It belongs to the loop.
type Writer struct {
	// Fixed after construction.
	publisher Publisher
	script    *upstream.Script
	keys      string // begins the keys of streams
	name      []byte // this run of the relay, among all publishers

	written map[string]*writtenChannel // by channel
	scratch []byte
}

// writtenChannel is what a Writer remembers of a channel.
type writtenChannel struct {
	count   uint64        // messages
	ttl     time.Duration // that was last set
	renewed time.Time
}

// New returns a Writer; runID names this run of the relay among all others. prefix begins all names at Redis.
func New(p Publisher, prefix, runID string) *Writer {
	script := writeScript(prefix)
	p.Record(script, prefix+recordPrefix+runID)
	return &Writer{
		publisher: p, script: script, keys: prefix + keyPrefix, name: []byte(runID), written: map[string]*writtenChannel{},
	}
}

// Write persists a message and then broadcasts it, in order with all commands of the publisher. sender
// is for upstream.Connection.Withdraw. The error is one of upstream; without an error receipt is
// called once, later.
func (w *Writer) Write(sender uint64, m Message, receipt Receipt) error {
	if m.Field == nil {
		m.Field = []byte(stream.DefaultField)
	}
	of := w.channel(m.Channel)
	ttl := of.renew(m.TTL, time.Now())
	of.count++
	scratch := append(append(append(w.scratch[:0], w.keys...), m.Channel...), '}')
	key := len(scratch)
	scratch = strconv.AppendInt(scratch, m.Length, 10)
	length := len(scratch)
	scratch = strconv.AppendInt(scratch, ttl.Milliseconds(), 10)
	renewal := len(scratch)
	scratch = append(scratch, m.Field...)
	if m.Trace != nil {
		scratch = append(append(scratch, ' '), m.Trace...)
	}
	names := len(scratch)
	scratch = strconv.AppendUint(append(append(scratch, w.name...), ' '), of.count, 10)
	if m.Trace != nil || string(m.Field) != stream.DefaultField {
		scratch = append(append(scratch, ' '), scratch[renewal:names]...)
	}
	w.scratch = scratch
	err := w.publisher.Call(sender, w.script, &writeAnswer{of, receipt}, upstream.Call{
		Key: scratch[:key], Item: m.Payload, First: scratch[names:],
		Head: [][]byte{scratch[key:length], scratch[length:renewal], scratch[renewal:names]},
	})
	if err != nil {
		of.count-- // it was not sent
		of.renewed = time.Time{}
	}
	return err
}

func (w *Writer) channel(channel []byte) *writtenChannel {
	of := w.written[string(channel)]
	if of == nil {
		if len(w.written) >= maxWritten {
			clear(w.written)
		}
		of = &writtenChannel{}
		w.written[string(channel)] = of
	}
	return of
}

// renew returns the time to live to set now, or 0: it is renewed when a quarter of
// it has gone by.
func (of *writtenChannel) renew(ttl time.Duration, now time.Time) time.Duration {
	if ttl == 0 || ttl == of.ttl && now.Sub(of.renewed) < ttl/4 {
		return 0
	}
	of.ttl, of.renewed = ttl, now
	return ttl
}

// writeAnswer takes the result of the script for one message. It is upstream.Answer.
type writeAnswer struct {
	of      *writtenChannel
	receipt Receipt
}

// Answer takes the script's value for this message: a string, or an error.
func (r *writeAnswer) Answer(v resp.Value, err error) {
	text := string(v.Str)
	id, rest, persisted := strings.Cut(text, " ")
	if persisted = persisted && text[0] >= '0' && text[0] <= '9'; err == nil && !persisted {
		err = upstream.ReplyError(ownWords(text))
	}
	if err != nil {
		r.of.renewed = time.Time{} // the next message sets the time to live: this one did not
		r.receipt.Persisted("", 0, err)
		return
	}
	receivers, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		r.receipt.Persisted(id, 0, &broadcastError{id, ownWords(rest)})
		return
	}
	r.receipt.Persisted(id, receivers, nil)
}

// scriptPrefix is what Redis 6.2 puts before an error that a script's command caused.
var scriptPrefix = regexp.MustCompile(`^@user_script: \d+: -?`)

// ownWords returns an error of Redis in the words of a command outside a script: it begins with the code word.
func ownWords(text string) string {
	return strings.TrimRight(scriptPrefix.ReplaceAllString(text, ""), "\r\n ")
}

type broadcastError struct{ id, text string }

func (e *broadcastError) Error() string {
	return e.text + " (persisted as " + e.id + ", but not broadcast)"
}
func (e *broadcastError) Unwrap() error { return ErrBroadcast }
