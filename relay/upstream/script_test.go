package upstream

// Scripts against a real Redis.

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"redis-relay/relay/redistest"
)

// shape tells for each item of which group it is, and what its head was; of the
// group l in short.
var shape = NewScript(`
redis.call('INCR', 'runs')
local out, done = {}, 4 * #KEYS
for g, key in ipairs(KEYS) do
  local at = 4 * (g - 1)
  local tail = table.concat({ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]}, ' ')
  local each = {}
  for i = 1, ARGV[at + 1] do
    each[i] = ARGV[done + i] .. (key == 'l' and '' or ' ' .. tail)
  end
  out[g] = key == 'l' and table.concat(each, ',') .. ' ' .. tail or each
  done = done + ARGV[at + 1]
end
return out
`)

// TestCallsShareACommand also when Redis has forgotten the script.
func TestCallsShareACommand(t *testing.T) {
	srv := redistest.Start(t)
	p := publish(t, testOptions("redis://"+srv.Addr()))
	awaitConnected(t, p)
	awaitPublished(t, p) // the link sends by itself what waits when it begins
	const lane = 0
	for round, forget := range []bool{false, false, true} {
		if forget {
			srv.MustDo("SCRIPT", "FLUSH")
		}
		calls := []Call{
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("1"), Item: []byte("one")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("2"), Item: []byte("two")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("3"), Item: []byte("three")},
			{Key: []byte("l"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("4"), Item: []byte("four")},
			{Key: []byte("l"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("5"), Item: []byte("five")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("6"), Item: []byte("")},
		}
		receipts := make([]reply, len(calls))
		for i, c := range calls {
			receipts[i] = make(reply, 1)
			if err := p.Call(lane, shape, receipts[i], c); err != nil {
				t.Fatal(err)
			}
			clear(c.Item) // it was copied
		}
		p.Flush(lane)
		var got []string
		for _, r := range receipts {
			a := outcome(t, r)
			got = append(got, fmt.Sprint(a.value, a.err))
		}
		want := []string{
			"one a b 1<nil>", "two a b 1<nil>", "three a c 3<nil>", "four a c 4<nil>", "five a c 4<nil>", " a b 6<nil>",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if runs := srv.MustDo("GET", "runs").Str; runs != strconv.Itoa(round+1) {
			t.Errorf("the script ran %s times in %d rounds", runs, round+1)
		}
	}
}
