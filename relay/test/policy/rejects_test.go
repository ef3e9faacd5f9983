package policy

// What is told of a message that a local client published and that was refused.

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestARefusalSaysWho(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(
		harness.NewRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" }),
		harness.NewRoute("shut:", func(r *config.Route) { r.Publish = false }),
		harness.NewRoute("slow:", func(r *config.Route) { r.Policy.Rate = config.Rate{Limit: 0.001, Burst: 1} }),
	))
	rejects := r.Subscribe("relay:rejects")
	c := r.Dial()
	id := c.Do("CLIENT", "ID").Int
	c.Send("CLIENT", "SETNAME", "web-1")
	c.Expect(t, "+OK")
	c.Send("PUBLISH", "slow:1", "m")
	c.Expect(t, ":0")
	for _, tt := range []struct {
		channel, payload string
		code             relay.Code
	}{
		{"chat:1", "no JSON", relay.Invalid},
		{"shut:1", "m", relay.Denied},
		{"relay:1", "m", relay.Denied},
		{"slow:1", "m", relay.RateLimit},
		{"large", strings.Repeat("x", 1<<20+1), relay.TooLarge},
	} {
		c.Send("PUBLISH", tt.channel, tt.payload)
		if reply := c.Receive().String(); !strings.HasPrefix(reply, "-"+string(tt.code)+" ") {
			t.Errorf("%s: got %.100s, want %s", tt.channel, reply, tt.code)
		}
		var got relay.Reject
		harness.Heard(t, rejects, relay.RejectsChannel, &got)
		if got.Channel != tt.channel || got.Code != tt.code || got.Client != uint64(id) || got.Name != "web-1" ||
			got.PID != int32(os.Getpid()) || got.UID == nil || *got.UID != uint32(os.Getuid()) {
			t.Errorf("%s: told %+v", tt.channel, got)
		}
		lines := r.Logs.FilterMessage("message refused").All()
		if len(lines) == 0 {
			t.Fatalf("%s: the log says nothing", tt.channel)
		}
		said := lines[len(lines)-1].ContextMap()
		if said["channel"] != tt.channel || said["client"] != uint64(id) || said["name"] != "web-1" ||
			said["pid"] != int64(os.Getpid()) && said["pid"] != int32(os.Getpid()) || said["uid"] != uint32(os.Getuid()) {
			t.Errorf("%s: the log says %v", tt.channel, said)
		}
	}
}

// One channel on which very much is refused does not hide that something is on another.
func TestARefusedCrowdHidesNoOther(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.NewRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" })))
	c := r.Dial()
	refuse := func(channel string) {
		t.Helper()
		c.Send("PUBLISH", channel, "no JSON")
		if reply := c.Receive().String(); !strings.HasPrefix(reply, "-INVALID ") {
			t.Fatalf("got %s", reply)
		}
	}
	lines := func(channel string) (n int) {
		for _, l := range r.Logs.FilterMessage("message refused").All() {
			if l.ContextMap()["channel"] == channel {
				n++
			}
		}
		return n
	}
	began := time.Now()
	seconds := func() int { return 1 + int(time.Since(began).Seconds()) } // or parts of one
	for range 500 {
		refuse("chat:noisy")
	}
	if n := lines("chat:noisy"); n < 3 || n > 3+seconds() {
		t.Errorf("%d lines about 500 refusals", n)
	}
	for i := range 20 {
		channel := "chat:" + strconv.Itoa(i)
		if refuse(channel); lines(channel) != 1 {
			t.Errorf("%d lines about the refusal on %s", lines(channel), channel)
		}
	}
	for i := range 2000 {
		refuse("chat:many" + strconv.Itoa(i))
	}
	if n := r.Logs.FilterMessage("message refused").Len(); n > 50+20*seconds() {
		t.Errorf("%d lines in all", n)
	}
}
