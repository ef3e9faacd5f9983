package credentials

// When the helper runs.

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	defaultRefresh = 10 * time.Minute       // between two helpers, where no login says when it expires
	minPause       = 500 * time.Millisecond // between two helpers
	maxPause       = time.Minute            // between two helpers that fail
	lookInterval   = time.Minute            // between two looks at the clock, which may have been set, or have slept
)

// Run runs the helper when it is time, until ctx ends. Then it returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	var used uint64
	for ctx.Err() == nil {
		if l := k.State().Login; l.Number > used {
			used = l.Number
			k.follower.Use(ctx, l)
		}
		timer := time.NewTimer(min(lookInterval, time.Until(k.due())))
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
			k.runDue(ctx)
		}
		timer.Stop()
	}
	return nil
}

// runDue runs the helper, unless another goroutine has just done so. Failures are told by the follower.
func (k *Keeper) runDue(ctx context.Context) {
	if k.begin(ctx) != nil {
		return
	}
	defer func() { <-k.turn }()
	if !time.Now().Before(k.due()) {
		_ = k.renew(ctx)
	}
}

// due returns when the helper is to run next.
func (k *Keeper) due() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.state.Login
	switch {
	case k.changed:
		return time.Time{}
	case !k.retryAt.IsZero():
		return k.retryAt
	case l.Number == 0:
		return time.Time{}
	}
	pause := k.refresh
	if !l.Expires.IsZero() {
		if third := l.Expires.Sub(l.Got) / 3; pause == 0 || 2*third < pause {
			pause = 2 * third
		}
	}
	if pause == 0 {
		pause = defaultRefresh
	}
	pause -= time.Duration(k.early * float64(pause))
	return l.Got.Add(max(minPause, pause))
}

// backoff returns how long to wait before attempt n+1.
func backoff(n int) time.Duration {
	bound := maxPause
	if n < 7 {
		bound = min(maxPause, time.Second<<(n-1))
	}
	return bound/2 + rand.N(bound/2)
}
