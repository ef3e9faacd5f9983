package upstream

// The second connection: it reads long answers, so that no message waits behind them.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

const readBuffer = 16 << 10 // bytes

// readTimeout bounds connecting and one answer. It is a variable for the tests, as stepTimeout is.
var readTimeout = 20 * time.Second

// Reader asks Redis over a connection of its own, one command at a time. Its methods may be called from
// any goroutine, and wait for their turn and the answer. Do and Eval may send a command twice, if the
// connection ends or 20 s pass before the answer: it must change nothing the second time. EvalOnce is for
// scripts that may not be sent again.
type Reader struct {
	// Fixed after construction.
	opts Options
	log  *zap.Logger

	turn chan struct{} // has a value while a command is under way

	mu       sync.Mutex // Guards what follows.
	renewals uint64     // calls of Renew
	closed   bool
	inUse    net.Conn // the connection of the command under way; nil: none is

	// Owned by the goroutine that has the turn.
	conn         net.Conn // nil: none
	connRenewals uint64   // renewals when conn was begun
	in           *bufio.Reader
	close        func()
	noSHA        bool // this connection may not name scripts by their hash
	wire         []byte
}

// NewReader returns a Reader, which connects for its first command.
func NewReader(opts Options, log *zap.Logger) *Reader {
	return &Reader{opts: opts.withSentinels(), log: log, turn: make(chan struct{}, 1)}
}

// Close ends the connection, and a command under way. Later commands get ErrDown.
func (r *Reader) Close() {
	r.interrupt(true)
	r.turn <- struct{}{}
	r.drop()
	<-r.turn
}

// Renew has a command under way, and all later ones, sent over a new connection: the present one may lead
// to another server than the Connection. It does not wait.
func (r *Reader) Renew() { r.interrupt(false) }

func (r *Reader) interrupt(forGood bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renewals++
	r.closed = r.closed || forGood
	if r.inUse != nil {
		_ = r.inUse.SetDeadline(past)
	}
}

// past is a deadline that interrupts.
var past = time.Unix(1, 0)

// Do sends a command and returns the answer (see Plain). The error is a ReplyError that Redis answered;
// ErrTooLarge for an answer over MaxAnswer, which is read to its end; ErrUnknown, ErrDown, or ctx's cause.
// Arguments are strings, []byte, or values that fmt prints. An answer must come within 20 s.
func (r *Reader) Do(ctx context.Context, args ...any) (any, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { <-r.turn }()
	return r.do(ctx, args)
}

// Eval runs a script, and sends its source if Redis does not know it. The script may be carried out twice, and
// must change nothing the second time. Errors are those of Do.
func (r *Reader) Eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { <-r.turn }()
	return r.eval(r.do, ctx, evalArgs(s, keys, args), s)
}

// EvalOnce is Eval for a script that is carried out once at most. With ErrUnknown, or ctx's cause, nobody knows
// whether it was.
func (r *Reader) EvalOnce(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { <-r.turn }()
	if r.dropStale(); r.conn != nil { // Redis may have closed it while nothing was asked
		if _, err := r.do(ctx, []any{"PING"}); err != nil && !isRefusal(err) {
			return nil, err
		}
	}
	return r.eval(r.tryOnce, ctx, evalArgs(s, keys, args), s)
}

// eval sends EVALSHA with these arguments, and EVAL if Redis has carried out nothing for want of the source.
func (r *Reader) eval(
	send func(context.Context, []any) (any, error), ctx context.Context, list []any, s *Script,
) (any, error) {
	if !r.noSHA {
		v, err := send(ctx, list)
		unknown, never := sourceWanted(err)
		if r.noSHA = never; !unknown && !never {
			return v, err
		}
	}
	list[0], list[1] = "EVAL", s.source
	return send(ctx, list)
}

// begin waits for the turn.
func (r *Reader) begin(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// do sends a command, and sends it again over a new connection if the old one has ended meanwhile.
func (r *Reader) do(ctx context.Context, args []any) (any, error) {
	r.dropStale()
	stood := r.conn != nil
	v, err := r.tryOnce(ctx, args)
	if (stood || r.isStale()) && err != nil && r.conn == nil && ctx.Err() == nil {
		v, err = r.tryOnce(ctx, args)
	}
	return v, err
}

// isStale tells whether a connection that was begun last is of before Renew.
func (r *Reader) isStale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connRenewals != r.renewals
}

func (r *Reader) dropStale() {
	if r.isStale() {
		r.drop()
	}
}

// tryOnce asks.
func (r *Reader) tryOnce(ctx context.Context, args []any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	v, err := r.ask(ctx, args)
	switch {
	case errors.Is(err, resp.ErrLimit):
		return nil, ErrTooLarge
	case err != nil:
		r.drop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%w (%w)", ErrUnknown, plain(err))
	}
	value := Plain(v)
	if refused, ok := value.(ReplyError); ok {
		return nil, refused
	}
	return value, nil
}

// ask sends a command over the connection that there is, and returns the answer, unless ctx ends or Renew is called
// meanwhile. After an error other than resp.ErrLimit the connection must be dropped.
func (r *Reader) ask(ctx context.Context, args []any) (resp.Value, error) {
	conn := r.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	r.setInUse(conn)
	v, err := r.exchange(toArgs(args))
	r.setInUse(nil)
	if !stop() || r.isStale() {
		err = os.ErrDeadlineExceeded // a deadline that is set now would hit the next command
	}
	return v, err
}

// setInUse notes what the command under way uses.
func (r *Reader) setInUse(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inUse = conn; conn != nil && r.connRenewals != r.renewals {
		_ = conn.SetDeadline(past)
	}
}

func (r *Reader) exchange(args [][]byte) (resp.Value, error) {
	b := resp.AppendArray(r.wire[:0], len(args))
	for _, a := range args {
		b = resp.AppendBulk(b, a)
	}
	if r.wire = b; cap(b) > readBuffer {
		r.wire = nil
	}
	if _, err := r.conn.Write(b); err != nil {
		return resp.Value{}, err
	}
	for {
		v, err := resp.ReadValueUpTo(r.in, MaxAnswer)
		if err != nil || v.Type != '>' && v.Type != '|' {
			return v, err
		}
	}
}

// connect makes the connection, if there is none, and tries again until ctx ends.
func (r *Reader) connect(ctx context.Context) error {
	for attempt := 1; r.conn == nil; attempt++ {
		if r.noteBegin() {
			return ErrDown
		}
		err := r.dial(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(min(retryMax, retryMin<<min(attempt, 6)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (%w)", ErrDown, plain(err))
		case <-timer.C:
		}
	}
	return nil
}

// noteBegin notes that a connection is begun, and reports whether there may be none any more.
func (r *Reader) noteBegin() (closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connRenewals = r.renewals
	return r.closed
}

func (r *Reader) dial(ctx context.Context) error {
	conn, closing, err := r.opts.connect(ctx, "read")
	if err != nil {
		return err
	}
	r.conn, r.in, r.close, r.noSHA = conn, bufio.NewReaderSize(conn, readBuffer), closing, false
	return nil
}

func (r *Reader) drop() {
	if r.conn != nil {
		r.close()
		r.conn, r.in = nil, nil
	}
}
