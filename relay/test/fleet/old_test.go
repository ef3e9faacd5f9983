package fleet

// A fleet on a Redis without shard channels, as 6.2 is. A newer one is made to look like it.

import (
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestFleetWithoutShardChannels counts as on any other Redis; local clients are told what Redis lacks.
func TestFleetWithoutShardChannels(t *testing.T) {
	var options []redistest.Option
	if redistest.Shards(t) {
		options = append(options, redistest.WithArgs("--rename-command", "SSUBSCRIBE", "", "--rename-command", "SPUBLISH", ""))
	}
	redis := redistest.Start(t, options...)
	a, b := harness.Start(t, redis), harness.Start(t, redis)
	for _, r := range []*harness.Relay{a, b, b, b} {
		r.Subscribe("servers")
	}
	all := b.Dial() // hears the questions, too, if nobody keeps them from it
	all.Send("PSUBSCRIBE", "*")
	all.Expect(t, "[psubscribe * 1]")
	for _, r := range []*harness.Relay{a, b} {
		c := r.Dial()
		c.Send("PUBSUB", "NUMSUB", "servers", "nobody")
		c.Expect(t, "[servers 4 nobody 0]")
		c.Send("PUBSUB", "CHANNELS")
		c.Expect(t, "[servers]")
		for _, args := range [][]string{{"SSUBSCRIBE", "servers"}, {"SPUBLISH", "servers", "m"}} {
			if got := c.Do(args...).String(); !strings.HasPrefix(got, "-ERR unknown command") {
				t.Errorf("%s: got %s", args[0], got)
			}
		}
		c.Do("PUBLISH", "servers", "m")
		all.Expect(t, "[pmessage * servers m]")
		if n := r.Metric("fleet_answers_missing_total"); n != 0 {
			t.Errorf("%v questions were not answered", n)
		}
	}
}
