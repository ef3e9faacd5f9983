package cluster

// Who listens, counted over all nodes.

import (
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestCounts: listeners behind two relays, and at nodes themselves, are counted whichever node they are on.
func TestCounts(t *testing.T) {
	t.Parallel()
	s := begin(t)
	second := startRelay(t, s.Cluster)
	s.relay.Subscribe("c:a", "c:b")
	s.relay.Subscribe("c:a")
	second.Subscribe("c:a")
	outside := redistest.Dial(t, "tcp", s.Nodes[len(s.Nodes)-1].Addr())
	outside.Send("SUBSCRIBE", "c:a", "c:outside")
	outside.Expect(t, "[subscribe c:a 1]", "[subscribe c:outside 2]")
	outside.Send("PSUBSCRIBE", "c:p*")
	outside.Expect(t, "[psubscribe c:p* 3]")
	c := s.relay.Dial()
	for command, want := range map[string]string{
		"NUMSUB":   "[c:a 4 c:b 1 c:none 0]",
		"CHANNELS": "[c:outside]",
		"NUMPAT":   ":1",
	} {
		args := map[string][]string{"NUMSUB": {"c:a", "c:b", "c:none"}, "CHANNELS": {"c:o*"}}[command]
		if got := c.Do(append([]string{"PUBSUB", command}, args...)...).String(); got != want {
			t.Errorf("%s: got %s, want %s", command, got, want)
		}
	}
}

// TestShardCounts: listeners behind two relays, and at nodes themselves, on each shard.
func TestShardCounts(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	second := startRelay(t, s.Cluster)
	s.relay.Subscribe("s:a", "s:b", "s:c")
	for _, r := range []*harness.Relay{s.relay, second} {
		c := r.Dial()
		c.Send("SSUBSCRIBE", "s:a", "c:shard")
		c.Expect(t, "[ssubscribe s:a 1]", "[ssubscribe c:shard 2]")
	}
	outside := s.onShard("s:a")
	outside.Send("SSUBSCRIBE", "s:a")
	outside.Expect(t, "[ssubscribe s:a 1]")
	c := s.relay.Dial()
	for _, q := range []struct{ command, want string }{
		{"SHARDNUMSUB s:a s:b c:shard s:none", "[s:a 4 s:b 1 c:shard 2 s:none 0]"},
		{"NUMSUB s:a s:b c:shard s:none", "[s:a 4 s:b 1 c:shard 0 s:none 0]"},
		{"SHARDCHANNELS", "[c:shard s:a s:b s:c]"},
		{"CHANNELS", "[s:a s:b s:c]"},
		{"CHANNELS s:b*", "[s:b]"},
	} {
		v := c.Do(append([]string{"PUBSUB"}, strings.Fields(q.command)...)...)
		if strings.Contains(q.command, "CHANNELS") {
			slices.SortFunc(v.Elems, func(a, b redistest.Value) int { return strings.Compare(a.Str, b.Str) })
		}
		if got := v.String(); got != q.want {
			t.Errorf("%s: got %s, want %s", q.command, got, q.want)
		}
	}
}
