package relay_test

// Documents that only the schema library can judge, as clients see them.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

// otherSchema does not compile.
const otherSchema = `{"type": "object", "properties": {"n": {"type": "integer"}}, "unevaluatedProperties": false}`

// slowDocument is one that slowSchema leaves to the library, which then takes long.
var slowDocument = `{"slow":[[1]` + strings.Repeat(`,[1]`, 200) + `]}`

// slowSchema compiles; but whether an item of slow is [1] only the library can say,
// and that follows each of the references, of which there are twice as many at each
// step.
func slowSchema() string {
	const steps = 10
	var defs []string
	for i := range steps {
		defs = append(defs, fmt.Sprintf(`"%d": {"allOf": [{"$ref": "#/$defs/%d"}, {"$ref": "#/$defs/%[2]d"}]}`, i, i+1))
	}
	return fmt.Sprintf(`{
		"properties": {"n": {"maximum": 9}, "slow": {"items": {"$ref": "#/$defs/0"}}},
		"$defs": {%s, "%d": {"const": [1]}}
	}`, strings.Join(defs, ", "), steps)
}

// withSlowRoutes has routes slow: and other:, and leaves fast: without a schema.
func withSlowRoutes(t *testing.T) option {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"slow.json": slowSchema(), "other.json": otherSchema} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *config.Config) {
		c.Schemas = dir
		withRoutes(
			newRoute("slow:", func(r *config.Route) { r.Schema = "slow.json" }),
			newRoute("other:", func(r *config.Route) { r.Schema, r.Kind = "other.json", "" }),
		)(c)
	}
}

// TestSlowDocumentHoldsItsChannelOnly has one connection listen to a channel with
// a slow document and to others, and ends the relay in the midst of another one.
func TestSlowDocumentHoldsItsChannelOnly(t *testing.T) {
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
	hears(t, sub, "pmessage", "s*", "slow:2", `{"n":3}`)
	hears(t, sub, "message", "fast:1", "m")
	for _, payload := range []string{slowDocument, `{"n":1}`, `{"n":2}`} {
		hears(t, sub, "message", "slow:1", payload)
		hears(t, sub, "pmessage", "s*", "slow:1", payload)
	}
	redis.MustDo("PUBLISH", "slow:1", slowDocument)
	redis.MustDo("PUBLISH", "fast:1", "m")
	hears(t, sub, "message", "fast:1", "m")
	r.Stop()
}

// hears expects a message, word for word.
func hears(t *testing.T, c *redistest.Client, words ...string) {
	t.Helper()
	var got []string
	for _, v := range c.Receive().Elems {
		got = append(got, v.Str)
	}
	if !slices.Equal(got, words) {
		t.Fatalf("got %q, want %q", got, words)
	}
}

// TestOrderWhereTheLibraryDecides publishes to a few channels messages of which
// the library accepts some and refuses some.
func TestOrderWhereTheLibraryDecides(t *testing.T) {
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
	if fields["schema"] != "other.json" || fields["because_of"] != "/unevaluatedProperties" {
		t.Errorf("the warning says %v", fields)
	}
	if r.logs.FilterMessage("schemas compiled").Len() != 1 {
		t.Error("the log does not say what is compiled")
	}
}
