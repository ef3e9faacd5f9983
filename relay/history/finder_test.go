package history

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redis-relay/relay/stream"
)

// TestLookingForChannels goes through the database once, however many patterns there
// are, and nothing waits for it.
func TestLookingForChannels(t *testing.T) {
	r := newRoom(t)
	r.nobody, r.patterns = true, []string{"a*", "b*", "c*"}
	looking, look := make(chan struct{}, 10), make(chan struct{})
	r.answer = func(context.Context) (any, error) {
		looking <- struct{}{}
		<-look
		return []any{"0", []any{Key("a1"), Key("c2")}}, nil
	}
	r.say = func(_ []string, args []any) (any, error) { return found(9, args), nil }
	r.stand(5)
	r.channels.start("known", live, stream.ID{Ms: 5}).exact = true
	r.Lost()
	heard := func(want ...string) {
		t.Helper()
		r.until(fmt.Sprintf("heard %q", want), func() bool {
			return slices.Equal(slices.Sorted(slices.Values(r.heard)), want)
		})
	}
	r.Up()
	<-looking
	heard("knowna* new", "knownb* new", "knownc* new")
	close(look)
	heard("a1a* new", "a1b* new", "a1c* new", "c2a* new", "c2b* new", "c2c* new",
		"knowna* new", "knownb* new", "knownc* new")
	if n := len(looking); n > 0 {
		t.Errorf("it looked %d times more", n)
	}
}

// TestLookingAgain: a search that fails is made again, and one of an earlier connection is made anew.
func TestLookingAgain(t *testing.T) {
	r := newRoom(t)
	r.nobody, r.patterns = true, []string{"a*"}
	answers := make(chan error)
	r.answer = func(context.Context) (any, error) {
		if err := <-answers; err != nil {
			return nil, err
		}
		return []any{"0", []any{Key("a1")}}, nil
	}
	r.stand(5)
	r.Lost()
	r.Up()
	r.Lost()
	answers <- nil // of a connection that is gone
	r.until("the search has ended", func() bool { return !r.finder.running })
	if len(r.channels.byName) > 0 {
		t.Error("a search found channels while there was no connection")
	}
	r.Up()
	answers <- context.DeadlineExceeded
	r.until("the search has failed", func() bool { return !r.finder.running })
	if !r.loop.elapse(retryMin) {
		t.Fatal("it is not made again")
	}
	answers <- nil
	r.until("the channel is found", func() bool { return r.channels.byName["a1"] != nil })
	if r.past.searching {
		t.Error("it is still looking")
	}
}

// TestLossRightAfterAPattern: of a pattern that was confirmed it is known, even then, what was before.
func TestLossRightAfterAPattern(t *testing.T) {
	r := newRoom(t)
	r.nobody, r.patterns = true, []string{"a*"}
	r.answer = func(context.Context) (any, error) { return []any{"0", []any{Key("a1")}}, nil }
	r.say = func(_ []string, args []any) (any, error) { return found(9, args), nil }
	r.stand(0)
	r.time = 5005
	r.SubscribingPattern()
	r.SubscribedPattern()
	r.Lost()
	r.Up()
	r.until("the search has ended", func() bool { return !r.past.searching })
	if c := r.channels.byName["a1"]; c == nil || c.last != stream.Before(5005) && c.last != (stream.ID{Ms: 9}) {
		t.Errorf("the channel goes on behind %+v", c)
	}
	if len(r.gaps) > 0 {
		t.Errorf("gaps %v, want none", r.gaps)
	}
}

// TestLossBeforeTheTimeIsKnown cannot be healed for those who listen by a pattern, and they are told.
func TestLossBeforeTheTimeIsKnown(t *testing.T) {
	r := newRoom(t)
	r.nobody, r.patterns = true, []string{"a*", "b*"}
	r.stand(0)
	r.SubscribingPattern() // which is not answered
	r.SubscribedPattern()
	r.Lost()
	r.Up()
	if len(r.gaps) != 2 || r.gaps[0].Pattern != "a*" || r.gaps[1].Pattern != "b*" || r.past.searching {
		t.Errorf("gaps %v, want one of each pattern", r.gaps)
	}
	r.Lost()
	r.Up()
	if len(r.gaps) != 4 {
		t.Errorf("gaps %v, want one of each pattern and loss", r.gaps)
	}
}

// TestOldTimes: a time of Redis is forgotten when nobody hears anything: it would have a later pattern
// hear what was before it.
func TestOldTimes(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	r.loop.elapse(tick)
	if r.past.redisTime != 0 {
		t.Errorf("%d is still known", r.past.redisTime)
	}
}

// TestCloseEndsAll that runs beside the loop, and every timer.
func TestCloseEndsAll(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := newRoom(t)
	r.patterns = []string{"a*"}
	asked := make(chan struct{}, 2)
	r.answer = func(ctx context.Context) (any, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r.stand(5)
	c := r.channels.start("c", live, stream.ID{Ms: 5})
	c.recent.restart(c.last)
	got := r.read(time.Hour, Cursor{Channel: "c"})
	r.Lost()
	r.Up()
	<-asked
	<-asked
	r.Close()
	r.Wait()
	if r.loop.elapse(2 * time.Hour) {
		t.Error("a timer is still set")
	}
	if got.finished > 0 {
		t.Errorf("a reader was answered: %v", got.err)
	}
}
