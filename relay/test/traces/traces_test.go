package traces

// The spans of messages, as their receiver gets them.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/collector"
	"redis-relay/relay/test/harness"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
	parent   = "00-" + traceID + "-" + parentID + "-"
)

// to sends traces to an endpoint.
func to(endpoint string, sample float64) harness.Option {
	return func(c *config.Config) { c.Traces.Endpoint, c.Traces.Sample = endpoint, sample }
}

// await waits until a receiver has so many spans.
func await(t *testing.T, c *collector.Collector, n int) (spans map[string]collector.Span) {
	t.Helper()
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(n, " spans come"), func() bool {
		return len(c.Spans(collector.Any)) >= n
	})
	spans = map[string]collector.Span{}
	for _, s := range c.Spans(collector.Any) {
		name := s.Name
		if strings.HasPrefix(name, "check") {
			name += " in " + nameOf(c, s.Parent)
		}
		if _, twice := spans[name]; twice {
			t.Errorf("there are two spans %q", name)
		}
		spans[name] = s
	}
	if len(spans) != n {
		t.Errorf("got %d spans, want %d: %v", len(spans), n, maps.Keys(spans))
	}
	return spans
}

func nameOf(c *collector.Collector, id string) string {
	for _, s := range c.Spans(func(s *collector.Span) bool { return s.ID == id }) {
		return s.Name
	}
	return "none"
}

// has expects attributes of a span.
func has(t *testing.T, s collector.Span, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if s.Attributes[name] != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, name, s.Attributes[name], value)
		}
	}
}

// below expects that a span lies in another one's trace, as its child, and within its time if it must.
func below(t *testing.T, s, outer collector.Span) {
	t.Helper()
	if s.Trace != outer.Trace || s.Parent != outer.ID || s.Start.Before(outer.Start) {
		t.Errorf("%s is not below %s: %+v, %+v", s.Name, outer.Name, s, outer)
	}
}

// TestTwoHosts: a message is one trace from the publisher over both relays, and its bytes stay as they are.
func TestTwoHosts(t *testing.T) {
	redis, here, there := redistest.Start(t), collector.Start(t), collector.Start(t)
	publishing, hearing := harness.Start(t, redis, to(here.URL(), 0)), harness.Start(t, redis, to(there.URL(), 0))
	payload := `{"type":"typing","userId":"ann","roomId":"42","traceparent":"` + parent + `01"}`
	heard := hearing.Subscribe("chat:42")
	again := hearing.Subscribe("chat:42")
	pub := publishing.Dial()
	pub.Send("CLIENT", "SETNAME", "web-1")
	pub.Expect(t, "+OK")
	receivers := pub.Do("PUBLISH", "chat:42", payload).Int
	for _, c := range []*redistest.Client{heard, again} {
		if got := c.Receive(); len(got.Elems) != 3 || got.Elems[2].Str != payload {
			t.Errorf("heard %v", got)
		}
	}
	about := map[string]string{
		"messaging.system": "redis", "messaging.destination.name": "chat:42", "messaging.destination.template": "chat:*",
		"messaging.message.body.size": fmt.Sprint(len(payload)),
	}

	spans := await(t, here, 2)
	publish := spans["publish chat:*"]
	if publish.Trace != traceID || publish.Parent != parentID || publish.Kind != "SPAN_KIND_PRODUCER" || publish.Failed {
		t.Errorf("publish: %+v", publish)
	}
	has(t, publish, about)
	has(t, publish, map[string]string{
		"messaging.operation.name": "publish", "messaging.operation.type": "send", "messaging.client.id": "web-1",
		"redis_relay.receivers": fmt.Sprint(receivers),
	})
	check := spans["check chat:* in publish chat:*"]
	below(t, check, publish)
	if check.End.After(publish.End) || check.Kind != "SPAN_KIND_INTERNAL" {
		t.Errorf("check: %+v", check)
	}

	spans = await(t, there, 3)
	receive := spans["receive chat:*"]
	if receive.Trace != traceID || receive.Parent != parentID || receive.Kind != "SPAN_KIND_CONSUMER" {
		t.Errorf("receive: %+v", receive)
	}
	has(t, receive, about)
	has(t, receive, map[string]string{"messaging.operation.name": "receive", "messaging.operation.type": "receive"})
	below(t, spans["check chat:* in receive chat:*"], receive)
	deliver := spans["deliver chat:*"]
	below(t, deliver, receive)
	has(t, deliver, about)
	has(t, deliver, map[string]string{
		"messaging.operation.name": "deliver", "messaging.operation.type": "send", "redis_relay.listeners": "2",
	})
	if receive.Resource["service.instance.id"] == publish.Resource["service.instance.id"] {
		t.Error("the two relays cannot be told apart")
	}
}

