package slow

// Documents that take long to judge, as clients see them.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// otherSchema does not compile, because of x.
const otherSchema = `{"type": "object", "additionalProperties": false, "properties": {"n": {"type": "integer"}, "x": {"unevaluatedItems": false, "anyOf": [` +
	`{"contains": {"const": 0}}, {"contains": {"const": 1}}, {"contains": {"const": 2}}, {"contains": {"const": 3}}, {"contains": {"const": 4}}]}}}`

// slowDocument is one that takes slowSchema most of the work that a check may make.
var slowDocument = func() string {
	var items []string
	for i := range 5000 {
		items = append(items, fmt.Sprintf("[%d]", i))
	}
	return `{"slow":[` + strings.Join(items, ",") + `]}`
}()

// slowSchema compiles; but that no two items of slow are equal takes an examination,
// and that looks at them ten times.
var slowSchema = `{"properties": {
	"n": {"maximum": 9}, "slow": {"allOf": [{"uniqueItems": true}` + strings.Repeat(`, {"uniqueItems": true}`, 9) + `]}
}}`

// withSlowRoutes has routes slow: and other:, and leaves fast: without a schema.
func withSlowRoutes(t *testing.T) harness.Option {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"slow.json": slowSchema, "other.json": otherSchema} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *config.Config) {
		c.Schemas.Dir = dir
		harness.WithRoutes(
			harness.NewRoute("slow:", func(r *config.Route) { r.Schema, r.Policy.OnGap = "slow.json", config.OnGapNotify }),
			harness.NewRoute("cut:", func(r *config.Route) { r.Schema = "slow.json" }),
			harness.NewRoute("other:", func(r *config.Route) { r.Schema, r.Kind = "other.json", "" }),
		)(c)
	}
}

// TestSlowDocumentHoldsItsChannel has one connection listen to a channel with a slow
// document and to others, and ends the relay in the midst of another one. Each channel
// keeps its order; in which order they come is left to chance.
func TestSlowDocumentHoldsItsChannel(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, withSlowRoutes(t))
	sub := r.Subscribe("slow:1", "fast:1")
	sub.Send("PSUBSCRIBE", "s*")
	sub.Expect(t, "[psubscribe s* 3]")

	redis.MustDo("PUBLISH", "slow:1", slowDocument)
	for _, n := range []string{"1", "10", "2"} { // judged at once, the second one refused
		redis.MustDo("PUBLISH", "slow:1", `{"n":`+n+`}`)
	}
	redis.MustDo("PUBLISH", "slow:2", `{"n":3}`)
	redis.MustDo("PUBLISH", "fast:1", "m")
	heard := map[string][]string{}
	for range 8 {
		words := nextWords(sub)
		channel := words[len(words)-2]
		heard[channel] = append(heard[channel], words[0]+" "+words[len(words)-1])
	}
	want := map[string][]string{"slow:2": {`pmessage {"n":3}`}, "fast:1": {"message m"}}
	for _, payload := range []string{slowDocument, `{"n":1}`, `{"n":2}`} {
		want["slow:1"] = append(want["slow:1"], "message "+payload, "pmessage "+payload)
	}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %.200v", heard)
	}
	redis.MustDo("PUBLISH", "slow:1", slowDocument)
	r.Stop()
}

// nextWords returns what a message is made of.
func nextWords(c *redistest.Client) (words []string) {
	for _, v := range c.Receive().Elems {
		words = append(words, v.Str)
	}
	return words
}

// expressionSchema describes an expression tree, as people write it.
func expressionSchema(more string) string {
	return `{"$ref":"#/$defs/e","$defs":{"e":{"anyOf":[
		{"type":"object","required":["and"],"properties":{"left":{"$ref":"#/$defs/e"},"and":{"$ref":"#/$defs/e"}},` + more + `},
		{"type":"object","required":["or"],"properties":{"left":{"$ref":"#/$defs/e"},"or":{"$ref":"#/$defs/e"}},` + more + `},
		{"type":"object","required":["v"],"properties":{"v":{"type":"string"}},` + more + `}]}}}`
}

