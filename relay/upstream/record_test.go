package upstream

// Calls whose answer, or which themselves, were lost with the connection.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// pushedAndNoted pushes items onto lists, and returns how long they are then: of the list "l" as a string for all.
var pushedAndNoted = NewScript(`
local groups, number = #KEYS - 1, ARGV[#ARGV]
local out, kept, done = {}, {}, 2 * groups
for g = 1, groups do
  local each = {}
  for i = 1, ARGV[2 * g - 1] do
    each[i] = tostring(redis.call('RPUSH', KEYS[g], ARGV[done + i]))
  end
  done = done + #each
  out[g], kept[g] = each, '\t' .. table.concat(each, '\t')
  if KEYS[g] == 'l' then
    out[g] = table.concat(each, ',') .. ' long'
    kept[g] = out[g]
  end
end
if groups > 0 then
  redis.call('HSET', KEYS[#KEYS], string.sub(number, -2), number .. ' ' .. table.concat(kept, '\n'))
end
return out
`)

// holder stops what passes a proxy in one direction once it contains a text.
type holder struct {
	text   []byte
	armed  *atomic.Bool
	client bool // else what the server sends
	held   chan struct{}
	free   chan struct{}
}

func (h *holder) see(client bool, piece []byte) {
	if client == h.client && bytes.Contains(piece, h.text) && h.armed.CompareAndSwap(true, false) {
		close(h.held)
		<-h.free
	}
}
func (h *holder) FromClient(piece []byte) { h.see(true, piece) }
func (h *holder) FromServer(piece []byte) { h.see(false, piece) }

// lossCase is one way to lose calls.
type lossCase struct {
	name    string
	reply   bool                                       // the answer is lost, not the calls
	acl     string                                     // what the relay's user may not do
	between func(srv *redistest.Server, record string) // before the next connection
	want    string                                     // "" for the values
	there   bool                                       // the items are in Redis at the end
}

func TestLostCalls(t *testing.T) {
	t.Parallel()
	down, unknown := ErrDown.Error(), ErrUnknown.Error()
	gone := func(srv *redistest.Server, record string) { srv.MustDo("DEL", record) }
	restarted := func(srv *redistest.Server, _ string) { srv.Restart() }
	for _, tc := range []lossCase{
		{name: "answer", reply: true, there: true},
		{name: "calls", want: down},
		{name: "answer, without CLIENT", reply: true, acl: "-client", there: true},
		{name: "calls, without CLIENT", acl: "-client", want: unknown},
		{name: "calls, without INFO", acl: "-info", want: unknown},
		{name: "calls, without HGET", acl: "-hget", want: unknown},
		{name: "answer, and the record", reply: true, between: gone, want: unknown, there: true},
		{name: "calls, and the record", between: gone, want: unknown},
		{name: "calls, and Redis", between: restarted, want: unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t)
		})
	}
}

func (tc *lossCase) run(t *testing.T) {
	srv := redistest.Start(t, redistest.WithAppendOnly(), redistest.WithACL("app on >secret ~* &* +@all "+tc.acl))
	proxy := redistest.NewProxy(t, srv.Addr())
	h := &holder{
		text: []byte("item-b"), armed: new(atomic.Bool), client: !tc.reply,
		held: make(chan struct{}), free: make(chan struct{}),
	}
	if tc.reply {
		h.text = []byte("2,3 long")
	}
	proxy.Observe(func() redistest.Observer { return h })
	opts := testOptions("redis://app:secret@" + proxy.Addr())
	const record = "the-record"
	c := prepare(t, opts, "")
	c.Record(pushedAndNoted, record)
	c.run()
	c.awaitUp(1)
	if got := <-c.push("l", "item-a"); got != "1 long" {
		t.Fatalf("got %q", got)
	}

	h.armed.Store(true)
	answers := c.pushAll([][2]string{{"l", "item-b"}, {"l", "item-c"}, {"k", "item-d"}})
	<-h.held
	release := sync.OnceFunc(func() { close(h.free) })
	defer release()
	proxy.Refuse(true)
	c.do(func() { c.backlog.session.end(errors.New("test")) }) // for Redis it goes on
	if tc.between != nil {
		tc.between(srv, record)
	}
	proxy.Refuse(false)
	want := []string{"2 long", "3 long", "1"}
	for i, answer := range answers {
		if tc.want != "" {
			want[i] = tc.want
		}
		if got := <-answer; !strings.HasPrefix(got, want[i]) {
			t.Errorf("call %d: got %q, want %q", i, got, want[i])
		}
	}
	if tc.want != ErrUnknown.Error() {
		release() // what was held comes late
	}
	if tc.acl == "" && tc.want == ErrDown.Error() {
		redistest.Eventually(t, patience, "the old connection is over", func() bool { return proxy.Conns() == 1 })
	}
	if got := <-c.push("k", "item-e"); (got == "2") != tc.there {
		t.Errorf("the list is %s long at the end", got)
	}
}

// push makes a call and returns what will have its answer.
func (c *client) push(key, item string) <-chan string { return c.pushAll([][2]string{{key, item}})[0] }

func (c *client) pushAll(list [][2]string) (answers []chan string) {
	c.do(func() {
		for _, what := range list {
			answers = append(answers, c.pushNow(what[0], what[1]))
		}
	})
	return answers
}

// pushNow is push for the loop.
func (c *client) pushNow(key, item string) chan string {
	answer := make(chan string, 2)
	err := c.Call(1, pushedAndNoted, AnswerFunc(func(v resp.Value, err error) {
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(v.Str)
	}), Call{Key: []byte(key), First: []byte("first"), Item: []byte(item)})
	if err != nil {
		c.t.Error(err)
	}
	return answer
}

// TestLostBatchesEnd when there is no other connection in time, and with the Connection.
func TestLostBatchesEnd(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{false, true} {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			opts := testOptions(srv.URL())
			opts.PublishTimeout = time.Second
			if stop {
				opts.PublishTimeout = time.Hour
			}
			c := prepare(t, opts, "")
			c.Record(pushedAndNoted, "record")
			c.run()
			c.awaitUp(1)
			srv.Stop()
			var answer chan string
			c.do(func() {
				answer = c.pushNow("k", "item")
				c.Flush() // it has been written
				c.backlog.session.end(errors.New("test"))
				if len(answer) != 0 {
					t.Errorf("got %q at once", <-answer)
				}
			})
			srv.Kill()
			if stop {
				c.stop()
			}
			if got := <-answer; !strings.HasPrefix(got, ErrUnknown.Error()) {
				t.Errorf("got %q", got)
			}
		})
	}
}
