package cluster

// Shard channels, where nothing fails.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// beginSharded is begin where Redis has shard channels.
func beginSharded(t *testing.T) *scene {
	t.Helper()
	if !redistest.Shards(t) {
		t.Skip("shard channels came with Redis 7.0")
	}
	return begin(t)
}

// onShard returns a client of the node that owns a channel.
func (s *scene) onShard(channel string) *redistest.Client {
	s.t.Helper()
	return redistest.Dial(s.t, "tcp", s.Nodes[s.Owner(s.Slot(channel))].Addr())
}

// shardConnections counts the relay's connections for shard channels at each node.
func (s *scene) shardConnections() (counts []int) {
	for _, n := range s.Nodes {
		list, _ := n.Do("CLIENT", "LIST")
		counts = append(counts, strings.Count(list.Str, ":shard "))
	}
	return counts
}

// TestShardChannels: clients of the relay and of the nodes hear each other, on every shard, whichever form they use
// where a route is sharded.
func TestShardChannels(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	pub := s.relay.Dial()
	for i := range 9 {
		for _, prefix := range []string{"c:", "s:"} {
			channel := fmt.Sprint(prefix, i)
			sub := s.relay.Dial()
			sub.Send("SSUBSCRIBE", channel)
			sub.Expect(t, "[ssubscribe "+channel+" 1]")
			plain := sub
			if prefix == "s:" {
				plain = s.relay.Subscribe(channel)
			}
			outside := s.onShard(channel)
			outside.Send("SSUBSCRIBE", channel)
			outside.Expect(t, "[ssubscribe "+channel+" 1]")
			forms := []string{"SPUBLISH"}
			if prefix == "s:" {
				forms = []string{"SPUBLISH", "PUBLISH"}
			}
			for n, form := range forms {
				m := fmt.Sprint("m", n)
				want := fmt.Sprint(":", 1+len(forms)) // outside, and one or two here
				if got := pub.Do(form, channel, m).String(); got != want {
					t.Errorf("%s %s: got %s, want %s", form, channel, got, want)
				}
				for _, c := range []*redistest.Client{sub, outside} {
					c.Expect(t, "[smessage "+channel+" "+m+"]")
				}
				if plain != sub {
					plain.Expect(t, "[message "+channel+" "+m+"]")
				}
			}
			s.onShard(channel).Do("SPUBLISH", channel, "direct")
			sub.Expect(t, "[smessage "+channel+" direct]")
			if plain != sub {
				plain.Expect(t, "[message "+channel+" direct]")
			}
		}
	}
	for i, n := range s.shardConnections() {
		if n > 1 || n == 0 && isMaster(s.Nodes[i]) {
			t.Errorf("%d connections to node %d", n, i)
		}
	}
}

// TestSeveralShards: a client subscribes channels of several slots at once, and lets them go.
func TestSeveralShards(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	c := s.relay.Dial()
	c.Send("SSUBSCRIBE", "c:1", "c:2", "{c:1}x", "c:3")
	c.Expect(t, "[ssubscribe c:1 1]", "[ssubscribe c:2 2]", "[ssubscribe {c:1}x 3]", "[ssubscribe c:3 4]")
	for _, channel := range []string{"c:1", "c:2", "{c:1}x", "c:3"} {
		s.onShard(channel).Do("SPUBLISH", channel, "m")
		c.Expect(t, "[smessage "+channel+" m]")
	}
	c.Send("SUNSUBSCRIBE", "c:1", "c:2")
	c.Expect(t, "[sunsubscribe c:1 3]", "[sunsubscribe c:2 2]")
	for channel, want := range map[string]string{"c:1": ":0", "c:2": ":0", "c:3": ":1"} {
		if got := s.onShard(channel).Do("SPUBLISH", channel, "m").String(); got != want {
			t.Errorf("%s has %s listeners, want %s", channel, got, want)
		}
	}
	c.Expect(t, "[smessage c:3 m]")
}

// TestPatternOfShardedRoute: a pattern that can hear nothing is refused in words.
func TestPatternOfShardedRoute(t *testing.T) {
	t.Parallel()
	s := begin(t)
	for pattern, want := range map[string]string{
		"s:*": "subscribe to the channels by their names", "s*": "[psubscribe s* 1]", "*": "[psubscribe * 1]",
	} {
		if got := s.relay.Dial().Do("PSUBSCRIBE", pattern).String(); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", pattern, got)
		}
	}
}

// TestNoShardChannels: Redis 6.2 has none, and is said to be the reason.
func TestNoShardChannels(t *testing.T) {
	t.Parallel()
	if redistest.Shards(t) {
		t.Skip("this Redis has shard channels")
	}
	s := begin(t)
	for _, command := range []string{"SSUBSCRIBE c:a", "SPUBLISH c:a m", "SUBSCRIBE s:a", "PUBLISH s:a m"} {
		got := s.relay.Dial().Do(strings.Fields(command)...).String()
		if !strings.Contains(got, "came with Redis 7.0") {
			t.Errorf("%s: got %s", command, got)
		}
	}
}

// TestOneConnectionAShard: 50 clients on 1,000 channels, of all forms, take one connection to each master.
func TestOneConnectionAShard(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	for i := range 50 {
		c, form, word := s.relay.Dial(), "SSUBSCRIBE", "ssubscribe"
		if i%2 == 0 {
			form, word = "SUBSCRIBE", "subscribe"
		}
		args, want := []string{form}, []string{}
		for n := range 40 { // each channel by two clients
			name := fmt.Sprint("s:", (i*20+n)%1000)
			args = append(args, name)
			want = append(want, fmt.Sprintf("[%s %s %d]", word, name, n+1))
		}
		c.Send(args...)
		c.Expect(t, want...)
	}
	pub := s.relay.Dial()
	for n := range 1000 {
		if got := pub.Do("PUBLISH", fmt.Sprint("s:", n), "m").String(); got != ":2" {
			t.Fatalf("s:%d: got %s, want :2", n, got)
		}
	}
	total := 0
	for i, n := range s.shardConnections() {
		if total += n; n > 1 {
			t.Errorf("%d connections to node %d", n, i)
		}
	}
	if total != 3 {
		t.Errorf("%d connections, want 3", total)
	}
}

// TestNodeIsAdded: a slot moves to a node that the relay has not known when it started.
func TestNodeIsAdded(t *testing.T) {
	t.Parallel()
	s := beginSharded(t)
	l := s.startShardLoad()
	added := s.AddMaster()
	slot := s.Slot(shardChannel(0))
	s.BeginMove(slot, added)
	s.EndMove(slot, added)
	l.flow("when a slot is at a new node")
	if n := s.shardConnections()[added]; n != 2 {
		t.Errorf("%d connections of two relays to the new node", n)
	}
	l.account()
}