// TestDeepExpressions has the relay refuse and pass deep documents, of which the schema allows ever more readings the
// deeper they are: published by a client, and from Redis in numbers, while other channels are heard.
func TestDeepExpressions(t *testing.T) {
	const levels, messages = 60, 42
	dir := t.TempDir()
	harness.WriteFile(t, dir, "a.json", expressionSchema(`"additionalProperties":false`))
	harness.WriteFile(t, dir, "u.json", expressionSchema(`"unevaluatedProperties":false`))
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) {
		c.Schemas.Dir = dir
		harness.WithRoutes(
			harness.NewRoute("a:", func(r *config.Route) { r.Schema = "a.json" }), harness.NewRoute("u:", func(r *config.Route) { r.Schema = "u.json" }),
		)(c)
	})
	invalid := strings.Repeat(`{"left":`, levels) + `{"v":1}` + strings.Repeat(`,"or":{"v":"x"}}`, levels)
	valid := strings.ReplaceAll(invalid, `{"v":1}`, `{"v":"x"}`)
	pub := r.Dial()
	for _, channel := range []string{"a:1", "u:1"} {
		if got := pub.Do("PUBLISH", channel, valid).String(); got != ":0" {
			t.Errorf("%s: a valid one is answered %s", channel, got)
		}
		want := "INVALID " + channel + " /left/left"
		if got := pub.Do("PUBLISH", channel, invalid).Str; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "/v: expected string, but got number") && !strings.Contains(got, "...: ") {
			t.Errorf("%s: an invalid one is answered %s", channel, got)
		}
	}
	var names []string
	for i := range messages {
		names = append(names, fmt.Sprintf("a:%d", i), fmt.Sprintf("u:%d", i))
	}
	sub := r.Subscribe(append(names, "other")...)
	var pipeline []byte
	for _, name := range names {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", name, invalid)
	}
	pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "other", "m")
	redistest.Dial(t, "tcp", redis.Addr()).SendRaw(pipeline)
	if words := nextWords(sub); words[1] != "other" {
		t.Errorf("heard %.100q", words)
	}
	if status, _ := r.Get("/readyz"); status != 200 {
		t.Errorf("readyz answers %d", status)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "all are refused", func() bool {
		refused := 0.0
		for _, route := range []string{"a:", "u:"} {
			refused += r.Metric(`rejects_total{code="INVALID",direction="inbound",route="` + route + `"}`)
		}
		return refused == 2*messages
	})
}

// withLittleRoom leaves the pool of checks room for three slow documents, and one channel for one.
func withLittleRoom(c *config.Config) {
	c.Limits.Memory, c.Limits.Queue, c.Limits.Payload = 512<<10, 512<<10, 64<<10
}

// publishSlowly publishes slow documents at once, each with its number.
func publishSlowly(t *testing.T, redis *redistest.Server, channel string, n int) {
	t.Helper()
	var pipeline []byte
	for i := range n {
		document := fmt.Sprintf(`{"i":%d,`, i) + slowDocument[1:]
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", channel, document)
	}
	redistest.Dial(t, "tcp", redis.Addr()).SendRaw(pipeline)
}

// TestFullPoolIsTold publishes more slow documents than there is room for: each is heard, in order, or told as missing.
func TestFullPoolIsTold(t *testing.T) {
	const messages = 100
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	r := harness.Start(t, redis, withSlowRoutes(t), withLittleRoom, harness.WithReceiver(rec))
	sub := r.Subscribe("slow:1", "relay:events")
	publishSlowly(t, redis, "slow:1", messages)
	heard, missing, next := 0, 0, 0
	for heard+missing < messages {
		var m struct {
			I       int
			Event   string
			Channel string
			Missing int
		}
		words := nextWords(sub)
		if err := json.Unmarshal([]byte(words[2]), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Event == "gap":
			if missing += m.Missing; m.Channel != "slow:1" {
				t.Errorf("a gap is told of channel %q", m.Channel)
			}
		case words[1] == "slow:1":
			if heard++; m.I < next {
				t.Errorf("message %d comes behind %d", m.I, next-1)
			}
			next = m.I + 1
		}
	}
	t.Logf("%d heard, %d told as missing", heard, missing)
	if heard == 0 || missing == 0 || heard+missing != messages {
		t.Errorf("%d heard and %d told as missing, of %d", heard, missing, messages)
	}
	if n := r.Metric(`rejects_total{code="BUSY",direction="inbound",route="slow:"}`); n != float64(missing) {
		t.Errorf("%v are counted, %d told", n, missing)
	}
	a := rec.Await(t, redistest.DefaultTimeout, 1, "gap")[0] // it is over as soon as it is told
	if a.State != "ended" || a.Event.Channel != "slow:1" || a.Event.Missing == 0 || !strings.Contains(a.Do, "compiled") {
		t.Errorf("posted %+v", a)
	}
}

