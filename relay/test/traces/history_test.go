package traces

// Traces of messages with history: they go on through streams, and through healing.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/collector"
	"redis-relay/relay/test/harness"
)

// spanOf is a traceparent of a span of its own in the test's trace.
func spanOf(n int) (id, traceparent string) {
	id = fmt.Sprintf("b7ad6b71692033%02x", n)
	return id, "00-" + traceID + "-" + id + "-01"
}

// diaries is a route with history for all channels of the tests.
func diaries() harness.Option { return harness.WithRoutes(harness.Diary("diary:", 1000)) }

// tracedEntry is an entry, and the span that it must continue.
type tracedEntry struct{ id, span string }

// continues waits for spans of an operation, one for each entry, and expects each to be a child of that entry's span.
func continues(t *testing.T, c *collector.Collector, operation string, entries []tracedEntry) {
	t.Helper()
	var spans []collector.Span
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(len(entries), " spans of ", operation), func() bool {
		spans = c.Spans(collector.Named(operation + " diary:*"))
		return len(spans) >= len(entries)
	})
	if len(spans) > len(entries) {
		t.Errorf("%d spans of %s for %d entries", len(spans), operation, len(entries))
	}
	for _, e := range entries {
		i := slices.IndexFunc(spans, func(s collector.Span) bool { return s.Attributes["messaging.message.id"] == e.id })
		if i < 0 {
			t.Errorf("no %s of %s", operation, e.id)
			continue
		}
		if s := spans[i]; s.Trace != traceID || s.Parent != e.span {
			t.Errorf("%s of %s is a child of %s in %s, want %s", operation, e.id, s.Parent, s.Trace, e.span)
		}
	}
}

// TestATraceBesideTheMessage travels as a field of the entry: both relays continue it, subscribers hear the message
// alone, and readers get both. Commands that share a script each have their own.
func TestATraceBesideTheMessage(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		c, there := collector.Start(t), collector.Start(t)
		r := harness.Start(t, redis, to(c.URL(), 0), diaries())
		other := r
		if redis != nil {
			other = harness.Start(t, redis, to(there.URL(), 0), diaries())
		}
		sub, reader, pub := other.Subscribe("diary:1"), other.Dial(), r.Dial()
		from := pub.Do("XADD", "diary:1", "*", "payload", "first").Str
		sub.Expect(t, "[message diary:1 first]")
		elsewhere, beside := spanOf(1)
		same, again := spanOf(2)
		late, last := spanOf(3)
		other4, inside := spanOf(4)
		none := `{"traceparent":"` + parent + `01"}`
		var all []byte
		for _, words := range [][]string{
			{"payload", "one", "traceparent", beside},
			{"payload", "two", "traceparent", again},
			{"payload", "three", "traceparent", again},
			{"traceparent", last, "json", "four"},
			{"payload", "five"},
			{"payload", `{"traceparent":"` + inside + `"}`},
			{"payload", none, "traceparent", beside},
			{"payload", "eight", "traceparent", "nonsense"},
		} {
			all = redistest.AppendCommand(all, append([]string{"XADD", "diary:1", "*"}, words...)...)
		}
		pub.SendRaw(all)
		var ids []string
		for range 8 {
			ids = append(ids, pub.Receive().Str)
		}
		for _, m := range []string{"one", "two", "three", "four", "five", `{"traceparent":"` + inside + `"}`, none, "eight"} {
			if got := sub.Receive(); got.Elems[2].Str != m {
				t.Errorf("heard %s, want %s", got, m)
			}
		}
		entries := []tracedEntry{
			{ids[0], elsewhere}, {ids[1], same}, {ids[2], same}, {ids[3], late}, {ids[5], other4}, {ids[6], elsewhere},
		}
		continues(t, c, "publish", entries)
		if redis != nil {
			c = there
		}
		continues(t, c, "receive", entries)

		want := fmt.Sprintf("[[%s [payload one traceparent %s]] [%s [payload two traceparent %s]] "+
			"[%s [payload three traceparent %s]] [%s [json four traceparent %s]] [%s [payload five]] ",
			ids[0], beside, ids[1], again, ids[2], again, ids[3], last, ids[4])
		if got := reader.Do("XRANGE", "diary:1", ids[0], "+").String(); !strings.HasPrefix(got, want) {
			t.Errorf("XRANGE gives\n%s, want\n%s", got, want)
		}
		if got := reader.Do("XREAD", "BLOCK", "0", "STREAMS", "diary:1", from).String(); !strings.HasPrefix(got, "[[diary:1 "+want) {
			t.Errorf("XREAD gives\n%s, want\n%s", got, want)
		}
		reader.Send("XREAD", "BLOCK", "0", "STREAMS", "diary:1", "$")
		redistest.Eventually(t, redistest.DefaultTimeout, "a reader waits", func() bool { return other.Metric("history_readers") == 1 })
		id := pub.Do("XADD", "diary:1", "NOMKSTREAM", "*", "payload", "live", "traceparent", beside).Str
		reader.Expect(t, fmt.Sprintf("[[diary:1 [[%s [payload live traceparent %s]]]]]", id, beside))
	})
}

// TestATraceGoesOnThroughHealing: entries that are read from the stream after a loss continue their traces, too.
func TestATraceGoesOnThroughHealing(t *testing.T) {
	redis, c := redistest.Start(t), collector.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), to(c.URL(), 0), diaries())
	sub, events := r.Subscribe("diary:1"), r.Subscribe(relay.EventsChannel)
	pub := harness.Start(t, redis, diaries(), func(c *config.Config) { c.Traces.Endpoint = "" }).Dial()
	pub.Do("XADD", "diary:1", "*", "payload", "before")
	sub.Expect(t, "[message diary:1 before]")

	proxy.Refuse(true)
	proxy.Cut()
	harness.Event(t, events, "upstream_down")
	one, beside := spanOf(1)
	two, inside := spanOf(2)
	three, odd := spanOf(3)
	messages := [][]string{
		{"payload", "lost", "traceparent", beside},
		{"payload", `{"traceparent":"` + inside + `"}`},
		{"json", "named", "traceparent", odd},
		{"payload", "untraced"},
	}
	var ids []string
	for _, m := range messages {
		ids = append(ids, pub.Do(append([]string{"XADD", "diary:1", "*"}, m...)...).Str)
	}
	proxy.Refuse(false)
	for _, m := range messages {
		if got := sub.Receive(); len(got.Elems) != 3 || got.Elems[2].Str != m[1] {
			t.Errorf("heard %v, want %s", got, m[1])
		}
	}
	continues(t, c, "receive", []tracedEntry{{ids[0], one}, {ids[1], two}, {ids[2], three}})
	if n := r.Metric("history_healed_total"); n != 4 {
		t.Errorf("%v entries were healed, want 4", n)
	}
	if n := r.Metric("history_gaps_total"); n != 0 {
		t.Errorf("%v gaps", n)
	}
}
