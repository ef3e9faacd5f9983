package wire

// The first thing that must work.

import (
	"testing"

	"redis-relay/relay/test/harness"
)

func TestPublishedIsHeard(t *testing.T) {
	r := harness.Start(t, nil)
	sub, pub := r.Dial(), r.Dial()
	sub.Send("SUBSCRIBE", "news")
	sub.Expect(t, "[subscribe news 1]")
	pub.Send("PUBLISH", "news", "hello")
	pub.Expect(t, ":1")
	sub.Expect(t, "[message news hello]")
}
