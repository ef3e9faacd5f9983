package shards

// What senders do when they are answered.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

// TestPublishWhenAnswered: who publishes again when an earlier message has failed comes behind those that wait.
func TestPublishWhenAnswered(t *testing.T) {
	a := newFakeNode(t, serves)
	s := begin(t, cluster.View{{ID: a.addr(), Addr: a.addr(), Master: true}}) // nobody owns the slot
	done := make(chan string, 4)
	publish := func(sender uint64, payload string, then func()) {
		if err := s.Publish(sender, []byte(channel), []byte(payload), upstream.AnswerFunc(func(_ resp.Value, err error) {
			then()
			done <- fmt.Sprint(payload, " ", err == nil)
		})); err != nil {
			t.Error(err)
		}
	}
	nothing := func() {}
	s.loop.Call(func() {
		publish(1, "m1", func() { publish(2, "m4", nothing) })
		publish(2, "m2", nothing)
		publish(2, "m3", nothing)
		s.Withdraw(1)
	})
	if got := <-done; got != "m1 false" {
		t.Errorf("got %s", got)
	}
	s.known.Learn(owns(2, a))
	for range 3 {
		if got := <-done; !strings.HasSuffix(got, "true") {
			t.Errorf("got %s", got)
		}
	}
	if got := a.commands(); !slices.Equal(got, []string{"SPUBLISH foo m2", "SPUBLISH foo m3", "SPUBLISH foo m4"}) {
		t.Errorf("published as %q", got)
	}
}
