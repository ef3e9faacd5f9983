package nats

// Subjects are the names of local clients, whatever Redis calls them.

import (
	"testing"

	"github.com/nats-io/nats.go"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

// TestRenamed has both doors, and Redis, publish on channels that Redis calls something else.
func TestRenamed(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) {
		c.Redis.Prefix, c.Unrouted = "acme:", config.UnroutedDeny
		for i := range c.Routes {
			if c.Routes[i].Prefix == "kept:" || c.Routes[i].Prefix == "plain:" {
				c.Routes[i].Rename = "v2:{name}"
			}
		}
	})
	nc, socket := r.nats(), r.Subscribe("plain:1", "kept:1")
	sub, one, kept := r.listen(nc, "plain.>"), r.listen(nc, "plain.1"), r.listen(nc, "kept.*")
	next := func(s *nats.Subscription, subject, data string) {
		t.Helper()
		m, err := s.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != subject || string(m.Data) != data {
			t.Errorf("got %s %s, want %s %s", m.Subject, m.Data, subject, data)
		}
	}
	for _, publish := range []func(){
		func() { r.Dial().Do("PUBLISH", "plain:1", "m") },
		func() { redis.MustDo("PUBLISH", "acme:v2:plain:1", "m") },
		func() { _, _ = nc.Request("publish.plain.1", []byte("m"), patience) },
	} {
		publish()
		next(sub, "plain.1", "m")
		next(one, "plain.1", "m")
		socket.Expect(t, "[message plain:1 m]")
	}
	redis.MustDo("PUBLISH", "plain:1", "nobody's")
	r.Dial().Do("PUBLISH", "kept:1", "kept")
	next(kept, "kept.1", "kept")
	socket.Expect(t, "[message kept:1 kept]")
	answer, err := nc.Request("history.kept.1", nil, patience)
	if err != nil || len(answer.Data) < 20 {
		t.Errorf("the history is %v, %v", answer, err)
	}
}
