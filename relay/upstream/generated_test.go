package upstream

// Random commands to servers with random faults.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// TestGenerated: random commands to servers that cut, split and delay. Each command has one answer, in order.
// What is acknowledged was carried out once, what is unknown at most once, what is refused never.
func TestGenerated(t *testing.T) {
	t.Parallel()
	seeds := 80
	if testing.Short() {
		seeds = 30
	}
	tally := map[string]int{}
	var mu sync.Mutex
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(seeds) {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				g := &generated{t: t, random: rand.New(rand.NewPCG(seed, 7))}
				g.run()
				mu.Lock()
				defer mu.Unlock()
				for word, n := range g.tally {
					tally[word] += n
				}
			})
		}
	})
	t.Log(tally)
	for _, word := range []string{"acknowledged", "unknown", "fence", "fence lost", "subscribe", "subscribe lost", "resent"} {
		if tally[word] == 0 {
			t.Errorf("none was %s: the test shows nothing", word)
		}
	}
}

// generated is one run. Its fields belong to the loop while it runs.
type generated struct {
	t        *testing.T
	random   *rand.Rand
	c        *client
	executed executions
	asked    int
	answered int
	commands []int // in the order of their answers
	fences   []int // as well
	fates    map[string]error
	born     map[string]uint64 // the connection of that time
	tally    map[string]int
}

func (g *generated) run() {
	g.fates, g.born, g.tally = map[string]error{}, map[string]uint64{}, map[string]int{}
	opts := testOptions("")
	g.c = looped(g.t, opts, "a")
	for session := range 5 {
		far, ended := g.c.attach(g.t)
		f := &fake{
			random: rand.New(rand.NewPCG(uint64(session), g.random.Uint64())), executed: &g.executed, stories: true,
			cutIn: 100 + g.random.IntN(6000), cutOut: 100 + g.random.IntN(6000), split: g.random.IntN(40),
		}
		if session == 4 {
			f.cutIn, f.cutOut = never, never
		}
		var serving sync.WaitGroup
		serving.Go(func() { f.serve(far) })
		for range 1 + g.random.IntN(12) {
			g.c.do(g.turn)
		}
		if session == 4 {
			g.finish()
			_ = far.Close()
		}
		g.await(ended)
		_ = far.Close()
		serving.Wait()
	}
	g.c.do(g.check)
}

// await waits for the end of a connection that may have nothing left to be cut at.
func (g *generated) await(ended <-chan error) {
	g.t.Helper()
	for deadline := time.Now().Add(4 * patience); ; {
		select {
		case err := <-ended:
			if err == nil {
				g.t.Error("ended without a cause")
			}
			return
		case <-time.After(time.Millisecond):
			g.c.do(g.turn) // until a limit is reached
		}
		if time.Now().After(deadline) {
			g.t.Fatal("the connection does not end")
		}
	}
}

// turn asks some commands.
func (g *generated) turn() {
	for range g.random.IntN(8) {
		g.command()
	}
}

func (g *generated) command() {
	c, number := g.c, g.asked
	id := "id" + strconv.Itoa(number)
	fate := AnswerFunc(func(v resp.Value, err error) { g.fate(number, id, v, err) })
	var err error
	switch g.random.IntN(8) {
	case 0, 1:
		err = c.Publish(1, false, []byte("a"), []byte(id), fate)
	case 2:
		err = c.Send(1, fate, []byte("ECHO"), []byte(id))
	case 3, 4, 5:
		key := []byte{byte('a' + g.random.IntN(2))}
		err = c.Call(1, echoed, fate, Call{Key: key, Item: []byte(id)})
	case 6:
		if c.backlog.session == nil {
			return
		}
		c.Subscribe(resp.Message, []string{id, id + "x"}, func(lost bool, _ error) { g.asking("subscribe", number, lost) })
	case 7:
		if c.backlog.session == nil {
			return
		}
		c.Fence(func(lost bool) { g.asking("fence", number, lost) })
	}
	if err != nil {
		g.t.Errorf("refused: %v", err)
	}
	g.born[id] = c.ConnectionsMade()
	g.asked++
}

func (g *generated) asking(word string, number int, lost bool) {
	g.answered++
	g.fences = append(g.fences, number)
	if lost {
		word += " lost"
	}
	g.tally[word]++
}

func (g *generated) fate(number int, id string, v resp.Value, err error) {
	g.answered++
	g.commands = append(g.commands, number)
	if _, twice := g.fates[id]; twice {
		g.t.Errorf("%s is answered twice", id)
	}
	g.fates[id] = err
	if err == nil && v.Type == '$' && string(v.Str) != id {
		g.t.Errorf("%s is answered %q", id, v.Str)
	}
	if err == nil && g.born[id] != g.c.ConnectionsMade() {
		g.tally["resent"]++
	}
}

// finish waits until all is answered.
func (g *generated) finish() {
	g.t.Helper()
	for deadline := time.Now().Add(4 * patience); ; time.Sleep(time.Millisecond) {
		open := 0
		g.c.do(func() { open = g.asked - g.answered })
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%d commands have no answer", open)
		}
	}
}

func (g *generated) check() {
	for id, err := range g.fates {
		n := g.executed.times(id)
		switch {
		case err == nil && n == 1:
			g.tally["acknowledged"]++
		case errors.Is(err, ErrUnknown) && n <= 1:
			g.tally["unknown"]++
		default:
			g.t.Errorf("%s: answered %v, carried out %d times", id, err, n)
		}
	}
	for _, list := range [][]int{g.commands, g.fences} {
		for i := range list[:max(0, len(list)-1)] {
			if list[i] > list[i+1] {
				g.t.Errorf("answered %d before %d", list[i], list[i+1])
			}
		}
	}
	g.checkStories()
}

// checkStories: what was told over one connection was heard in order, and whole.
func (g *generated) checkStories() {
	last := 0
	for _, m := range g.c.messages {
		var n int
		var text string
		_, _ = fmt.Sscanf(m, "message story %d %s", &n, &text)
		if n != last+1 && n != 1 || strings.Trim(text, "x") != "" {
			g.t.Errorf("heard story %d after %d: %.40q", n, last, m)
		}
		last = n
	}
}
