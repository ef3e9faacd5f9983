package respserver_test

// Who gets in, and within which limits.

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

func TestOnlyAllowedUsersGetIn(t *testing.T) {
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	const denied = "-DENIED your user may not connect to this relay; see socket.allow_uids and socket.allow_gids"
	for _, tt := range []struct {
		name       string
		uids, gids []uint32
		want       string
	}{
		{"no lists", nil, nil, "+PONG"},
		{"by user", []uint32{uid + 1, uid}, nil, "+PONG"},
		{"by group", nil, []uint32{gid}, "+PONG"},
		{"by group, not by user", []uint32{uid + 1}, []uint32{gid}, "+PONG"},
		{"another user", []uint32{uid + 1}, nil, denied},
		{"another group", nil, []uint32{gid + 1}, denied},
		{"neither", []uint32{uid + 1}, []uint32{gid + 1}, denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(o *respserver.Options, _ *respserver.Limits) { o.AllowUIDs, o.AllowGIDs = tt.uids, tt.gids })
			c := s.dial()
			if tt.want == denied {
				c.Expect(t, denied)
				if more := c.Closed(); len(more) > 0 {
					t.Errorf("%v came after the refusal", more)
				}
				if got := s.Stats(); got.Refused != 1 || got.Clients != 0 {
					t.Errorf("stats are %+v", got)
				}
				return
			}
			c.Send("PING")
			c.Expect(t, tt.want)
		})
	}
}

func TestNoMoreClientsThanAllowed(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Clients.Store(2) })
	a, b := s.dial(), s.dial()
	a.Send("PING")
	a.Expect(t, "+PONG")
	b.Send("PING")
	b.Expect(t, "+PONG")
	refused := s.dial()
	refused.Expect(t, "-ERR max number of clients reached")
	refused.Closed()

	s.limits.Clients.Store(3) // a reload
	c := s.dial()
	c.Send("PING")
	c.Expect(t, "+PONG")

	a.Close()
	s.waitClients(2)
	c = s.dial()
	c.Send("PING")
	c.Expect(t, "+PONG")
	if got := s.Stats(); got.Refused != 1 || got.Clients != 3 {
		t.Errorf("stats are %+v", got)
	}
}

func TestNoMoreSubscriptionsThanAllowed(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Subscriptions.Store(3) })
	c := s.dial()
	c.Send("SUBSCRIBE", "a", "b")
	c.Expect(t, "[subscribe a 1]", "[subscribe b 2]")
	c.Send("SUBSCRIBE", "c", "d")
	c.Expect(t, "-DENIED c: this would be subscription 4 of this connection, over limits.subscriptions")
	if n := s.stats().Topics[resp.Message]; n != 2 {
		t.Errorf("%d channels are held after the refusal, want 2", n)
	}
	c.Send("SUBSCRIBE", "a", "c", "c") // one more, twice
	c.Expect(t, "[subscribe a 2]", "[subscribe c 3]", "[subscribe c 3]")
	c.Send("PSUBSCRIBE", "p")
	c.Expect(t, "-DENIED p: this would be subscription 4 of this connection, over limits.subscriptions")
	c.Send("UNSUBSCRIBE", "a")
	c.Expect(t, "[unsubscribe a 2]")
	c.Send("SSUBSCRIBE", "s")
	c.Expect(t, "[ssubscribe s 1]")

	other := s.dial()
	other.Send("SUBSCRIBE", "x", "y", "z")
	other.Expect(t, "[subscribe x 1]", "[subscribe y 2]", "[subscribe z 3]")
}

// A connection follows the limit as it changes.
func TestPayloadLimitMayChange(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for _, step := range []struct {
		limit   int64
		channel string
		payload int
		want    string
	}{
		{100, "a", 100, ":1"},
		{100, "a", 101, "-TOOLARGE 101"},
		{100, strings.Repeat("a", 101), 1, "-TOOLARGE an argument of 101 bytes is over limits.payload (100)"},
		{100, strings.Repeat("a", 101), 102, "-TOOLARGE an argument of 102 bytes is over limits.payload (100)"},
		{200, "a", 101, ":1"},
		{50, "a", 51, "-TOOLARGE 51"},
		{50, "a", 50, ":1"},
	} {
		s.limits.Payload.Store(step.limit)
		c.Send("PING") // with it the connection has seen the limit
		c.Expect(t, "+PONG")
		c.Send("PUBLISH", step.channel, strings.Repeat("x", step.payload))
		c.Expect(t, step.want)
		c.Send("SPUBLISH", step.channel, strings.Repeat("x", step.payload))
		c.Expect(t, step.want)
	}
	for i, payload := range s.published() {
		if len(payload) == 0 {
			t.Errorf("publication %d lost its payload", i)
		}
	}
}

// A command that names a closed channel subscribes to none of its names.
func TestSubscribeIsAllOrNothing(t *testing.T) {
	s := serve(t)
	c := s.dial()
	c.Send("SUBSCRIBE", "a", "closed", "b")
	c.Expect(t, "-DENIED this channel is closed")
	if n := s.stats().Listeners[resp.Message]; n != 0 {
		t.Errorf("there are %d subscriptions", n)
	}
	c.Send("PING")
	c.Expect(t, "+PONG")
}

func TestRefusalsOfTheBackendAreReplies(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for _, ask := range [][]string{
		{"PUBLISH", "closed", "x"},
		{"PUBSUB", "CHANNELS"},
		{"PUBSUB", "NUMSUB", "x"},
		{"PUBSUB", "NUMPAT"},
	} {
		c.Send(ask...)
		c.Expect(t, "-DENIED this channel is closed")
	}
}

func TestCommandsAreCounted(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for range 10 {
		c.Send("PING")
		c.Expect(t, "+PONG")
	}
	c.Do("NONSENSE")
	if got := s.Stats(); got != (respserver.Stats{Clients: 1, Accepted: 1, Commands: 11}) {
		t.Errorf("stats are %+v", got)
	}
}

// What was asked before the end is answered; then the connection is closed.
func TestEndDrains(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	sub, pub := s.dial(), s.dial()
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")
	for i := range 10 {
		pub.Send("PUBLISH", "a", fmt.Sprint(i))
	}
	until(t, "all publications are taken", func() bool { return len(s.published()) == 10 })
	s.deliver("a", "last")
	s.stop()
	until(t, "the server has stopped reading", func() bool { return len(s.logs.FilterMessage("client disconnected").All()) == 2 })
	s.answerAll()
	sub.Expect(t, "[message a last]")
	sub.Closed()
	for i := range 10 {
		pub.Expect(t, fmt.Sprint(":", i))
	}
	pub.Closed()
	s.end()
}

// An UNSUBSCRIBE that waits for Redis is answered, too.
func TestEndDrainsWhatEnds(t *testing.T) {
	s := serve(t)
	c := s.dial()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	s.mute()
	c.Send("UNSUBSCRIBE", "a")
	s.waitAsked(1)
	s.stop()
	until(t, "the server has stopped reading", func() bool { return len(s.logs.FilterMessage("client disconnected").All()) == 1 })
	s.answer()
	c.Expect(t, "[unsubscribe a 0]")
	c.Closed()
	s.end()
}
