package fleet

// Counting where an ACL allows scripts, and no keys.

import (
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestCountsWithoutKeys: the script that counts has a key for services that want one, and can do without.
func TestCountsWithoutKeys(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("app on >secret resetkeys &* +@all"))
	at := harness.WithRedis("redis://app:secret@" + redis.Addr())
	a, b := harness.Start(t, nil, at, harness.WithRoutes()), harness.Start(t, nil, at, harness.WithRoutes())
	for _, r := range []*harness.Relay{a, b, b} {
		r.Subscribe("servers")
	}
	for range 2 { // the first question learns it
		for _, r := range []*harness.Relay{a, b} {
			if got := r.Dial().Do("PUBSUB", "NUMSUB", "servers").String(); got != "[servers 3]" {
				t.Errorf("counted %s", got)
			}
		}
	}
}
