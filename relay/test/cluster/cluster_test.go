package cluster

// A relay on a cluster where nothing fails.

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func eventOf(payload string) (e relay.Event) {
	if err := json.Unmarshal([]byte(payload), &e); err != nil {
		e.Event = err.Error()
	}
	return e
}

// TestEveryNode: what any node takes is heard once, over the one subscriber connection, and what local clients publish
// is heard at any node.
func TestEveryNode(t *testing.T) {
	t.Parallel()
	s := begin(t)
	if at := s.at(); !isMaster(s.Nodes[at]) {
		t.Errorf("the relay listens to node %d, which is no master", at)
	}
	sub := s.relay.Subscribe("c:a")
	for i, n := range s.Nodes {
		for m := range 3 {
			text := "m" + strconv.Itoa(m)
			n.MustDo("PUBLISH", "c:a", text)
			sub.Expect(t, "[message c:a "+text+"]")
		}
		outside := redistest.Dial(t, "tcp", s.Nodes[i].Addr())
		outside.Send("SUBSCRIBE", "c:b")
		outside.Expect(t, "[subscribe c:b 1]")
		s.relay.Dial().Do("PUBLISH", "c:b", "m")
		outside.Expect(t, "[message c:b m]")
	}
}

// TestNoCluster: a Redis that is no node of a cluster is told of in words.
func TestNoCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.New(t, redis, harness.WithRoutes(), func(c *config.Config) { c.Redis.Mode = config.ModeCluster })
	redistest.Eventually(t, patience, "the cause is told", func() bool {
		return strings.Contains(strings.Join(causes(r), " "), "write single in redis.mode")
	})
}

// causes lists the errors in the log.
func causes(r *harness.Relay) (list []string) {
	for _, e := range r.Logs.All() {
		if text, ok := e.ContextMap()["error"].(string); ok {
			list = append(list, text)
		}
	}
	return list
}
