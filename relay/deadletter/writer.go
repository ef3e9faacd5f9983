package deadletter

// The Writer: it takes letters without waiting, and sends them to Redis.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"redis-relay/relay/upstream"
)

// Bounds of one batch: Redis serves nobody else while it carries one out.
const (
	maxBatch      = 64
	maxBatchBytes = 256 << 10 // of memory; one letter alone may take more
)

// endedFirst is the cause of letters that were lost at the end.
const endedFirst = "the relay ended first"

const (
	retryMin   = 100 * time.Millisecond
	retryMax   = 5 * time.Second
	lastMoment = time.Second // for what still waits at the end
)

// Settings may change while a Writer runs.
type Settings struct {
	Length    int64         // about how many letters a stream keeps
	TTL       time.Duration // since the last letter; 0: for ever
	PerSecond float64       // letters that are sent, on average
	Room      int64         // bytes that may wait
}

// Conn is a connection to Redis. Scripts that it carries out may be sent twice. It is upstream.Reader.
type Conn interface {
	Eval(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
	// Renew has the next command sent over a new connection.
	Renew()
}

// Stats count letters since the start, but for Waiting and Bytes, which are of this moment.
type Stats struct {
	Written uint64 // kept at Redis
	Known   uint64 // not written, because another relay had, or this one a moment ago
	NoRoom  uint64 // lost: too much waited already
	Refused uint64 // lost: Redis refused them
	Ended   uint64 // lost: the relay ended before they were written
	Waiting int    // those that are being sent among them
	Bytes   int64  // that waiting letters take, and messages that may become letters
}

// Writer sends letters to Redis. All methods but Run may be called from anywhere and wait for nothing.
type Writer struct {
	// Fixed after construction.
	conn    Conn
	prefix  string // of all names at Redis
	run     string // this run of the relay, among all
	tell    func(Loss)
	limiter *rate.Limiter

	settings atomic.Pointer[Settings]
	queue    queue
	losses   losses
	written  atomic.Uint64
	known    atomic.Uint64

	number uint64 // of the last batch; owned by Run
}

// NewWriter returns a Writer that sends nothing before Run. prefix begins all names at Redis; run names
// this run of the relay among all. tell is called in a goroutine of Run, at most every 10 s, and once more at its end.
func NewWriter(conn Conn, prefix, run string, s Settings, tell func(Loss)) *Writer {
	w := &Writer{conn: conn, prefix: prefix, run: run, tell: tell, limiter: rate.NewLimiter(0, 0)}
	w.queue.some, w.losses.some = make(chan struct{}, 1), make(chan struct{}, 1)
	w.Set(s)
	return w
}

// Set replaces the settings.
func (w *Writer) Set(s Settings) {
	w.settings.Store(&s)
	w.queue.setRoom(s.Room)
	w.limiter.SetLimit(rate.Limit(s.PerSecond))
	w.limiter.SetBurst(s.batch())
}

// batch is how many letters are sent at once: no more than in a second.
func (s *Settings) batch() int { return max(1, min(maxBatch, int(s.PerSecond))) }

// Stats returns the figures.
func (w *Writer) Stats() Stats {
	s := Stats{
		Written: w.written.Load(), Known: w.known.Load(), NoRoom: w.losses.noRoom.Load(), Refused: w.losses.refused.Load(),
		Ended: w.losses.ended.Load(),
	}
	s.Waiting, s.Bytes = w.queue.waiting()
	return s
}

// Add takes a letter. Its payload is copied. If there is no room, the letter is counted and lost.
func (w *Writer) Add(l Letter) {
	if !w.queue.reserve(l.weight()) {
		w.lostForRoom()
		return
	}
	l.Payload = slices.Clone(l.Payload)
	w.push(l)
}

// push queues a letter, or counts one that comes after the end as lost.
func (w *Writer) push(l Letter) {
	if !w.queue.push(l) {
		w.losses.add(&w.losses.ended, 1, endedFirst)
	}
}

// Run sends letters until ctx ends, and then for a second what still waits. It returns nil.
func (w *Writer) Run(ctx context.Context) error {
	var telling sync.WaitGroup
	var told uint64
	telling.Go(func() { told = w.tellLosses(ctx) })
	var left *batch // of what was under way when ctx ended
	for ctx.Err() == nil {
		if b := w.next(ctx); b != nil {
			left = w.send(ctx, b)
		}
	}
	w.finish(context.WithoutCancel(ctx), left)
	telling.Wait()
	w.tellOnce(told)
	return nil
}

// next waits for letters, and for the moment when they may be sent. Nil: look again.
func (w *Writer) next(ctx context.Context) *batch {
	n := w.queue.next(w.settings.Load().batch())
	if n == 0 {
		select {
		case <-w.queue.some:
		case <-ctx.Done():
		}
		return nil
	}
	if w.limiter.WaitN(ctx, n) != nil { // ctx has ended, or a reload has lowered the rate
		return nil
	}
	return w.queue.take(n)
}

// send sends a batch until Redis has taken it or refused it. It returns what is left of it when ctx ends.
func (w *Writer) send(ctx context.Context, b *batch) (left *batch) {
	w.number++
	b.number = w.number
	defer w.losses.heldUp.Store(nil)
	for pause := retryMin; ; pause = min(2*pause, retryMax) {
		rest, err := w.sendOnce(ctx, b)
		if b = rest; b == nil || ctx.Err() != nil {
			return b
		}
		var refused upstream.ReplyError
		if errors.As(err, &refused) && !passes(string(refused)) {
			w.drop(b, &w.losses.refused, "Redis refuses them: "+string(refused))
			return nil
		}
		why := err.Error()
		w.losses.heldUp.Store(&why)
		w.conn.Renew() // the server may have become a replica
		select {
		case <-ctx.Done():
			return b
		case <-time.After(pause):
		}
	}
}

// sendOnce sends a batch once, and returns what is left of it with the reason; nil: nothing is.
func (w *Writer) sendOnce(ctx context.Context, b *batch) (left *batch, err error) {
	keys, args := b.call(w.prefix, w.run, w.settings.Load())
	v, err := w.conn.Eval(ctx, writeScript, keys, args...)
	if err != nil {
		return b, err
	}
	done, known, refused, err := parseWritten(v)
	if err != nil {
		return b, upstream.ReplyError(err.Error())
	}
	w.written.Add(uint64(done - known))
	w.known.Add(uint64(known))
	rest := w.split(b, done)
	if rest == nil {
		return nil, nil //nolint:nilnil // all is done
	}
	return rest, upstream.ReplyError(refused)
}

// split forgets the first letters of a batch and returns the others as a new one.
func (w *Writer) split(b *batch, done int) *batch {
	rest := &batch{letters: b.letters[done:]}
	for i := range rest.letters {
		rest.weight += rest.letters[i].weight()
	}
	w.queue.done(done, b.weight-rest.weight)
	if len(rest.letters) == 0 {
		return nil
	}
	w.number++
	rest.number = w.number
	return rest
}

func (w *Writer) drop(b *batch, to *atomic.Uint64, cause string) {
	w.queue.done(len(b.letters), b.weight)
	w.losses.add(to, len(b.letters), cause)
}

// finish sends what was left and what still waits, and counts what Redis does not take at once, and what comes later.
func (w *Writer) finish(ctx context.Context, left *batch) {
	ctx, cancel := context.WithTimeout(ctx, lastMoment)
	defer cancel()
	for left != nil || !w.queue.close() {
		if left == nil {
			left = w.queue.take(maxBatch)
			w.number++
			left.number = w.number
		}
		if rest, _ := w.sendOnce(ctx, left); rest != nil {
			w.drop(rest, &w.losses.ended, endedFirst)
		}
		left = nil
	}
}

// passes tells whether an error of Redis passes by itself. Up to Redis 6.2 other words precede its code.
func passes(text string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '-' }),
		func(word string) bool {
			switch word {
			case "LOADING", "READONLY", "MASTERDOWN", "OOM", "MISCONF", "NOREPLICAS", "BUSY", "TRYAGAIN", "UNBLOCKED":
				return true
			}
			return false
		})
}