// TestFullPoolDisconnects has a listener whose route asks for that learn of what is missing by its end; others stay.
func TestFullPoolDisconnects(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, withSlowRoutes(t), withLittleRoom)
	sub, pattern, other := r.Subscribe("cut:1"), r.Dial(), r.Subscribe("cut:2")
	pattern.Send("PSUBSCRIBE", "cut:*")
	pattern.Expect(t, "[psubscribe cut:* 1]")
	publishSlowly(t, redis, "cut:1", 20)
	sub.Closed()
	pattern.Closed()
	redis.MustDo("PUBLISH", "cut:2", `{"n":1}`)
	if words := nextWords(other); words[2] != `{"n":1}` {
		t.Errorf("heard %.100q", words)
	}
}

// TestOrderOfExamined publishes to a few channels messages that have to be examined:
// some pass and some are refused.
func TestOrderOfExamined(t *testing.T) {
	const channels, messages = 5, 2000
	redis := redistest.Start(t)
	r := harness.Start(t, redis, withSlowRoutes(t))
	var names []string
	for i := range channels {
		names = append(names, fmt.Sprintf("other:%d", i))
	}
	sub := r.Subscribe(names...)
	pub := redistest.Dial(t, "tcp", redis.Addr())
	var pipeline []byte
	next := map[string][]int{}
	for n := range messages {
		name, payload := names[n*n%channels], fmt.Sprintf(`{"n":%d}`, n)
		if n%7 == 0 {
			payload = fmt.Sprintf(`{"m":%d}`, n)
		} else {
			next[name] = append(next[name], n)
		}
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", name, payload)
	}
	pub.SendRaw(pipeline)
	err := sub.ReadMessages(messages-(messages+6)/7, func(channel, payload []byte) {
		name := string(channel)
		if want := fmt.Sprintf(`{"n":%d}`, next[name][0]); string(payload) != want {
			t.Errorf("%s: got %s, want %s", name, payload, want)
		}
		next[name] = next[name][1:]
	})
	if err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "the others are counted", func() bool {
		return r.Metric(`rejects_total{code="INVALID",direction="inbound",route="other:"}`) == (messages+6)/7
	})
}

// TestReloadWhileMessagesFlow swaps a schema that compiles for one that does not, and back, all the while that messages
// come: each is heard once and in order, whoever has judged it.
func TestReloadWhileMessagesFlow(t *testing.T) {
	const channels, messages = 5, 20000
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/x.json", otherSchema)
	path := harness.WriteFile(t, dir, "relay.yaml", "routes:\n- prefix: 'x:'\n  schema: x.json\n")
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithFile(t, path))
	var names []string
	next := map[string]int{}
	for i := range channels {
		names = append(names, fmt.Sprintf("x:%d", i))
		next[names[i]] = i
	}
	sub, pub := r.Subscribe(names...), redistest.Dial(t, "tcp", redis.Addr())

	var reloads atomic.Int64
	heard, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-heard:
				return
			default:
			}
			text := otherSchema
			if n%2 == 0 {
				text = `{"type":"object"}`
			}
			harness.WriteFile(t, dir, "schemas/x.json", text)
			if err := r.Reload(); err != nil {
				t.Error(err)
			}
			reloads.Add(1)
		}
	}()
	const pieces = 10 // with a reload behind each
	for piece := range pieces {
		var pipeline []byte
		for n := piece * messages / pieces; n < (piece+1)*messages/pieces; n++ {
			pipeline = redistest.AppendCommand(pipeline, "PUBLISH", names[n%channels], fmt.Sprintf(`{"n":%d}`, n))
		}
		before := reloads.Load()
		pub.SendRaw(pipeline)
		redistest.Eventually(t, redistest.DefaultTimeout, "a reload", func() bool { return reloads.Load() > before })
	}
	err := sub.ReadMessages(messages, func(channel, payload []byte) {
		name := string(channel)
		if want := fmt.Sprintf(`{"n":%d}`, next[name]); string(payload) != want {
			t.Errorf("%s: got %s, want %s", name, payload, want)
		}
		next[name] += channels
	})
	close(heard)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheLogNamesFallbacks expects one warning for each schema in use that does not
// compile.
func TestTheLogNamesFallbacks(t *testing.T) {
	r := harness.Start(t, nil, withSlowRoutes(t))
	lines := r.Logs.FilterMessageSnippet("not compiled").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	fields := lines[0].ContextMap()
	if fields["schema"] != "other.json" || fields["because_of"] != "/properties/x/unevaluatedItems depends on more than 4 contains" {
		t.Errorf("the warning says %v", fields)
	}
	if r.Logs.FilterMessage("schemas compiled").Len() != 1 {
		t.Error("the log does not say what is compiled")
	}
}
