package upstream

// What a publisher that has hung up leaves behind.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// pushed carries out what is asked of it like RPUSH.
var pushed = NewScript(`
local out, done = {}, 3 * #KEYS
for g, key in ipairs(KEYS) do
  local each = {}
  for i = 1, ARGV[3 * (g - 1) + 1] do
    redis.call('RPUSH', key, ARGV[done + i])
    each[i] = ARGV[done + i]
  end
  out[g], done = each, done + ARGV[3 * (g - 1) + 1]
end
return out
`)

// TestWithdraw: while Redis is away publishers queue commands and calls in any order, and
// some hang up. Redis carries out what the others queued, in order, and nothing else.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			srv := redistest.Start(t)
			opts := testOptions(srv.URL())
			c := connect(t, opts)
			c.awaitUp(1)
			if seed%2 == 0 { // Redis will have forgotten a script that the relay has brought
				call(c, 0, "a", "x").wait()
			}
			srv.Kill()
			c.awaitLosses(1)
			queued := fill(c, random)
			gone := map[uint64]bool{2: true, 6: true}
			c.do(func() {
				for from := range gone {
					c.Withdraw(from)
				}
			})
			var want []string
			for _, q := range queued {
				if !gone[q.from] {
					want = append(want, q.item)
				} else if a := q.answers.wait(); !errors.Is(a.err, ErrDown) {
					t.Errorf("%s, withdrawn: got %v, %v, want ErrDown", q.item, a.value, a.err)
				}
			}
			srv.Restart()
			for _, q := range queued {
				if gone[q.from] {
					continue
				}
				if a := q.answers.wait(); a.err != nil {
					t.Errorf("%s: %v", q.item, a.err)
				}
			}
			var got []string
			for _, e := range srv.MustDo("LRANGE", "k", "0", "-1").Elems {
				got = append(got, e.Str)
			}
			if !slices.Equal(got, want) {
				t.Errorf("carried out:\n%s\nwant:\n%s", strings.Join(got, " "), strings.Join(want, " "))
			}
		})
	}
}

func call(c *client, from uint64, head, item string) *answers {
	c.t.Helper()
	a := newAnswers(c.t)
	c.do(func() {
		if err := c.Call(from, pushed, a, Call{Key: []byte("k"), Head: [][]byte{[]byte(head)}, Item: []byte(item)}); err != nil {
			c.t.Error(err)
		}
	})
	return a
}

type queuedItem struct {
	from    uint64
	item    string
	answers *answers
}

// fill queues 300 items of four publishers.
func fill(c *client, random *rand.Rand) (list []queuedItem) {
	c.t.Helper()
	for n := range 300 {
		q := queuedItem{from: uint64(2 * (1 + random.IntN(4))), item: fmt.Sprint(n)}
		if random.IntN(5) == 0 {
			q.answers = newAnswers(c.t)
			c.do(func() {
				if err := c.Send(q.from, q.answers, []byte("RPUSH"), []byte("k"), []byte(q.item)); err != nil {
					c.t.Error(err)
				}
			})
		} else {
			q.answers = call(c, q.from, fmt.Sprint(random.IntN(2)), q.item)
		}
		list = append(list, q)
	}
	return list
}

// TestWithdrawLeavesSentCommands: with a connection nothing is withdrawn.
func TestWithdrawLeavesSentCommands(t *testing.T) {
	t.Parallel()
	c := connect(t, testOptions(redistest.Start(t).URL()))
	c.awaitUp(1)
	a := newAnswers(t)
	c.do(func() {
		if err := c.Send(2, a, []byte("PING")); err != nil {
			t.Error(err)
		}
		c.Withdraw(2)
	})
	if a := a.wait(); a.value != "PONG" {
		t.Errorf("got %v, %v", a.value, a.err)
	}
}
