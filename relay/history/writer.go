package history

// Persisting: an entry first, then the broadcast, in one step.

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-relay/relay/upstream"
)

// maxWritten is how many channels a Writer remembers for each connection. Beyond,
// it forgets all and counts from 1 again, which receivers take for a new start.
const maxWritten = 100_000

// write adds the payloads of each group to one stream, announces them and publishes
// them. ARGV is as upstream.Call has it; a head is: about how many entries are kept;
// the time to live to set in milliseconds, or 0 to leave it; the field; the
// publisher; and, of the first payload, the publisher's count. The announcement is
// "<ids> <publisher> <count>" and, if it is not the usual one, the field; ids have
// commas between. For each payload the script returns the error of XADD or
// "<id> <receivers>", where an error in place of receivers is that of the broadcast.
//
// It is as fast as its calls: the last entry of a group trims for all, and a group
// without errors, whose messages reached as many, is one string, since making a
// string for each message takes as long as publishing it.
var write = upstream.NewScript(`
local call, out, done = redis.pcall, {}, 6 * #KEYS
for g, key in ipairs(KEYS) do
  local head = 6 * (g - 1)
  local n, length, ttl, field = ARGV[head + 1] + 0, ARGV[head + 2], ARGV[head + 3], ARGV[head + 4]
  local ids, refused = {}, {}
  for i = 1, n do
    local id
    if i < n then
      id = call('XADD', key, '*', field, ARGV[done + i])
    else
      id = call('XADD', key, 'MAXLEN', '~', length, '*', field, ARGV[done + i])
    end
    if type(id) == 'string' then ids[#ids + 1] = id else refused[i] = id.err end
  end
  local channel, list, deaf = string.sub(key, 10, -2), table.concat(ids, ','), nil
  if ids[1] then
    if ttl ~= '0' then call('PEXPIRE', key, ttl) end
    local told = list .. ' ' .. ARGV[head + 5] .. ' ' .. ARGV[head + 6]
    if field ~= 'payload' then told = told .. ' ' .. field end
    told = call('PUBLISH', 'relay:seq:' .. channel, told)
    if type(told) == 'table' then deaf = told end
  end
  local usual, other, alike = nil, {}, #ids == n
  for i = 1, n do
    if not refused[i] then
      local heard = deaf or call('PUBLISH', channel, ARGV[done + i])
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
return out
`)

// ErrBroadcast is wrapped by the error of a message that was persisted and then not
// broadcast: readers of the stream get it, listeners do not.
var ErrBroadcast = errors.New("persisted, but not broadcast")

// Publisher sends neighbouring calls of one script as one. It is upstream.Publisher.
type Publisher interface {
	Call(lane uint64, s *upstream.Script, receipt upstream.Receipt, c upstream.Call) error
}

// Message is what is persisted. Its slices are copied.
type Message struct {
	Channel []byte
	Field   []byte // nil: DefaultField
	Payload []byte
	Length  int64         // about how many entries the stream keeps
	TTL     time.Duration // how long the stream is kept after its last entry; 0: for ever
}

// Receipt is told what became of a message: once, and it must not block.
type Receipt interface {
	// Persisted gives the entry's ID and how many subscriptions in Redis heard the
	// broadcast, or why it was not persisted. An error that wraps ErrBroadcast comes
	// with the ID.
	Persisted(id string, receivers int64, err error)
	Flush()
}

// Writer persists and broadcasts. It may be used by any goroutine.
type Writer struct {
	// Fixed after construction.
	publisher Publisher

	lanes [upstream.Lanes]writerLane
}

// writerLane counts what goes over one publishing connection.
type writerLane struct {
	name []byte // fixed after construction

	mu      sync.Mutex // Guards what follows, and keeps counts in the order of the lane.
	written map[string]*written
	scratch []byte
}

// written is guarded by writerLane.mu.
type written struct {
	count   uint64        // messages of this lane on the channel
	ttl     time.Duration // that was last set
	renewed time.Time
}

// NewWriter returns a Writer; life tells this run of the relay from all others.
func NewWriter(p Publisher, life string) *Writer {
	w := &Writer{publisher: p}
	for i := range w.lanes {
		w.lanes[i].name = []byte(life + "." + strconv.Itoa(i))
		w.lanes[i].written = map[string]*written{}
	}
	return w
}

// Write persists a message and then broadcasts it. What goes over one lane (any
// number) keeps its order, also with what else goes over it. It returns an error of
// upstream, or nil; then the receipt follows.
func (w *Writer) Write(lane uint64, m Message, receipt Receipt) error {
	if m.Field == nil {
		m.Field = []byte(DefaultField)
	}
	l := &w.lanes[lane%upstream.Lanes]
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.of(m.Channel)
	ttl := of.renew(m.TTL, time.Now())
	of.count++
	scratch := append(append(append(l.scratch[:0], "history:{"...), m.Channel...), '}')
	key := len(scratch)
	scratch = strconv.AppendInt(scratch, m.Length, 10)
	length := len(scratch)
	scratch = strconv.AppendInt(scratch, ttl.Milliseconds(), 10)
	renewal := len(scratch)
	scratch = strconv.AppendUint(scratch, of.count, 10)
	l.scratch = scratch
	err := w.publisher.Call(lane, write, &receiver{l, of, receipt}, upstream.Call{
		Key: scratch[:key], Item: m.Payload, First: scratch[renewal:],
		Head: [][]byte{scratch[key:length], scratch[length:renewal], m.Field, l.name},
	})
	if err != nil {
		of.count-- // it was not sent
		of.renewed = time.Time{}
	}
	return err
}

func (l *writerLane) of(channel []byte) *written {
	of := l.written[string(channel)]
	if of == nil {
		if len(l.written) >= maxWritten {
			clear(l.written)
		}
		of = &written{}
		l.written[string(channel)] = of
	}
	return of
}

// renew returns the time to live to set now, or 0: it is renewed when a quarter of
// it has gone by.
func (of *written) renew(ttl time.Duration, now time.Time) time.Duration {
	if ttl == 0 || ttl == of.ttl && now.Sub(of.renewed) < ttl/4 {
		return 0
	}
	of.ttl, of.renewed = ttl, now
	return ttl
}

// receiver reads what the script returns for one payload. It is upstream.Receipt.
type receiver struct {
	lane    *writerLane
	of      *written
	receipt Receipt
}

// Answer takes the script's value for this message.
func (r *receiver) Answer(value any, err error) {
	text, _ := value.(string)
	id, rest, persisted := strings.Cut(text, " ")
	if persisted = persisted && text[0] >= '0' && text[0] <= '9'; err == nil && !persisted {
		err = upstream.ReplyError(ownWords(text))
	}
	if err != nil {
		r.notRenewed()
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

// ownWords returns an error of Redis as a command outside a script has it: it begins with its code word.
func ownWords(text string) string {
	return strings.TrimRight(scriptPrefix.ReplaceAllString(text, ""), "\r\n ")
}

// notRenewed makes the next message set the time to live: this one did not.
func (r *receiver) notRenewed() {
	r.lane.mu.Lock()
	defer r.lane.mu.Unlock()
	r.of.renewed = time.Time{}
}

// Flush lets the answers out.
func (r *receiver) Flush() { r.receipt.Flush() }

type broadcastError struct{ id, text string }

func (e *broadcastError) Error() string {
	return e.text + " (persisted as " + e.id + ", but not broadcast)"
}
func (e *broadcastError) Unwrap() error { return ErrBroadcast }
