package natsbridge

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"redis-relay/relay/resp"
)

// TestInterest has Redis subscribed while somebody listens.
func TestInterest(t *testing.T) {
	r := newServed(t)
	first, second := r.client(), r.client()
	for range 3 {
		subs := []*nats.Subscription{r.listen(first, "a.1"), r.listen(second, "a.1"), r.listen(second, "a.*")}
		r.do(func() {
			if got := r.redis.held; got["a:1"] != 1 || got["a:*"] != 1 {
				t.Errorf("held %v", got)
			}
		})
		for _, sub := range subs {
			if err := sub.Unsubscribe(); err != nil {
				t.Fatal(err)
			}
		}
		r.eventually("Redis has let go", func() bool { return r.redis.held["a:1"] == 0 && r.redis.held["a:*"] == 0 })
	}
	if got := r.bridge.Stats().Subscriptions; got != 0 {
		t.Errorf("%d names are kept", got)
	}
	r.eventually("no memory is charged any more", func() bool { return r.bridge.Stats().Kept == 0 }) // with the next recount
}

// TestQuickChanges subscribes and gives up before Redis has answered: what comes late does not count.
func TestQuickChanges(t *testing.T) {
	r := newServed(t)
	s := r.bridge.interests
	r.do(func() {
		s.addSubscription("a.1")
		s.removeSubscription("a.1")
		s.addSubscription("a.1")
		s.removeSubscription("a.1")
		s.addSubscription("a.1")
		if r.bridge.Confirmed() {
			t.Error("settled before Redis has answered")
		}
	})
	r.eventually("Redis has answered", r.bridge.Confirmed)
	r.do(func() {
		if got := r.redis.held["a:1"]; got != 1 {
			t.Errorf("Redis has it %d times", got)
		}
		s.removeSubscription("a.1")
	})
	r.eventually("Redis has let go", func() bool { return r.redis.held["a:1"] == 0 })
}

// TestRefusedNames are told once, and asked for again.
func TestRefusedNames(t *testing.T) {
	r := newServed(t)
	r.do(func() { r.redis.refused["a:1"] = errors.New("NOPERM") })
	r.listen(r.client(), "a.1")
	r.eventually("it is told", func() bool { return slices.Equal(r.backend.refused, []string{"a:1"}) })
	asked := 0
	r.do(func() { asked = r.redis.asked })
	r.eventually("it is asked for again", func() bool { return r.redis.asked > asked })
	r.do(func() { delete(r.redis.refused, "a:1") })
	r.eventually("Redis has it", func() bool { return r.redis.held["a:1"] == 1 && r.bridge.Confirmed() })
	r.do(func() {
		if got := len(r.backend.refused); got != 1 {
			t.Errorf("told %d times", got)
		}
	})
}

// TestLostNames disconnects those who listened to a name that Redis does not send any more.
func TestLostNames(t *testing.T) {
	r := newServed(t)
	loser, other := r.client(nats.NoReconnect()), r.client(nats.NoReconnect())
	r.listen(loser, "a.1")
	r.listen(other, "a.2")
	r.do(func() { r.bridge.Refused(resp.Message, "a:1", errors.New("NOPERM")) })
	r.eventually("who listened is disconnected", loser.IsClosed)
	r.eventually("it is told", func() bool { return slices.Equal(r.backend.refused, []string{"a:1"}) })
	r.eventually("it is counted", func() bool { return r.bridge.Stats().Gaps > 0 })
	if other.IsClosed() || r.bridge.Stats().Gaps != 1 {
		t.Errorf("%d clients were disconnected", r.bridge.Stats().Gaps)
	}
}

// TestScopes closes a channel and opens it again.
func TestScopes(t *testing.T) {
	r := newServed(t)
	nc := r.client()
	r.listen(nc, "a.1")
	r.listen(nc, "a.>")
	for range 2 {
		r.do(func() {
			r.backend.barred["a:1"], r.backend.barred["a:*"] = true, true
			r.bridge.SetAccess([]PrefixAccess{{"a:", true}})
			if r.bridge.HasListeners([]byte("a:1")) {
				t.Error("somebody hears what is closed")
			}
		})
		r.eventually("Redis has let go", func() bool { return r.redis.held["a:1"] == 0 })
		r.do(func() {
			clear(r.backend.barred)
			r.bridge.SetAccess([]PrefixAccess{{"a:", true}})
		})
		r.eventually("Redis has it again", func() bool { return r.redis.held["a:1"] == 1 && r.bridge.HasListeners([]byte("a:1")) })
	}
	if nc.Stats().Reconnects > 0 {
		t.Error("the client was disconnected, though the server allows the same")
	}
	r.do(func() { r.bridge.SetAccess([]PrefixAccess{{"a:", true}, {"b:", true}}) })
	r.eventually("the client comes back", func() bool { return nc.Stats().Reconnects == 1 && nc.IsConnected() })
}

// TestMemory disconnects the client with the most subscriptions when too much is kept.
func TestMemory(t *testing.T) {
	r := newServed(t)
	greedy, modest := r.client(nats.NoReconnect()), r.client(nats.NoReconnect())
	r.listen(modest, "a.0")
	for i := range 100 {
		if _, err := greedy.SubscribeSync(fmt.Sprintf("a.x%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually("all have come", func() bool { return len(r.bridge.subs.byKey) == 101 })
	var kept int64
	r.do(func() { // between two recounts
		kept = r.bridge.Stats().Kept
		r.bridge.memory.bounds.Memory.Store(kept - 1)
		r.bridge.memory.charge(0)
	})
	r.eventually("it is relieved", func() bool { return greedy.IsClosed() && !r.bridge.memory.relieving })
	if got := r.bridge.Stats(); got.Large != 1 || got.Kept >= kept/10 || modest.IsClosed() {
		t.Errorf("%d disconnected, %d of %d bytes kept", got.Large, got.Kept, kept)
	}
}
