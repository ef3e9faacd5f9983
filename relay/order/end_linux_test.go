package order_test

// The end of a connection that the relay is just writing to.

import (
	"testing"

	"redis-relay/relay/redistest"
)

// TestEndAmongWrites closes a connection while a message for it is being written. Whether the relay learns of
// the end by that write or from the kernel, it has its place before a publish that was sent behind it.
func TestEndAmongWrites(t *testing.T) {
	r := startRelay(t, redistest.Start(t))
	s := &stage{socket: r.Socket, relay: true}
	for range 300 {
		list, err := s.play(script{
			{"c1", []command{{"PING", "there"}}},
			{"c2", []command{{"SUBSCRIBE", "plain:a"}}},
			{"c3", []command{{"PUBLISH", "plain:a", "m1"}}},
			{"c2", []command{{leave}}},
			{"c1", []command{{"PUBLISH", "plain:a", "m2"}}},
		})
		if err != nil || len(list) > 0 {
			t.Fatalf("%v %v", list, err)
		}
	}
}
