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

// TestCallsAreNotOvertaken: what was queued before the connection was lost, or before
// there was one, keeps its order, though Redis does not know the script.
func TestCallsAreNotOvertaken(t *testing.T) {
	noted := NewScript(`for _, key in ipairs(KEYS) do redis.call('APPEND', key, 'c') end return {{'noted'}}`)
	srv := redistest.Start(t)
	p := publish(t, testOptions("redis://"+srv.Addr()))
	awaitConnected(t, p)
	awaitPublished(t, p)
	const lane = 0
	call := func() reply {
		r := make(reply, 1)
		if err := p.Call(lane, noted, r, Call{Key: []byte("order"), Item: []byte("item")}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	plain := func() reply {
		r := make(reply, 1)
		if err := p.Enqueue(lane, r, []byte("APPEND"), []byte("order"), []byte("p")); err != nil {
			t.Fatal(err)
		}
		return r
	}
	settled := func(list ...reply) {
		t.Helper()
		for _, r := range list {
			if a := outcome(t, r); a.err != nil {
				t.Fatal(a.err)
			}
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := srv.MustDo("GETDEL", "order").Str; got != want {
			t.Errorf("carried out in the order %q, want %q", got, want)
		}
	}
	loaded := call()
	p.Flush(lane)
	settled(loaded)
	expect("c")

	first, second := call(), plain() // wait, and go with the next connection
	srv.MustDo("SCRIPT", "FLUSH")
	srv.MustDo("CLIENT", "KILL", "TYPE", "normal")
	settled(first, second)
	expect("cp")

	srv.Kill()
	redistest.Eventually(t, patience, "the connection is lost", func() bool { return !p.Standing(0) })
	first, second = call(), plain() // would bring the source, and wait too long
	for _, r := range []reply{first, second} {
		if a := outcome(t, r); a.err == nil {
			t.Fatal("a command was answered without Redis")
		}
	}
	first, second = call(), plain()
	srv.Restart()
	settled(first, second)
	expect("cp")
}
