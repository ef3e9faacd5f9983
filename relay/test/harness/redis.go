package harness

import (
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// The Redis behind a relay.

// Interest is what Redis is asked for: channels without the relays' own probes,
// and patterns.
func Interest(t testing.TB, redis *redistest.Server) (channels []string, patterns int64) {
	t.Helper()
	for _, c := range redis.MustDo("PUBSUB", "CHANNELS").Elems {
		if !strings.HasPrefix(c.Str, "relay:probe:") && !strings.HasPrefix(c.Str, "relay:count") {
			channels = append(channels, c.Str)
		}
	}
	slices.Sort(channels)
	return channels, redis.MustDo("PUBSUB", "NUMPAT").Int
}

func OnBothRedis(t *testing.T, test func(t *testing.T, redis *redistest.Server)) {
	t.Run("redis-server", func(t *testing.T) { test(t, redistest.Start(t)) })
	t.Run("embedded", func(t *testing.T) { test(t, nil) })
}
