package relay_test

// The first thing that must work.

import "testing"

func TestPublishedIsHeard(t *testing.T) {
	r := startRelay(t, nil)
	sub, pub := r.dial(), r.dial()
	sub.Send("SUBSCRIBE", "news")
	sub.Expect(t, "[subscribe news 1]")
	pub.Send("PUBLISH", "news", "hello")
	pub.Expect(t, ":1")
	sub.Expect(t, "[message news hello]")
}
