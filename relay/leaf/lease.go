package leaf

// The lease on a NATS cluster: which of all relays is its leaf node.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/needs"
	"redis-relay/relay/upstream"
)

const (
	// leasePrefix begins the keys of the lease, behind which the cluster's servers follow.
	leasePrefix = needs.LeasePrefix

	leaseTime     = 5 * time.Second        // for which it is given
	leaseMargin   = 500 * time.Millisecond // before its end in which it is not used
	leaseInterval = time.Second            // in which it is renewed
)

// leaseScript gives a lease (KEYS[1]) to ARGV[1] for ARGV[2] milliseconds, unless
// another has it: then it returns nil. It returns up to when the cluster is known to
// have had all (KEYS[2]), and notes ARGV[3] for that, if it is not empty. A lease of a
// millisecond gives it back.
var leaseScript = upstream.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local heard = redis.call('GET', KEYS[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3], 'EX', 604800) end
return heard or ''
`)

var (
	errOtherLeads = errors.New("another relay is the leaf node")
	errRedisLost  = errors.New("the connection to Redis was lost")
	errEnding     = errors.New("the relay ends")
)

// lease is kept in Redis: of all relays on it that name the same servers one has it. Its methods may be called
// from anywhere, but wait for Redis.
type lease struct {
	// Fixed after construction.
	id    string   // of this relay
	keys  []string // see leaseScript
	redis *upstream.Connection
	loop  *loop.Loop
	began time.Time
	lost  chan struct{} // never closed; a value when messages of Redis may be missing

	until          atomic.Int64 // the end of the lease, less a margin, as time since began
	deliveredUntil atomic.Int64 // the cluster has all messages published before, in Unix milliseconds; 0: not known
}

// drop gives the lease up without a word to Redis, which may be another one by now. It does not wait.
func (l *lease) drop() {
	l.until.Store(0)
	select {
	case l.lost <- struct{}{}:
	default:
	}
}

// claim takes or renews the lease, and returns up to when the cluster had had all.
func (l *lease) claim(ctx context.Context, period time.Duration) (before time.Time, err error) {
	heard := ""
	if ms := l.deliveredUntil.Load(); ms > 0 {
		heard = strconv.FormatInt(ms, 10)
	}
	sent := time.Since(l.began)
	v, err := l.eval(ctx, l.id, period.Milliseconds(), heard)
	switch text, ok := v.(string); {
	case err != nil:
		return before, err
	case !ok:
		return before, errOtherLeads
	case text != "":
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return before, fmt.Errorf("key %s: %w", l.keys[1], err)
		}
		before = time.UnixMilli(ms)
	}
	l.until.Store(int64(sent + period - leaseMargin))
	return before, nil
}

// eval runs the script and waits for what it returns.
func (l *lease) eval(ctx context.Context, args ...any) (any, error) {
	type answer struct {
		value any
		err   error
	}
	answered := make(chan answer, 1)
	if !l.loop.Post(func() {
		l.redis.Eval(leaseScript, l.keys, func(v any, err error) { answered <- answer{v, err} }, args...)
	}) {
		return nil, errEnding
	}
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// valid reports whether this relay has the lease.
func (l *lease) valid() bool { return time.Since(l.began) < time.Duration(l.until.Load()) }

func (l *lease) release(ctx context.Context) {
	l.until.Store(0)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = l.claim(ctx, time.Millisecond) // else it ends by itself
}

// renew keeps the lease until ctx ends or it is lost.
func (l *lease) renew(ctx context.Context) error {
	ticker := time.NewTicker(leaseInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.lost:
			return errRedisLost
		case <-ticker.C:
		}
		switch _, err := l.claim(ctx, leaseTime); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLeads):
			return errors.New("the lease was lost to another relay")
		case err != nil && !l.valid():
			return fmt.Errorf("renew the lease: %w", err)
		}
	}
}
