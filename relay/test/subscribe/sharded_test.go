package subscribe

// Sharded routes on a single Redis, and on the embedded one.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// sharded is a route whose listeners stay connected.
func sharded(edit func(*config.Route)) harness.Option {
	return harness.WithRoutes(harness.NewRoute("s:", func(r *config.Route) {
		r.Sharded, r.Policy.OnGap = true, config.OnGapNotify
		edit(r)
	}))
}

func plain(*config.Route) {}

// shardServer is a Redis that has shard channels.
func shardServer(t *testing.T) *redistest.Server {
	t.Helper()
	if !redistest.Shards(t) {
		t.Skip("shard channels came with Redis 7.0")
	}
	return redistest.Start(t)
}

// TestBothForms: listeners by SUBSCRIBE and by SSUBSCRIBE hear what is published in either form, each in theirs, for one
// subscription at Redis, which stays until both are gone.
func TestBothForms(t *testing.T) {
	t.Parallel()
	redis := shardServer(t)
	for name, r := range map[string]*harness.Relay{
		"a single Redis": harness.Start(t, redis, sharded(plain)),
		"embedded":       harness.Start(t, nil, sharded(plain)),
	} {
		t.Run(name, func(t *testing.T) {
			c, s, pub := r.Subscribe("s:a", "other"), r.Dial(), r.Dial()
			s.Send("SSUBSCRIBE", "s:a", "s:b")
			s.Expect(t, "[ssubscribe s:a 1]", "[ssubscribe s:b 2]")
			for i, form := range []string{"PUBLISH", "SPUBLISH"} {
				m := fmt.Sprint("m", i)
				if got := pub.Do(form, "s:a", m).String(); got != ":2" {
					t.Errorf("%s: got %s, want :2", form, got)
				}
				c.Expect(t, "[message s:a "+m+"]")
				s.Expect(t, "[smessage s:a "+m+"]")
			}
			pub.Do("PUBLISH", "other", "m")
			c.Expect(t, "[message other m]")
			for _, command := range []string{"NUMSUB", "SHARDNUMSUB"} {
				if got := pub.Do("PUBSUB", command, "s:a", "s:none").String(); got != "[s:a 2 s:none 0]" {
					t.Errorf("%s: got %s", command, got)
				}
			}
			for _, command := range []string{"CHANNELS", "SHARDCHANNELS"} {
				var list []string
				for _, v := range pub.Do("PUBSUB", command, "s:*").Elems {
					list = append(list, v.Str)
				}
				if slices.Sort(list); !slices.Equal(list, []string{"s:a", "s:b"}) {
					t.Errorf("%s: got %q", command, list)
				}
			}
			s.Send("SUNSUBSCRIBE", "s:a")
			s.Expect(t, "[sunsubscribe s:a 1]")
			if got := pub.Do("PUBLISH", "s:a", "m").String(); got != ":1" {
				t.Errorf("got %s, want :1", got)
			}
			c.Expect(t, "[message s:a m]")
			c.Send("UNSUBSCRIBE", "s:a")
			c.Expect(t, "[unsubscribe s:a 1]")
			if got := pub.Do("SPUBLISH", "s:a", "m").String(); got != ":0" {
				t.Errorf("got %s, want :0", got)
			}
		})
	}
}

// TestAtRedisItself: it has one shard channel, and only its shard forms reach the route.
func TestAtRedisItself(t *testing.T) {
	t.Parallel()
	redis := shardServer(t)
	r := harness.Start(t, redis, sharded(plain), func(c *config.Config) { c.Redis.Prefix = "p:" })
	c := r.Subscribe("s:a")
	s := r.Dial()
	s.Send("SSUBSCRIBE", "s:a")
	s.Expect(t, "[ssubscribe s:a 1]")
	if got := redis.MustDo("PUBSUB", "SHARDNUMSUB", "p:s:a").String(); got != "[p:s:a 1]" {
		t.Errorf("at Redis: %s", got)
	}
	redis.MustDo("PUBLISH", "p:s:a", "lost")
	redis.MustDo("SPUBLISH", "p:s:a", "m")
	c.Expect(t, "[message s:a m]")
	s.Expect(t, "[smessage s:a m]")
	c.Do("UNSUBSCRIBE", "s:a")
	s.Close()
	redistest.Eventually(t, redistest.DefaultTimeout, "nobody listens at Redis", func() bool {
		return redis.MustDo("PUBSUB", "SHARDNUMSUB", "p:s:a").String() == "[p:s:a 0]"
	})
}

