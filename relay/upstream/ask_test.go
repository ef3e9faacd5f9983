package upstream

// Commands of the tests, and waiting for their answers.

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// answer is what a command was answered.
type answer struct {
	value any
	err   error
}

// answers is an Answer that can be waited for. A second answer fails the test.
type answers struct {
	t    testing.TB
	c    chan answer
	once atomic.Bool
}

func newAnswers(t testing.TB) *answers { return &answers{t: t, c: make(chan answer, 1)} }

func (a *answers) Answer(v resp.Value, err error) {
	if a.once.Swap(true) {
		a.t.Error("a second answer")
		return
	}
	a.c <- answer{Plain(v), err}
}

// wait waits for it.
func (a *answers) wait() answer {
	a.t.Helper()
	select {
	case got := <-a.c:
		return got
	case <-time.After(4 * patience):
		a.t.Fatal("no answer")
		return answer{}
	}
}

// publish publishes one message.
func (c *client) publish(from uint64, channel, payload string) *answers {
	c.t.Helper()
	a := newAnswers(c.t)
	c.do(func() {
		if err := c.Publish(from, false, []byte(channel), []byte(payload), a); err != nil {
			a.Answer(resp.Value{Null: true}, err)
		}
	})
	return a
}

// send sends any command.
func (c *client) send(args ...string) *answers {
	c.t.Helper()
	a := newAnswers(c.t)
	c.do(func() {
		list := make([]any, len(args))
		for i, arg := range args {
			list[i] = arg
		}
		if err := c.Send(1, a, toArgs(list)...); err != nil {
			a.Answer(resp.Value{Null: true}, err)
		}
	})
	return a
}

// subscribe subscribes, or unsubscribes, and waits for the answer.
func (c *client) subscribe(on bool, kind resp.Kind, names ...string) (refused error) {
	c.t.Helper()
	done := make(chan error, 1)
	c.do(func() {
		f := c.Unsubscribe
		if on {
			f = c.Subscribe
		}
		f(kind, names, func(lost bool, refused error) {
			if lost {
				refused = errors.New("lost")
			}
			done <- refused
		})
	})
	select {
	case refused = <-done:
	case <-time.After(patience):
		c.t.Fatalf("no answer to subscribe %v", names)
	}
	return refused
}

// awaitClients waits until Redis has n connections that are subscribed.
func awaitClients(t testing.TB, srv *redistest.Server, n int) []string {
	t.Helper()
	var list []string
	redistest.Eventually(t, patience, fmt.Sprintf("%d subscriber connections", n), func() bool {
		list = srv.PubSubClients()
		return len(list) == n
	})
	return list
}

// field is one of the fields of a line of CLIENT LIST.
func field(line, key string) string {
	for f := range strings.FieldsSeq(line) {
		if v, ok := strings.CutPrefix(f, key+"="); ok {
			return v
		}
	}
	return ""
}

// listen subscribes to channels on a connection of its own.
func listen(t testing.TB, srv *redistest.Server, channels ...string) *redistest.Client {
	t.Helper()
	c := redistest.Dial(t, "unix", srv.Socket())
	t.Cleanup(c.Close)
	c.Send(append([]string{"SUBSCRIBE"}, channels...)...)
	for range channels {
		c.Receive()
	}
	return c
}
