package respserver_test

// Commands with very many names.

import (
	"fmt"
	"strconv"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

const veryMany = 20_000

func manyNames(_ *respserver.Options, l *respserver.Limits) {
	l.Subscriptions.Store(veryMany)
	l.Patterns.Store(veryMany)
}

func nameList(command string, more ...string) []string {
	list := []string{command}
	for i := range veryMany {
		list = append(list, "n"+strconv.Itoa(i))
	}
	return append(list, more...)
}

// They are carried out in parts, and answered in order, as those with few.
func TestVeryManyNames(t *testing.T) {
	for prefix, kind := range map[string]resp.Kind{"": resp.Message, "p": resp.PMessage, "s": resp.SMessage} {
		t.Run(kind.String(), func(t *testing.T) {
			s := serve(t, manyNames)
			c, other := s.dial(), s.dial()
			c.Hello3()
			before := s.loop.Turns()
			c.SendRaw(append(redistest.AppendCommand(nil, nameList(prefix+"SUBSCRIBE")...), pipeline("PING")...))
			other.Send("PING")
			other.Expect(t, "+PONG")
			for i := range veryMany {
				c.Expect(t, fmt.Sprintf(">[%ssubscribe n%d %d]", prefix, i, i+1))
			}
			c.Expect(t, "+PONG")
			if n := s.loop.Turns() - before; n < veryMany/1000 {
				t.Errorf("it took %d turns", n)
			}
			if n := s.stats().Listeners[kind]; n != veryMany {
				t.Errorf("%d subscriptions, want %d", n, veryMany)
			}
			c.SendRaw(append(redistest.AppendCommand(nil, nameList(prefix + "UNSUBSCRIBE")[:veryMany/2+1]...), pipeline("PING")...))
			for i := range veryMany / 2 {
				c.Expect(t, fmt.Sprintf(">[%sunsubscribe n%d %d]", prefix, i, veryMany-i-1))
			}
			c.Expect(t, "+PONG")
			c.SendRaw(pipeline(prefix+"UNSUBSCRIBE", "PING"))
			for i := range veryMany / 2 {
				if v := c.Receive(); v.Elems[2].Int != int64(veryMany/2-i-1) {
					t.Fatalf("answer %d is %s", i, v)
				}
			}
			c.Expect(t, "+PONG")
			if n := s.stats(); n.Listeners[kind] != 0 || n.Topics[kind] != 0 || s.limits.Used() != 0 {
				t.Errorf("left are %+v, %d bytes", n, s.limits.Used())
			}
		})
	}
}

// One name that is refused refuses all.
func TestVeryManyNamesAreAllOrNothing(t *testing.T) {
	s := serve(t, manyNames)
	c := s.dial()
	for _, tt := range []struct {
		more []string
		want string
	}{
		{[]string{"closed"}, "-DENIED this channel is closed"},
		{[]string{"one", "too", "many"}, fmt.Sprintf(
			"-DENIED n0: this would be subscription %d of this connection, over limits.subscriptions", veryMany+3)},
	} {
		c.SendRaw(append(redistest.AppendCommand(nil, nameList("SUBSCRIBE", tt.more...)...), pipeline("PING")...))
		c.Expect(t, tt.want, "+PONG")
		if n := s.stats(); n.Listeners[resp.Message] != 0 || n.Topics[resp.Message] != 0 || s.limits.Used() != 0 {
			t.Errorf("left are %+v, %d bytes", n, s.limits.Used())
		}
	}
	c.SendRaw(redistest.AppendCommand(nil, nameList("SUBSCRIBE", "n0", "n1")...)) // twice is once
	for range veryMany {
		c.Receive()
	}
	c.Expect(t, fmt.Sprintf("[subscribe n0 %d]", veryMany), fmt.Sprintf("[subscribe n1 %d]", veryMany))
}

// A client that goes in the middle leaves nothing behind, whatever Redis does.
func TestClientGoesAmidVeryManyNames(t *testing.T) {
	for _, mute := range []bool{false, true} {
		t.Run(fmt.Sprint("mute ", mute), func(t *testing.T) {
			s := serve(t, manyNames)
			c := s.dial()
			if mute {
				s.mute()
			}
			c.SendRaw(redistest.AppendCommand(nil, nameList("SUBSCRIBE")...))
			until(t, "some are subscribed", func() bool { return s.stats().Topics[resp.Message] > 0 })
			c.Close()
			s.waitClients(0)
			s.answer()
			until(t, "nothing is left", func() bool { return s.stats().Topics[resp.Message] == 0 })
		})
	}
}

// A reload that takes the right to a name away while names are checked ends the session.
func TestForbiddenAmidVeryManyNames(t *testing.T) {
	s := serve(t, manyNames)
	c := s.dial()
	s.in(func() {}) // it is accepted
	c.SendRaw(redistest.AppendCommand(nil, nameList("SUBSCRIBE")...))
	until(t, "it has begun", func() bool { return s.Stats().Commands == 1 })
	s.in(func() {
		s.RecheckAccess(func(_ respserver.User, _ resp.Kind, name []byte) bool { return string(name) != "n1" })
	})
	c.Closed()
	s.waitClients(0)
}