// TestShardedAfterALoss: all of it is subscribed again.
func TestShardedAfterALoss(t *testing.T) {
	t.Parallel()
	redis := shardServer(t)
	r := harness.Start(t, redis, sharded(plain))
	c, events := r.Subscribe("s:a"), r.Subscribe("relay:events")
	redis.KillSubscribers()
	for !strings.Contains(events.Receive().String(), `"upstream_up"`) {
	}
	redis.MustDo("SPUBLISH", "s:a", "m")
	c.Expect(t, "[message s:a m]")
	c.Send("UNSUBSCRIBE", "s:a")
	c.Expect(t, "[unsubscribe s:a 0]")
	if got := redis.MustDo("SPUBLISH", "s:a", "m").String(); got != ":0" {
		t.Errorf("got %s, want :0", got)
	}
}

// TestOneOfBothForms: with deliver: one, each message is heard once, and both forms have their share.
func TestOneOfBothForms(t *testing.T) {
	t.Parallel()
	redis := shardServer(t)
	r := harness.Start(t, redis, sharded(func(rt *config.Route) { rt.Policy.Deliver = config.DeliverOne }))
	c, s, pub := r.Subscribe("s:a"), r.Dial(), r.Dial()
	s.Send("SSUBSCRIBE", "s:a")
	s.Expect(t, "[ssubscribe s:a 1]")
	for i := range 4 {
		pub.Do("PUBLISH", "s:a", fmt.Sprint("m", i))
	}
	first, second := []string{"m0", "m2"}, []string{"m1", "m3"}
	v := c.Receive()
	if v.Elems[2].Str == "m1" {
		first, second = second, first
	}
	if got := v.Elems[2].Str; got != first[0] {
		t.Errorf("got %s first", got)
	}
	c.Expect(t, "[message s:a "+first[1]+"]")
	s.Expect(t, "[smessage s:a "+second[0]+"]", "[smessage s:a "+second[1]+"]")
}

// TestReloadOfSharded is refused.
func TestReloadOfSharded(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	path := filepath.Join(t.TempDir(), "relay.yaml")
	write := func(routes string) {
		if err := os.WriteFile(path, []byte("redis: {url: "+redis.URL()+"}\nroutes:\n"+routes), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("- {prefix: \"a:\"}\n")
	r := harness.Start(t, redis, harness.WithFile(t, path))
	for routes, refused := range map[string]bool{
		"- {prefix: \"a:\", sharded: true}\n":                       true,
		"- {prefix: \"a:\"}\n- {prefix: \"a:b:\", sharded: true}\n": true,
		"- {prefix: \"a:\", slow: drop}\n- {prefix: \"b:\"}\n":      false,
	} {
		write(routes)
		if err := r.Reload(); (err != nil) != refused || refused && !strings.Contains(err.Error(), "restart the relay") {
			t.Errorf("%s: got %v", routes, err)
		}
	}
}

// TestNoShardsBefore7: a Redis without shard channels is said to be the reason.
func TestNoShardsBefore7(t *testing.T) {
	t.Parallel()
	if redistest.Shards(t) {
		t.Skip("this Redis has shard channels")
	}
	r := harness.Start(t, redistest.Start(t), sharded(plain))
	for _, command := range []string{"SUBSCRIBE s:a", "SSUBSCRIBE s:a", "PUBLISH s:a m", "SPUBLISH s:a m"} {
		if got := r.Dial().Do(strings.Fields(command)...).String(); !strings.Contains(got, "came with Redis 7.0") {
			t.Errorf("%s: got %s", command, got)
		}
	}
}
