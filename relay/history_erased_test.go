package relay_test

// What is deleted from a stream cannot be read any more.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// TestErasedEntriesAreGone within a second, also for readers that the relay serves from memory.
func TestErasedEntriesAreGone(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, withRoutes(diary("d:", 1000)))
	pub, reader, waiting := r.dial(), r.dial(), r.dial()
	id := pub.Do("XADD", "d:1", "*", "payload", "first").Str
	first := id
	reader.Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", "0") // from now on the relay keeps what comes
	read := func() string { return reader.Do("XREAD", "BLOCK", "20", "STREAMS", "d:1", first).String() }
	for range 5 {
		waiting.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", id)
		r.waiting(1)
		id = pub.Do("XADD", "d:1", "*", "payload", "secret").Str
		waiting.Expect(t, "[[d:1 [["+id+" [payload secret]]]]]")
		if got := read(); !strings.Contains(got, "secret") {
			t.Fatalf("a reader gets %s", got)
		}
		redis.MustDo("XDEL", "history:{d:1}", id)
		deleted := time.Now()
		redistest.Eventually(t, redistest.DefaultTimeout, "the entry is gone", func() bool {
			return !strings.Contains(read(), "secret")
		})
		if took := time.Since(deleted); took > 3*time.Second {
			t.Errorf("an entry was readable for %v after it was deleted", took)
		}
	}
}
