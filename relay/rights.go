package relay

// What Redis does not let the relay do, by an ACL or a renamed command, and that the relay
// goes on without: it is said once, with what does not work.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"redis-relay/relay/needs"
	"redis-relay/relay/notice"
	"redis-relay/relay/upstream"
)

// rights says what is missing on one upstream.
type rights struct {
	// Fixed after construction.
	*side
	rules  *atomic.Pointer[rules]
	teller *notice.Teller
	leaf   bool          // the relay is to be a leaf node
	up     chan struct{} // a value when a connection stands

	mu   sync.Mutex
	told map[string]string // command -> what was advised; empty: it is allowed; guarded by mu
}

// all lists the rights that this relay needs.
func (r *rights) all() []needs.Right {
	return needs.Rights(needs.Use{History: r.rules.Load().HasHistory(r.index), Leaf: r.leaf})
}

// look has them tried at the next moment.
func (r *rights) look() {
	select {
	case r.up <- struct{}{}:
	default:
	}
}

// run tries, each time a connection stands, what Redis allows until ctx ends. It always
// returns nil.
func (r *rights) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.up:
		}
		for _, right := range r.all() {
			if right.Try != "" {
				r.note(right.Name, r.attempt(ctx, right.Try))
			}
		}
	}
}

func (r *rights) attempt(ctx context.Context, try string) error {
	var args []any
	for word := range strings.FieldsSeq(try) {
		args = append(args, word)
	}
	ctx, cancel := context.WithTimeout(ctx, r.settings.PublishTimeout)
	defer cancel()
	_, err := r.reader.Do(ctx, args...)
	return err
}

// note takes what Redis said to a command: whether it is refused is told when that
// changes. It may be called from anywhere.
func (r *rights) note(command string, err error) {
	is := needs.Refuses(err)
	if err != nil && !is && !answered(err) {
		return // nobody knows
	}
	var lost, advice string
	for _, right := range r.all() {
		if is && right.Name == command {
			lost, advice = right.Lost, right.Advice(err)
		}
	}
	if is && advice == "" {
		return // this relay does not need it
	}
	r.mu.Lock()
	changed := r.told[command] != advice
	r.told[command] = advice
	r.mu.Unlock()
	switch {
	case !changed:
	case !is:
		r.teller.Log(notice.RightBack.With(command), r.about()...)
	default:
		r.teller.Log(notice.RightMissing.With(command, lost, advice), r.about(zap.Error(err))...)
	}
}

// answered tells whether Redis answered with an error of its own.
func answered(err error) bool {
	var refused upstream.ReplyError
	return errors.As(err, &refused)
}
