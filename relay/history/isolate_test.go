package history

// One channel of which the answer cannot be had, among others that are asked about with
// it.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// picky is a Redis that has an entry "new" in each stream, and does not answer questions
// about some of them.
type picky struct {
	*room
	bad    map[string]error // by key
	asked  map[string]int   // questions about each of them
	losses int
}

func newPicky(t *testing.T) *picky {
	r := newRoom(t)
	p := &picky{room: r, bad: map[string]error{}, asked: map[string]int{}}
	r.say = p.say
	r.stand(5)
	return p
}

func (p *picky) say(keys []string, args []any) (any, error) {
	for _, key := range keys {
		if err := p.bad[key]; err != nil {
			p.asked[key]++
			if errors.Is(err, upstream.ErrUnknown) {
				p.losses++
				p.lose()
			}
			return nil, err
		}
	}
	return found(9, args), nil
}

// lose loses the connection, and makes the next one.
func (p *picky) lose() {
	p.Lost()
	p.loop.Post(p.Up)
}

// heal has the connection lost and all be asked that is to be.
func (p *picky) heal() {
	p.lose()
	p.loop.run()
}

// found answers a question: each of the streams has 5-0 and then an entry "new".
func found(ms uint64, args []any) any {
	answer, newest := []any{}, fmt.Sprint(ms, "-0")
	for i := 4; i < len(args); i += 2 {
		entries := []any{}
		if args[i] != "" && args[i] != "("+newest {
			entries = append(entries, []any{newest, []any{"payload", "new"}})
		}
		answer = append(answer, []any{newest, int64(2), int64(2), "5-0", int64(0), entries, int64(0)})
	}
	return append(answer, int64(ms+1))
}

// TestOneChannelDoesNotKeepOthers: whichever channels have no answer, and why, all others
// are healed; the bad ones are told of once and go on.
func TestOneChannelDoesNotKeepOthers(t *testing.T) {
	for name, err := range map[string]error{
		"too large":            upstream.ErrTooLarge,
		"refused":              upstream.ReplyError("NOPERM No permissions to access a key"),
		"not understood":       fmt.Errorf("%w: nonsense", errAnswer),
		"costs the connection": upstream.ErrUnknown,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				testOneChannel(t, seed, err)
			}
		})
	}
}

func testOneChannel(t *testing.T, seed uint64, err error) {
	random := rand.New(rand.NewPCG(seed, 1))
	p := newPicky(t)
	var good []string
	share := []int{0, 1, 3, 30, maxQuestions}[seed%5]
	for i := range 1 + random.IntN(maxQuestions) {
		channel := fmt.Sprintf("c%02d", i)
		p.channels.start(channel, live, stream.ID{Ms: 5}).exact = true
		if random.IntN(maxQuestions) < share {
			p.bad[Key(channel)] = err
		} else {
			good = append(good, channel+" new")
		}
	}
	cause := err
	if errors.Is(err, upstream.ErrUnknown) {
		cause = errCostly
	}
	p.heal()
	if slices.Sort(p.heard); !slices.Equal(p.heard, good) {
		t.Fatalf("seed %d: heard %q, want %q", seed, p.heard, good)
	}
	var told []string
	for _, g := range p.gaps {
		told = append(told, Key(g.Channel))
		if p.bad[Key(g.Channel)] == nil || !strings.Contains(g.Cause, cause.Error()) {
			t.Errorf("seed %d: told of %+v", seed, g)
		}
	}
	slices.Sort(told)
	if n := len(told); len(slices.Compact(told)) != len(p.bad) || n != len(p.bad) && p.losses == 0 {
		t.Errorf("seed %d: told of %q, want one gap of each of %d", seed, told, len(p.bad))
	}
	before := len(p.gaps)
	clear(p.asked)
	p.asker.compareSome()
	p.loop.run()
	again := len(p.asked) > 0 && !mayBeAllowed(err)
	if s := p.Stats(); again || s.Behind > 0 || len(p.gaps) != before {
		t.Errorf("seed %d: asked again about %v, %d are behind, %d gaps", seed, p.asked, s.Behind, len(p.gaps))
	}
	if p.most > 1 {
		t.Errorf("seed %d: %d questions were under way together", seed, p.most)
	}
}