// TestWhoDecides: the publisher's flag, and without one the share.
func TestWhoDecides(t *testing.T) {
	c := collector.Start(t)
	r := harness.Start(t, nil, to(c.URL(), 1))
	r.Subscribe("any")
	pub := r.Dial()
	for _, payload := range []string{
		`{"traceparent":"` + parent + `00","a":"not sampled"}`, `{"a":{"traceparent":"` + parent + `00"}}`,
	} {
		pub.Send("PUBLISH", "any", payload)
		pub.Expect(t, ":1")
	}
	spans := await(t, c, 5) // of the second message
	for _, name := range []string{"publish", "receive"} {
		if s := spans[name]; s.Parent != "" || s.Trace == traceID || s.Trace == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, template := spans["publish"].Attributes["messaging.destination.template"]; template {
		t.Error("a channel without a route has a template")
	}
}

// TestFieldOfTheConfiguration is looked for, and no other one.
func TestFieldOfTheConfiguration(t *testing.T) {
	c := collector.Start(t)
	r := harness.Start(t, nil, to(c.URL(), 0), func(c *config.Config) { c.Traces.Field = "trace" })
	pub := r.Dial()
	pub.Do("PUBLISH", "a", `{"traceparent":"`+parent+`01"}`)
	pub.Do("PUBLISH", "b", `{"trace":"`+parent+`01"}`)
	has(t, await(t, c, 2)["publish"], map[string]string{"messaging.destination.name": "b"})
}

// TestRefused: a trace says why a message went nowhere, but not what was in it.
func TestRefused(t *testing.T) {
	redis, c := redistest.Start(t), collector.Start(t)
	r := harness.Start(t, redis, to(c.URL(), 0))
	r.Subscribe("chat:42")
	payload := `{"type":"secret","traceparent":"` + parent + `01"}`
	pub := r.Dial()
	pub.Send("PUBLISH", "chat:42", payload)
	if reply := pub.Receive().String(); !strings.HasPrefix(reply, "-INVALID") {
		t.Errorf("got %s", reply)
	}
	redis.MustDo("PUBLISH", "chat:42", payload)
	for name, s := range await(t, c, 4) {
		if !s.Failed || s.Attributes["error.type"] != "INVALID" || strings.Contains(fmt.Sprint(s), "secret") {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestHistory: the spans of a persisted message name its entry.
func TestHistory(t *testing.T) {
	c := collector.Start(t)
	r := harness.Start(t, redistest.Start(t), to(c.URL(), 0), harness.WithRoutes(harness.Diary("diary:", 10)))
	r.Subscribe("diary:1")
	id := r.Dial().Do("XADD", "diary:1", "*", "payload", `{"traceparent":"`+parent+`01"}`).Str
	spans := await(t, c, 5)
	for _, name := range []string{"publish diary:*", "receive diary:*"} {
		has(t, spans[name], map[string]string{"messaging.message.id": id})
	}
}

// TestPatterns: a message that comes again by a pattern is traced once.
func TestPatterns(t *testing.T) {
	c := collector.Start(t)
	r := harness.Start(t, redistest.Start(t), to(c.URL(), 0))
	client := r.Dial()
	client.Do("SUBSCRIBE", "news:1")
	client.Do("PSUBSCRIBE", "news:*")
	client.Do("PSUBSCRIBE", "n*")
	pub := r.Dial()
	for _, channel := range []string{"news:1", "news:2"} {
		pub.Do("PUBLISH", channel, `{"traceparent":"`+parent+`01"}`)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "both messages are traced", func() bool {
		return len(c.Spans(collector.Named("publish"))) == 2 && len(c.Spans(collector.Named("deliver"))) == 2 &&
			len(c.Spans(collector.Named("receive"))) >= 2
	})
	r.Stop()
	if spans := c.Spans(collector.Named("receive")); len(spans) != 2 {
		t.Errorf("got %+v", spans)
	}
}

// TestLongChecks: the trace of a message that the pool checks goes on there.
func TestLongChecks(t *testing.T) {
	dir := t.TempDir()
	schema := `{"properties": {"list": {"uniqueItems": true}}}`
	if err := os.WriteFile(filepath.Join(dir, "set.json"), []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	c := collector.Start(t)
	r := harness.Start(t, redistest.Start(t), to(c.URL(), 0), func(c *config.Config) { c.Schemas.Dir = dir },
		harness.WithRoutes(harness.NewRoute("set:", func(r *config.Route) { r.Schema = "set.json" })))
	client := r.Dial()
	client.Do("SUBSCRIBE", "set:1")
	client.Do("PSUBSCRIBE", "set:*")
	var list []string
	for i := range 4000 {
		list = append(list, fmt.Sprintf(`[{"a":%d}]`, i))
	}
	payload := `{"list":[` + strings.Join(list, ",") + `],"traceparent":"` + parent + `01"}`
	if len(payload) > 64<<10 {
		t.Fatal("nobody looks into so large a payload")
	}
	pub := r.Dial()
	if got := pub.Do("PUBLISH", "set:1", payload); got.Int != 2 {
		t.Fatalf("got %v", got)
	}
	spans := await(t, c, 5)
	for _, in := range []string{"publish set:*", "receive set:*"} {
		if check := spans["check set:* in "+in]; check.End.Sub(check.Start) < 100_000 || check.Failed {
			t.Errorf("the check took %v: %+v", check.End.Sub(check.Start), check)
		}
	}
}
