package history

// One channel of which the answer cannot be had, among others that are asked about with
// it.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/upstream"
)

// picky is a Redis that has an entry "new" in each stream, and does not answer questions
// about some of them.
type picky struct {
	*room
	bad   map[string]error // by key
	asked map[string]int   // questions about each of them
}

func (p *picky) Eval(_ context.Context, _ *upstream.Script, keys []string, args ...any) (any, error) {
	for _, key := range keys {
		if err := p.bad[key]; err != nil {
			p.asked[key]++
			return nil, err
		}
	}
	var tails []any
	for range keys {
		tails = append(tails, []any{"9-0", int64(2), int64(2), "5-0", int64(0), []any{
			[]any{"9-0", []any{"payload", "new"}},
		}, int64(0)})
	}
	if token := fmt.Sprint(args[1]); token != "" {
		p.tokenCame([]byte(token + " 10"))
	}
	return tails, nil
}

// TestOneChannelDoesNotKeepOthers: whichever channels have no answer, and why, all others
// are healed in one go; the bad ones are told of once and go on.
func TestOneChannelDoesNotKeepOthers(t *testing.T) {
	for name, err := range map[string]error{
		"too large":      upstream.ErrTooLarge,
		"refused":        upstream.ReplyError("NOPERM No permissions to access a key"),
		"not understood": fmt.Errorf("%w: nonsense", errAnswer),
		"never answered": upstream.ErrUnknown,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				random := rand.New(rand.NewPCG(seed, 1))
				r := newRoom(t)
				p := &picky{room: r, bad: map[string]error{}, asked: map[string]int{}}
				r.redis = p
				r.up, r.lives, r.seen = true, 1, 5
				var good []string
				share := []int{0, 1, 3, 30, maxQuestions}[seed%5]
				for i := range 1 + random.IntN(maxQuestions) {
					channel := fmt.Sprintf("c%02d", i)
					r.begin(channel, live, ID{5, 0}).exact = true
					if random.IntN(maxQuestions) < share {
						p.bad[Key(channel)] = err
					} else {
						good = append(good, channel+" new")
					}
				}
				r.Lost()
				r.Up()
				for range maxFailed {
					for more := true; more; {
						more, _ = r.askOnce(t.Context())
					}
				}
				if slices.Sort(r.heard); !slices.Equal(r.heard, good) {
					t.Fatalf("seed %d: heard %q, want %q", seed, r.heard, good)
				}
				var told []string
				for _, g := range r.gaps {
					told = append(told, Key(g.Channel))
					if p.bad[Key(g.Channel)] == nil || !strings.Contains(g.Cause, err.Error()) {
						t.Errorf("seed %d: told of %+v", seed, g)
					}
				}
				if slices.Sort(told); len(told) != len(p.bad) || len(slices.Compact(told)) != len(p.bad) {
					t.Errorf("seed %d: told of %q, want one gap of each of %d", seed, told, len(p.bad))
				}
				clear(p.asked)
				r.compareSome()
				for more := true; more; {
					more, _ = r.askOnce(t.Context())
				}
				again := len(p.asked) > 0 && !mayBeAllowed(err)
				if s := r.Stats(); again || s.Behind > 0 || len(r.gaps) != len(p.bad) {
					t.Errorf("seed %d: asked again about %v, %d are behind, %d gaps", seed, p.asked, s.Behind, len(r.gaps))
				}
			}
		})
	}
}

// TestPassingErrorsAreOfNoChannel: while Redis answers nobody, all is asked again.
func TestPassingErrorsAreOfNoChannel(t *testing.T) {
	for _, err := range []error{
		upstream.ErrDown, upstream.ErrBusy, upstream.ReplyError("LOADING Redis is loading the dataset in memory"),
		upstream.ReplyError("BUSY Redis is busy running a script."), upstream.ReplyError("MASTERDOWN Link with MASTER is down"),
	} {
		r := newRoom(t)
		p := &picky{room: r, bad: map[string]error{Key("a"): err}, asked: map[string]int{}}
		r.redis = p
		r.up, r.lives, r.seen = true, 1, 5
		for _, channel := range []string{"a", "b"} {
			r.begin(channel, live, ID{5, 0}).exact = true
		}
		r.Lost()
		r.Up()
		for range 5 {
			if more, got := r.askOnce(t.Context()); got == nil || !more {
				t.Fatalf("%v: got %v, and more %v", err, got, more)
			}
		}
		r.expect(t)
		clear(p.bad)
		if _, err := r.askOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(r.heard)
		r.expect(t, "a new", "b new")
		if len(r.gaps) > 0 {
			t.Errorf("%v: told of %v", err, r.gaps)
		}
	}
}

// TestReaderOfWhatCannotBeRead is told at once, and not asked for again.
func TestReaderOfWhatCannotBeRead(t *testing.T) {
	r := newRoom(t)
	r.up, r.lives, r.seen = true, 1, 5
	p := &picky{room: r, bad: map[string]error{Key("a"): upstream.ReplyError("NOPERM no")}, asked: map[string]int{}}
	r.redis = p
	c := r.begin("a", live, ID{5, 0})
	c.recent.restart(c.last) // what came before is in Redis alone
	var got error
	ctx, cancel := context.WithCancel(t.Context())
	r.Read([]Position{{Channel: "a"}}, 0, 0, func(_ []Stream, err error) {
		got = err
		cancel()
	})
	r.fetchAll(ctx)
	if got == nil || got.Error() != "NOPERM no" || p.asked[Key("a")] != 1 {
		t.Errorf("got %v after %d questions", got, p.asked[Key("a")])
	}
}
