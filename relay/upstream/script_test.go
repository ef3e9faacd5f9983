package upstream

// Scripts against a real Redis.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
if #KEYS == 0 then redis.call('DECR', 'runs') end
return out
`)

// TestCallsShareACommand also when Redis has forgotten the script, or does not allow EVALSHA.
func TestCallsShareACommand(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret ~* &* +@all"))
	c := connect(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)))
	c.awaitUp(1)
	for round, before := range [][]string{nil, nil, {"SCRIPT", "FLUSH"}, {"ACL", "SETUSER", "app", "-evalsha"}, nil} {
		if before != nil {
			srv.MustDo(before...)
		}
		calls := []Call{
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("1"), Item: []byte("one")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("2"), Item: []byte("two")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("3"), Item: []byte("three")},
			{Key: []byte("l"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("4"), Item: []byte("four")},
			{Key: []byte("l"), Head: [][]byte{[]byte("a"), []byte("c")}, First: []byte("5"), Item: []byte("five")},
			{Key: []byte("k"), Head: [][]byte{[]byte("a"), []byte("b")}, First: []byte("6"), Item: []byte("")},
		}
		list := make([]*answers, len(calls))
		c.do(func() {
			for i, what := range calls {
				list[i] = newAnswers(t)
				if err := c.Call(1, shape, list[i], what); err != nil {
					t.Error(err)
				}
				clear(what.Item) // it was copied
				clear(what.First)
			}
		})
		var got []string
		for _, a := range list {
			a := a.wait()
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

// TestEval runs a script also when Redis does not know it, or does not allow EVALSHA.
func TestEval(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret ~* &* +@all"))
	c := connect(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)))
	c.awaitUp(1)
	echo := NewScript(`return {KEYS[1], ARGV[1]}`)
	for _, before := range [][]string{nil, nil, {"SCRIPT", "FLUSH"}, {"ACL", "SETUSER", "app", "-evalsha"}, nil} {
		if before != nil {
			srv.MustDo(before...)
		}
		done := make(chan string, 1)
		c.do(func() {
			c.Eval(echo, []string{"k"}, func(v any, err error) { done <- fmt.Sprint(v, err) }, 1)
		})
		if got := <-done; got != "[k 1] <nil>" {
			t.Errorf("got %s", got)
		}
	}
	c.do(func() {
		if !c.backlog.session.noSHA {
			t.Error("a refused EVALSHA is asked again and again")
		}
	})
}

// TestCallsAreNotOvertaken: what was queued before there was a connection keeps its order, though Redis
// does not know the script.
func TestCallsAreNotOvertaken(t *testing.T) {
	t.Parallel()
	noted := NewScript(`for _, key in ipairs(KEYS) do redis.call('APPEND', key, 'c') end return {{'noted'}}`)
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.PublishTimeout = time.Second
	c := connect(t, opts)
	c.awaitUp(1)
	both := func() (list [2]*answers) {
		list = [2]*answers{newAnswers(t), newAnswers(t)}
		c.do(func() {
			if err := c.Call(1, noted, list[0], Call{Key: []byte("order"), Item: []byte("item")}); err != nil {
				t.Error(err)
			}
			if err := c.Send(1, list[1], []byte("APPEND"), []byte("order"), []byte("p")); err != nil {
				t.Error(err)
			}
		})
		return list
	}
	expect := func(list [2]*answers, want string) {
		t.Helper()
		for _, a := range list {
			if a := a.wait(); a.err != nil {
				t.Fatal(a.err)
			}
		}
		if got := srv.MustDo("GETDEL", "order").Str; got != want {
			t.Errorf("carried out in the order %q, want %q", got, want)
		}
	}
	expect(both(), "cp")
	srv.Kill()
	c.awaitLosses(1)
	for _, a := range both() { // would bring the source, and wait too long
		if a := a.wait(); a.err == nil {
			t.Fatal("a command was answered without Redis")
		}
	}
	c.do(func() { c.backlog.timeout = patience }) // these do not wait too long
	list := both()
	srv.Restart()
	expect(list, "cp")
}
