package names

// A pattern that Redis refuses, and whose client leaves before.

import (
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// startAs starts a relay whose user at Redis may not subscribe a:told:* and b:told:*.
func startAs(t *testing.T, path string) (*redistest.Server, *harness.Relay) {
	redis := redistest.Start(t)
	redis.MustDo("ACL", "SETUSER", "limited", "on", ">pw", "+@all", "~*", "resetchannels",
		"&relay:*", "&a:ends:*", "&b:ends:*")
	url := strings.Replace(redis.URL(), "redis://", "redis://limited:pw@", 1)
	return redis, harness.Start(t, redis, harness.WithRedis(url), harness.WithFile(t, path))
}

// TestLeavingBeforeARefusal: what was let go is not let go again when Redis refuses it, whatever a reload has renamed
// meanwhile.
func TestLeavingBeforeARefusal(t *testing.T) {
	t.Parallel()
	for _, reloads := range []bool{false, true} {
		path := harness.WriteFile(t, t.TempDir(), "relay.yaml", renamedTo("", "a:"))
		redis, r := startAs(t, path)
		pub, leaver, other := r.Dial(), r.Dial(), r.Dial()
		connections := func(n float64) {
			t.Helper()
			redistest.Eventually(t, redistest.DefaultTimeout, "the relay has noticed", func() bool {
				return r.Metric("clients") == n
			})
		}
		connections(3)

		redis.Stop()
		leaver.Send("PSUBSCRIBE", "told:*", "ends:*") // refused for told:*
		redistest.Eventually(t, redistest.DefaultTimeout, "the command is there", func() bool {
			return r.Metric(`subscriptions{kind="pattern"}`) == 2
		})
		leaver.Close()
		connections(2)
		other.Send("PSUBSCRIBE", "ends:*") // another command, which Redis takes
		if reloads {
			harness.WriteFile(t, filepath.Dir(path), "relay.yaml", renamedTo("", "b:"))
			if err := r.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		redis.Cont()

		other.Expect(t, "[psubscribe ends:* 1]")
		if got := pub.Do("PUBSUB", "NUMPAT"); got.Int != 1 {
			t.Errorf("with a reload %v: %s patterns", reloads, got)
		}
		publish := pub.Do("PUBLISH", "ends:1", "x")
		if publish.Int != 1 {
			t.Errorf("with a reload %v: PUBLISH reached %s", reloads, publish)
		}
		other.Expect(t, "[pmessage ends:* ends:1 x]")
		other.Do("PUNSUBSCRIBE", "ends:*")
		redistest.Eventually(t, redistest.DefaultTimeout, "nothing is left at Redis", func() bool {
			return redis.MustDo("PUBSUB", "NUMPAT").Int == 0
		})
	}
}
