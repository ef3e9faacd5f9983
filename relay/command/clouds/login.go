package clouds

// What all clouds give, and how long they may take.

import (
	"context"
	"fmt"
	"time"
)

// Login is a user of a Redis service, and a token as its password.
type Login struct {
	User, Password string
	Expires        time.Time // of the token; not zero
}

const (
	// Limit is how long AWS, Azure and Google may take.
	Limit = 10 * time.Second
	// askLimit is less, so that a request that is given up can say what it has waited for.
	askLimit = 9 * time.Second
)

var errSlow = fmt.Errorf("no answer within %v", Limit)

// within gets a login from a cloud in time, also by modules that heed no context.
func within(ctx context.Context, cloud string, get func(context.Context) (Login, error)) (Login, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Limit, errSlow)
	defer cancel()
	ask, stop := context.WithTimeoutCause(ctx, askLimit, errSlow)
	defer stop()
	type outcome struct {
		login Login
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		l, err := get(ask)
		done <- outcome{l, err}
	}()
	select {
	case o := <-done:
		return o.login, o.err
	case <-ctx.Done():
		return Login{}, fmt.Errorf("%s gives no token: %w", cloud, context.Cause(ctx))
	}
}
