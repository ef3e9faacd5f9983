package relay_test

// Documents that take long to judge, as clients see them.

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
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
func withSlowRoutes(t *testing.T) option {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"slow.json": slowSchema, "other.json": otherSchema} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *config.Config) {
		c.Schemas.Dir = dir
		withRoutes(
			newRoute("slow:", func(r *config.Route) { r.Schema = "slow.json" }),
			newRoute("other:", func(r *config.Route) { r.Schema, r.Kind = "other.json", "" }),
		)(c)
	}
}

// TestSlowDocumentHoldsItsChannel has one connection listen to a channel with a slow
// document and to others, and ends the relay in the midst of another one. Each channel
// keeps its order; in which order they come is left to chance.
func TestSlowDocumentHoldsItsChannel(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, withSlowRoutes(t))
	sub := r.subscribe("slow:1", "fast:1")
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

// TestOrderOfExamined publishes to a few channels messages that have to be examined:
// some pass and some are refused.
func TestOrderOfExamined(t *testing.T) {
	const channels, messages = 5, 2000
	redis := redistest.Start(t)
	r := startRelay(t, redis, withSlowRoutes(t))
	var names []string
	for i := range channels {
		names = append(names, fmt.Sprintf("other:%d", i))
	}
	sub := r.subscribe(names...)
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
	redistest.Eventually(t, 10*time.Second, "the others are counted", func() bool {
		return r.metric(`rejects_total{code="INVALID",direction="inbound",route="other:"}`) == (messages+6)/7
	})
}

// TestReloadWhileMessagesFlow swaps a schema that compiles for one that does not, and back, all the while that messages
// come: each is heard once and in order, whoever has judged it.
func TestReloadWhileMessagesFlow(t *testing.T) {
	const channels, messages = 5, 20000
	dir := t.TempDir()
	write(t, dir, "schemas/x.json", otherSchema)
	path := write(t, dir, "relay.yaml", "routes:\n- prefix: 'x:'\n  schema: x.json\n")
	redis := redistest.Start(t)
	r := startRelay(t, redis, withFile(t, path))
	var names []string
	next := map[string]int{}
	for i := range channels {
		names = append(names, fmt.Sprintf("x:%d", i))
		next[names[i]] = i
	}
	sub, pub := r.subscribe(names...), redistest.Dial(t, "tcp", redis.Addr())

	heard, reloads := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-heard:
				reloads <- n
				return
			default:
			}
			text := otherSchema
			if n%2 == 0 {
				text = `{"type":"object"}`
			}
			write(t, dir, "schemas/x.json", text)
			if err := r.Reload(); err != nil {
				t.Error(err)
			}
		}
	}()
	var pipeline []byte
	for n := range messages {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", names[n%channels], fmt.Sprintf(`{"n":%d}`, n))
	}
	pub.SendRaw(pipeline)
	err := sub.ReadMessages(messages, func(channel, payload []byte) {
		name := string(channel)
		if want := fmt.Sprintf(`{"n":%d}`, next[name]); string(payload) != want {
			t.Errorf("%s: got %s, want %s", name, payload, want)
		}
		next[name] += channels
	})
	close(heard)
	if n := <-reloads; n < 2 {
		t.Errorf("%d reloads: too few to tell", n)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheLogNamesFallbacks expects one warning for each schema in use that does not
// compile.
func TestTheLogNamesFallbacks(t *testing.T) {
	r := startRelay(t, nil, withSlowRoutes(t))
	lines := r.logs.FilterMessageSnippet("not compiled").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	fields := lines[0].ContextMap()
	if fields["schema"] != "other.json" || fields["because_of"] != "/properties/x/unevaluatedItems depends on more than 4 contains" {
		t.Errorf("the warning says %v", fields)
	}
	if r.logs.FilterMessage("schemas compiled").Len() != 1 {
		t.Error("the log does not say what is compiled")
	}
}
