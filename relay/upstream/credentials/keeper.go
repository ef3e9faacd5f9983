package credentials

// Holding a login, and getting the next one in time.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Follower is told of the logins of a Keeper. Try and Use may wait, the others must not. None may call the Keeper, but
// for State.
type Follower struct {
	// Try gives a login to the living connection before it is in use, and tells whether Redis has taken it. Without a
	// connection it has not. The error says that Redis refuses it.
	Try func(ctx context.Context, l Login) (taken bool, err error)
	// Use gives a login that is in use to all other connections.
	Use func(ctx context.Context, l Login)
	// Failed is called when a helper fails, and when Redis refuses a login.
	Failed func(s State)
	// Works is called when Redis has taken a login after that. s is the state before.
	Works func(s State)
}

// State says how a Keeper is.
type State struct {
	Login    Login     // in use; Number 0: there is none
	Err      error     // why the last attempt has failed; nil: it has not
	Since    time.Time // when the first attempt of those in a row had failed
	Attempts int       // failed in a row
	Failures uint64    // attempts that have failed, ever
}

// Keeper holds a login, and has a helper print the next one before it expires. Make one with New.
type Keeper struct {
	// Fixed after construction.
	key      string // path of the command in the configuration
	user     string // for logins that name none
	follower Follower
	turn     chan struct{} // has a value while a helper runs
	wake     chan struct{} // has a value when Run has something to look at

	telling sync.Mutex // held from a change of failures until the follower is told of it; locked before mu

	mu      sync.Mutex // guards what follows
	command []string
	refresh time.Duration // 0: by the expiry
	early   float64       // share of the time that is taken off, so that not all relays of a fleet ask at once
	state   State
	retryAt time.Time // zero: the last attempt has not failed
	changed bool      // the command has, since the last attempt
	number  uint64    // of the last login
	printed string    // password that a helper printed last; Redis may have refused it
}

// New returns a Keeper without a login. key is the path of the command in the configuration, for errors. refresh is the
// longest time between two runs of the helper; 0: two thirds of the time until its login expires, or ten minutes. user
// stands in for one that the helper does not name.
func New(key string, command []string, refresh time.Duration, user string) *Keeper {
	return &Keeper{
		key: key, user: user, command: command, refresh: refresh, early: rand.Float64() / 10,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		follower: Follower{
			Try: func(context.Context, Login) (bool, error) { return false, nil },
			Use: func(context.Context, Login) {}, Failed: func(State) {}, Works: func(State) {},
		},
	}
}

// Follow has a follower told. It must be called before all other methods, at most once.
func (k *Keeper) Follow(f Follower) { k.follower = f }

// Check returns the mistakes that show without running the helper.
func (k *Keeper) Check() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Find(k.key, k.command)
}

// State returns how the Keeper is.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// Set changes the command and the refresh. The new helper runs soon. Its login takes the place of the present one.
func (k *Keeper) Set(command []string, refresh time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.Equal(k.command, command) && k.refresh == refresh {
		return
	}
	k.command, k.refresh, k.changed = command, refresh, true
	k.nudge()
}

// nudge has Run look.
func (k *Keeper) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Get returns the login for a new connection. If there is none, or it has expired, it runs the helper, unless the last
// one has failed just now: then it returns that error.
func (k *Keeper) Get(ctx context.Context) (Login, error) {
	if l, err := k.held(); l.Number > 0 || err != nil {
		return l, err
	}
	if err := k.begin(ctx); err != nil {
		return Login{}, err
	}
	defer func() { <-k.turn }()
	if l, err := k.held(); l.Number > 0 || err != nil { // while this one waited
		return l, err
	}
	if err := k.renew(ctx); err != nil {
		return Login{}, err
	}
	return k.State().Login, nil
}

// held returns the login, if it holds, or why there is none, if the next attempt is not due.
func (k *Keeper) held() (Login, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch now := time.Now(); {
	case k.state.Login.holds(now):
		return k.state.Login, nil
	case k.state.Err != nil && now.Before(k.retryAt):
		return Login{}, k.state.Err
	}
	return Login{}, nil
}

// begin waits for the turn.
func (k *Keeper) begin(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// renew runs the helper, and has Redis try what it prints. The caller has the turn.
func (k *Keeper) renew(ctx context.Context) error {
	k.mu.Lock()
	h := helper{command: k.command, user: k.user, timeout: helperTimeout}
	secrets := []string{k.state.Login.Password, k.printed}
	k.changed = false
	k.mu.Unlock()

	l, err := h.run(ctx, secrets...)
	taken := false
	if err != nil {
		err = fmt.Errorf("%s: the helper %w", k.key, err)
	} else {
		l.Number = k.note(l)
		if taken, err = k.follower.Try(ctx, l); err != nil {
			err = k.refused(l, err)
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		k.fail(err)
		return err
	}
	k.adopt(l)
	if taken {
		k.Taken(l)
	}
	return nil
}

// note returns the number of a login, and remembers its password, to take it out of what helpers write to stderr.
func (k *Keeper) note(l Login) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.printed = l.Password
	k.number++
	return k.number
}

// adopt has a login in use.
func (k *Keeper) adopt(l Login) {
	k.mu.Lock()
	k.state.Login, k.retryAt = l, time.Time{}
	k.mu.Unlock()
	k.nudge()
}

func (k *Keeper) refused(l Login, err error) error {
	return fmt.Errorf("%s: Redis refuses what the helper printed: %w", k.key, l.Hide(err))
}

// fail notes an attempt that has failed.
func (k *Keeper) fail(err error) {
	k.telling.Lock()
	defer k.telling.Unlock()
	k.mu.Lock()
	s := &k.state
	if s.Attempts == 0 {
		s.Since = time.Now()
	}
	s.Attempts++
	s.Failures++
	s.Err = err
	k.retryAt = time.Now().Add(backoff(s.Attempts))
	told := *s
	k.mu.Unlock()
	k.follower.Failed(told)
	k.nudge()
}

// Taken says that Redis has taken a login. If it is one of after the last failure, those are over.
func (k *Keeper) Taken(l Login) {
	k.telling.Lock()
	defer k.telling.Unlock()
	k.mu.Lock()
	before := k.state
	over := before.Attempts > 0 && k.retryAt.IsZero() && before.Login.Number == l.Number
	if over {
		k.state.Err, k.state.Attempts, k.state.Since = nil, 0, time.Time{}
	}
	k.mu.Unlock()
	if over {
		k.follower.Works(before)
	}
}

// Refused says that Redis has refused a login of a new connection: it is not used again, and the helper runs soon.
func (k *Keeper) Refused(l Login, reason error) {
	k.mu.Lock()
	if k.state.Login.Number != l.Number || l.Number == 0 {
		k.mu.Unlock()
		return
	}
	k.state.Login = Login{}
	k.mu.Unlock()
	k.fail(k.refused(l, reason))
}
