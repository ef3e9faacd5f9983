package last

// Messages that take long to check.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// slowDocument is one of which the check takes some milliseconds, and is made beside the loop.
var slowDocument = func() string {
	var items []string
	for i := range 3000 {
		items = append(items, fmt.Sprintf("[%d]", i))
	}
	return `{"slow":[` + strings.Join(items, ",") + `]}`
}()

// slowSchema also refuses numbers over 9.
var slowSchema = `{"properties": {
	"n": {"maximum": 9}, "slow": {"allOf": [{"uniqueItems": true}` + strings.Repeat(`, {"uniqueItems": true}`, 4) + `]}
}}`

// TestSlowChecks has clients come while a message is checked: they have it once, whether it comes first or later.
func TestSlowChecks(t *testing.T) {
	bothRoutes(t, func(t *testing.T, route config.Route) {
		dir := t.TempDir()
		harness.WriteFile(t, dir, "slow.json", slowSchema)
		route.Schema = "slow.json"
		redis := redistest.Start(t)
		r := harness.Start(t, redis, harness.WithRoutes(route), func(c *config.Config) { c.Schemas.Dir = dir })
		pub, early := r.Dial(), r.Subscribe("x:1")
		for round := range 20 {
			for _, payload := range []string{`{"n":1}`, slowDocument, `{"n":2}`} {
				pub.Send("PUBLISH", "x:1", payload)
			}
			late := r.Dial()
			if round%2 == 0 {
				early.Receive() // at about the time when the slow one is checked
				pub.Receive()
				pub.Receive()
				late.Send("SUBSCRIBE", "x:1")
				pub.Receive()
				early.Receive()
				early.Receive()
			} else {
				late.Send("SUBSCRIBE", "x:1")
				for range 3 {
					early.Receive()
					pub.Receive()
				}
			}
			wantTail(t, late)
			late.Close()
		}
		early.Send("UNSUBSCRIBE", "x:1")
		early.Expect(t, "[unsubscribe x:1 0]")
		if route.Policy.History == nil {
			return
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "nobody listens", func() bool {
			return r.Metric(`subscriptions{kind="channel"}`) == 0
		})
		pub.Do("PUBLISH", "x:1", slowDocument)
		c := r.Dial()
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 1]")
		if got := c.Receive(); got.Elems[2].Str != slowDocument {
			t.Errorf("first comes %.100s", got)
		}
		nothing(t, c)
	})
}

// wantTail expects the end of what was published: its last messages, at least one.
func wantTail(t *testing.T, c *redistest.Client) {
	t.Helper()
	c.Expect(t, "[subscribe x:1 1]")
	c.Send("PING")
	var got []string
	for v := c.Receive(); len(v.Elems) == 3; v = c.Receive() {
		got = append(got, v.Elems[2].Str)
	}
	round := []string{`{"n":1}`, slowDocument, `{"n":2}`}
	all := slices.Concat(round, round)
	if len(got) == 0 || len(got) > len(all) || !slices.Equal(got, all[len(all)-len(got):]) {
		t.Fatalf("got %.40q", got)
	}
}

// TestForgottenWhileItIsChecked leaves a channel, and comes back, while a message of it is checked: others may have been
// missed since, so it is not the newest for certain.
func TestForgottenWhileItIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	harness.WriteFile(t, dir, "slow.json", slowSchema)
	route := live("x:")
	route.Schema = "slow.json"
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(route), func(c *config.Config) { c.Schemas.Dir = dir })
	c := r.Subscribe("x:1")
	for range 20 {
		redis.MustDo("PUBLISH", "x:1", slowDocument)
		redis.MustDo("PING") // answered when the message has been sent: the publisher may be answered before
		c.Send("UNSUBSCRIBE", "x:1")
		c.Send("SUBSCRIBE", "x:1")
		if got := c.Receive(); len(got.Elems[2].Str) != len(slowDocument) {
			t.Fatalf("got %.100s", got)
		}
		c.Expect(t, "[unsubscribe x:1 0]", "[subscribe x:1 1]")
		other := r.Dial()
		other.Send("SUBSCRIBE", "x:1")
		other.Expect(t, "[subscribe x:1 1]")
		nothing(t, other)
		other.Send("UNSUBSCRIBE", "x:1")
		other.Expect(t, "[unsubscribe x:1 0]")
	}
}
