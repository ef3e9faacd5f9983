package history

// Persisting: an entry first, then the broadcast, in one step.

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"redis-relay/relay/upstream"
)

// maxWritten is how many channels a Writer remembers for each connection. Beyond,
// it forgets all and counts from 1 again, which receivers take for a new start.
const maxWritten = 100_000

// write adds one entry for each key, announces it and publishes it. ARGV, six for
// each: the channel; the field; the payload; about how many entries are kept; the
// time to live to set in milliseconds, or 0 to leave it; publisher, count and, if
// it is not the usual one, the field. It returns for each the error of XADD or
// {ID, receivers}, where an error in place of receivers is that of the broadcast.
var write = upstream.NewScript(`
local out = {}
for i, key in ipairs(KEYS) do
  local a = (i - 1) * 6
  local id = redis.pcall('XADD', key, 'MAXLEN', '~', ARGV[a + 4], '*', ARGV[a + 2], ARGV[a + 3])
  if type(id) == 'table' then
    out[i] = id.err
  else
    if ARGV[a + 5] ~= '0' then redis.pcall('PEXPIRE', key, ARGV[a + 5]) end
    local n = redis.pcall('PUBLISH', 'relay:seq:' .. ARGV[a + 1], id .. ' ' .. ARGV[a + 6])
    if type(n) ~= 'table' then n = redis.pcall('PUBLISH', ARGV[a + 1], ARGV[a + 3]) end
    if type(n) == 'table' then n = n.err end
    out[i] = {id, n}
  end
end
return out
`)

// ErrBroadcast is wrapped by the error of a message that was persisted and then not
// broadcast: readers of the stream get it, listeners do not.
var ErrBroadcast = errors.New("persisted, but not broadcast")

// Publisher sends neighbouring calls of one script as one. It is upstream.Publisher.
type Publisher interface {
	Call(lane uint64, s *upstream.Script, receipt upstream.Receipt, key []byte, args ...[]byte) error
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
	name string // fixed after construction

	mu      sync.Mutex // Guards what follows, and keeps counts in the order of the lane.
	written map[string]*written
}

type written struct {
	count   uint64        // messages of this lane on the channel
	ttl     time.Duration // that was last set
	renewed time.Time
}

// NewWriter returns a Writer; life tells this run of the relay from all others.
func NewWriter(p Publisher, life string) *Writer {
	w := &Writer{publisher: p}
	for i := range w.lanes {
		w.lanes[i].name = life + "." + strconv.Itoa(i)
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
	stamp := strconv.AppendUint(append([]byte(l.name), ' '), of.count, 10)
	if string(m.Field) != DefaultField {
		stamp = append(append(stamp, ' '), m.Field...)
	}
	key := append(append([]byte("history:{"), m.Channel...), '}')
	err := w.publisher.Call(lane, write, &receiver{l, string(m.Channel), receipt}, key,
		m.Channel, m.Field, m.Payload, strconv.AppendInt(nil, m.Length, 10),
		strconv.AppendInt(nil, ttl.Milliseconds(), 10), stamp)
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

// failed makes the next message set the time to live: this one did not.
func (l *writerLane) failed(channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.written[channel]; of != nil {
		of.renewed = time.Time{}
	}
}

// receiver reads what the script returns for one key. It is upstream.Receipt.
type receiver struct {
	lane    *writerLane
	channel string
	receipt Receipt
}

// Answer takes the script's value for this message.
func (r *receiver) Answer(value any, err error) {
	if text, ok := value.(string); ok {
		err = upstream.ReplyError(text)
	}
	if err != nil {
		r.lane.failed(r.channel)
		r.receipt.Persisted("", 0, err)
		return
	}
	pair, _ := value.([]any)
	if len(pair) != 2 {
		r.receipt.Persisted("", 0, errAnswer)
		return
	}
	id, _ := pair[0].(string)
	switch n := pair[1].(type) {
	case int64:
		r.receipt.Persisted(id, n, nil)
	case string:
		r.receipt.Persisted(id, 0, &broadcastError{id, n})
	default:
		r.receipt.Persisted(id, 0, errAnswer)
	}
}

// Flush lets the answers out.
func (r *receiver) Flush() { r.receipt.Flush() }

type broadcastError struct{ id, text string }

func (e *broadcastError) Error() string {
	return e.text + " (persisted as " + e.id + ", but not broadcast)"
}
func (e *broadcastError) Unwrap() error { return ErrBroadcast }
