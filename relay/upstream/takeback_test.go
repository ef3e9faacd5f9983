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

// TestTakeBack: while Redis is away publishers queue commands and calls in any order, and
// some hang up. Redis carries out what the others queued, in order, and nothing else.
func TestTakeBack(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			srv := redistest.Start(t)
			opts := testOptions("redis://" + srv.Addr())
			opts.PublishTimeout = patience
			p := publish(t, opts)
			awaitConnected(t, p)
			awaitPublished(t, p)
			if seed%2 == 0 { // Redis will have forgotten a script that the relay has brought
				r := make(reply, 1)
				if err := p.Call(0, pushed, r, Call{Key: []byte("k"), Head: [][]byte{[]byte("a")}, Item: []byte("x")}); err != nil {
					t.Fatal(err)
				}
				p.Flush(0)
				outcome(t, r)
			}
			srv.Kill()
			redistest.Eventually(t, patience, "the connection is lost", func() bool { return !p.Standing(0) })

			queued := queue(t, p, random)
			gone := map[uint64]bool{2: true, 6: true}
			for from := range gone {
				p.TakeBack(from)
			}
			var want []string
			for _, q := range queued {
				if gone[q.from] {
					if a := outcome(t, q.reply); !errors.Is(a.err, ErrDown) {
						t.Errorf("%s, taken back: got %v, %v, want ErrDown", q.item, a.value, a.err)
					}
					continue
				}
				want = append(want, q.item)
			}
			srv.Restart()
			for _, q := range queued {
				if gone[q.from] {
					continue
				}
				if a := outcome(t, q.reply); a.err != nil {
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
			if left := p.queued.Load(); left != 0 {
				t.Errorf("%d bytes are counted for ever", left)
			}
		})
	}
}

type queuedItem struct {
	from  uint64
	item  string
	reply reply
}

// queue queues 300 items of four publishers on one lane.
func queue(t *testing.T, p *Publisher, random *rand.Rand) (list []queuedItem) {
	t.Helper()
	for n := range 300 {
		q := queuedItem{uint64(2 * (1 + random.IntN(4))), fmt.Sprint(n), make(reply, 1)}
		var err error
		if random.IntN(5) == 0 {
			err = p.Enqueue(q.from, q.reply, []byte("RPUSH"), []byte("k"), []byte(q.item))
		} else {
			head := [][]byte{fmt.Append(nil, random.IntN(2))}
			err = p.Call(q.from, pushed, q.reply, Call{Key: []byte("k"), Head: head, Item: []byte(q.item)})
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, q)
	}
	return list
}

// TestTakeBackLeavesWhatIsOnItsWay: with a connection nothing is taken back.
func TestTakeBackLeavesWhatIsOnItsWay(t *testing.T) {
	srv := redistest.Start(t)
	p := publish(t, testOptions("redis://"+srv.Addr()))
	awaitConnected(t, p)
	awaitPublished(t, p)
	r := make(reply, 1)
	if err := p.Enqueue(2, r, []byte("PING")); err != nil {
		t.Fatal(err)
	}
	p.TakeBack(2)
	p.Flush(2)
	if a := outcome(t, r); a.value != "PONG" {
		t.Errorf("got %v, %v", a.value, a.err)
	}
}
