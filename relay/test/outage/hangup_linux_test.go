package outage

// Publishers that hang up while Redis is away, and try again: so do clients whose read
// timeout is shorter than redis.publish_timeout.

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestWhoHangsUpIsNotPublishedFor: each message is sent four times, as nobody answered in
// time, and Redis gets it once.
func TestWhoHangsUpIsNotPublishedFor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithRoutes(harness.Diary("kept:", 100)),
		func(c *config.Config) { c.Redis.PublishTimeout = redistest.DefaultTimeout })
	direct := redistest.Dial(t, "tcp", redis.Addr())
	channels := []string{"plain", "awaited", "kept:1", "kept:awaited"}
	for i, channel := range channels {
		direct.Send("SUBSCRIBE", channel)
		direct.Expect(t, fmt.Sprintf("[subscribe %s %d]", channel, i+1))
	}
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, redistest.DefaultTimeout, "no connection to publish over", func() bool { return !r.IsReady() })
	listener := r.Dial() // publishes wait for its subscription, too
	listener.Send("SUBSCRIBE", "awaited", "kept:awaited")
	redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits for Redis", func() bool {
		return r.Metric(`subscriptions{kind="channel"}`) > 0
	})

	var patient []*redistest.Client
	for _, channel := range channels {
		last := r.Dial()
		last.Do("PING") // all before it are counted, too
		clients := r.Metric("clients")
		for range 3 {
			c := r.Dial()
			c.Send("PUBLISH", channel, "m")
			c.Close()
		}
		behind := r.Dial()
		behind.Do("PING") // the relay has accepted them
		behind.Close()
		if !slices.Contains([]string{"awaited", "kept:awaited"}, channel) { // there they are noticed later
			redistest.Eventually(t, redistest.DefaultTimeout/2, "who has hung up is forgotten", func() bool {
				return r.Metric("clients") <= clients
			})
		}
		last.Send("PUBLISH", channel, "m")
		if err := last.NetConn().(*net.UnixConn).CloseWrite(); err != nil { // it has said all, and wants the answer
			t.Fatal(err)
		}
		patient = append(patient, last)
	}
	proxy.Refuse(false)
	for i, channel := range channels {
		if got := patient[i].Receive().String(); got[0] != ':' {
			t.Errorf("%s: got %s, want a number", channel, got)
		}
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "who has hung up is forgotten", func() bool { return r.Metric("clients") == 1 })
	redis.MustDo("PUBLISH", "plain", "end")
	var got []string
	for !slices.Contains(got, "[message plain end]") {
		got = append(got, direct.Receive().String())
	}
	slices.Sort(got)
	want := []string{
		"[message awaited m]", "[message kept:1 m]", "[message kept:awaited m]", "[message plain end]", "[message plain m]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Redis got\n%q, want\n%q", got, want)
	}
}