// TestACostlyChannelCostsLittleMore: it costs the connection a few times until it is found. After the next
// loss it does so once more.
func TestACostlyChannelCostsLittleMore(t *testing.T) {
	p := newPicky(t)
	for i := range 3 * maxQuestions {
		p.channels.start(fmt.Sprint("c", i), live, stream.ID{Ms: 5}).exact = true
	}
	p.bad[Key("c7")] = upstream.ErrUnknown
	p.heal()
	if p.losses != maxLosses || len(p.gaps) != 1 || len(p.heard) != 3*maxQuestions-1 {
		t.Errorf("%d losses, %d gaps, %d entries heard", p.losses, len(p.gaps), len(p.heard))
	}
	p.losses, p.gaps = 0, nil
	p.heal()
	if p.losses != 1 || len(p.gaps) != 1 || p.Stats().Behind > 0 {
		t.Errorf("after the next loss: %d losses, %d gaps, %d are behind", p.losses, len(p.gaps), p.Stats().Behind)
	}
	clear(p.bad)
	p.heal()
	if c := p.channels.byName["c7"]; c.losses != 0 {
		t.Errorf("an answer came, and %d losses are held against the channel", c.losses)
	}
}

// TestPassingErrorsAreOfNoChannel: while Redis answers nobody, all is asked again.
func TestPassingErrorsAreOfNoChannel(t *testing.T) {
	for _, err := range []error{
		upstream.ErrDown, upstream.ErrBusy, upstream.ReplyError("LOADING Redis is loading the dataset in memory"),
		upstream.ReplyError("BUSY Redis is busy running a script."), upstream.ReplyError("MASTERDOWN Link with MASTER is down"),
	} {
		p := newPicky(t)
		p.bad[Key("a")] = err
		for _, channel := range []string{"a", "b"} {
			p.channels.start(channel, live, stream.ID{Ms: 5}).exact = true
		}
		p.heal()
		for i := range 5 {
			if n := p.asked[Key("a")]; n != i+1 {
				t.Fatalf("%v: %d questions, want %d", err, n, i+1)
			}
			if !p.loop.elapse(retryMax) {
				t.Fatalf("%v: it is not tried again", err)
			}
		}
		p.expect(t)
		clear(p.bad)
		p.loop.elapse(retryMax)
		slices.Sort(p.heard)
		p.expect(t, "a new", "b new")
		if len(p.gaps) > 0 {
			t.Errorf("%v: told of %v", err, p.gaps)
		}
	}
}

// TestAnswersOfALostConnection are of no use: the question is asked again.
func TestAnswersOfALostConnection(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	r.channels.start("a", live, stream.ID{Ms: 5}).exact = true
	r.loop.run()
	if len(r.under) != 1 {
		t.Fatalf("%d questions", len(r.under))
	}
	r.Lost()
	r.Up()
	r.loop.run()
	r.reply(0, found(8, r.under[0].args), nil) // what was not sent in time can still have been answered
	r.loop.run()
	r.expect(t)
	if len(r.under) != 1 {
		t.Fatalf("%d questions over the next connection", len(r.under))
	}
	r.reply(0, found(9, r.under[0].args), nil)
	r.expect(t, "a new")
	if r.past.redisTime != 10 {
		t.Errorf("all has come that is before %d, want 10", r.past.redisTime)
	}
}

// TestQuestionsGoTogether: what has to be asked in one turn is, in questions about so many at most.
func TestQuestionsGoTogether(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	for i := range maxQuestions + 1 {
		r.channels.start(fmt.Sprint("c", i), fresh, stream.ID{})
	}
	for _, want := range []int{maxQuestions, 1} {
		r.loop.run()
		if len(r.under) != 1 || len(r.under[0].keys) != want {
			t.Fatalf("%d questions, want one about %d", len(r.under), want)
		}
		r.reply(0, found(9, r.under[0].args), nil)
	}
	r.loop.run()
	if len(r.under) > 0 {
		t.Errorf("it asks on: %v", r.under[0].keys)
	}
	r.asker.askTime()
	r.loop.run()
	if len(r.under) != 1 || !slices.Equal(r.under[0].keys, []string{Key("")}) { // a script without keys is refused by some
		t.Error("the time of Redis is not asked for")
	}
}
