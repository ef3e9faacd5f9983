package cluster

// Who listens, counted over all nodes.

import (
	"testing"

	"redis-relay/relay/redistest"
)

// TestCounts: listeners behind two relays, and at nodes themselves, are counted whichever node they are on.
func TestCounts(t *testing.T) {
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
