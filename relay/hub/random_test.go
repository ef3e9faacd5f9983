package hub

import (
	"math/rand/v2"
	"testing"
)

// TestHubAtRandom has listeners come, go, subscribe and unsubscribe while Redis answers late, refuses and
// is lost: each hears exactly what Redis sends between its subscription and its end of it.
func TestHubAtRandom(t *testing.T) {
	first := rand.Uint64()
	t.Log("first seed", first)
	for i := range uint64(sequences) {
		m := newModel(t, first+i)
		if m.random.IntN(8) > 0 {
			m.redis.connect()
		}
		for range 150 {
			m.step()
		}
		m.end()
	}
}
