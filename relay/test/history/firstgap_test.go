package history

import (
	"testing"

	"redis-relay/relay/test/harness"
)

// TestGapBeforeTheFirstEntry: a listener has no entry yet, and misses the first ones. What is told has no
// entry that it had.
func TestGapBeforeTheFirstEntry(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	listener := s.relay.Subscribe("d:empty")
	s.settled()
	var last string
	s.deaf(func() {
		for range 3 {
			last = s.pub.Do("XADD", "d:empty", "*", "payload", "m").Str
		}
		s.redis.MustDo("XTRIM", "history:{d:empty}", "MAXLEN", "=", "1")
	})
	listener.Expect(t, "[message d:empty m]")
	if e := harness.Event(t, s.events, "gap"); e.Channel != "d:empty" || e.After != "" || e.Before != last {
		t.Errorf("told of a gap on %q after %q before %q, want d:empty before %q", e.Channel, e.After, e.Before, last)
	}
	lines := s.relay.Logs.FilterMessage("messages are missing").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	if after, said := lines[0].ContextMap()["after"]; said {
		t.Errorf("the log says after %v", after)
	}
}
