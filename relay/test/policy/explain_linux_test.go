package policy

// What explain says is what a running relay does: for generated routes, users, channels and messages.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	agreementConfigs = 8
	agreementCases   = 60 // of each configuration
)

// explained is what of an answer a client can see.
type explained struct {
	Route              struct{ Name string }
	Publish, Subscribe struct {
		May   bool
		Error string
	}
	Policies []struct{ History string }
	Payload  struct {
		Accepted                    bool
		Error, Listeners, FromRedis string
	}
}

func (e *explained) UnmarshalJSON(text []byte) error {
	type plain explained
	text = bytes.Replace(text, []byte(`"from_redis"`), []byte(`"fromredis"`), 1)
	return json.Unmarshal(text, (*plain)(e))
}

func TestExplainIsWhatTheRelayDoes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	for seed := range uint64(agreementConfigs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a := newAgreement(t, redis, seed)
			for i := range agreementCases {
				a.compare(t, i)
			}
			if a.accepted == 0 || a.refused == 0 || a.heard == 0 {
				t.Errorf("%d accepted, %d refused, %d heard: too much alike", a.accepted, a.refused, a.heard)
			}
		})
	}
}

// agreement compares one relay with what is explained of its configuration.
type agreement struct {
	*harness.Relay
	rand  *rand.Rand
	redis *redistest.Server
	uids  []int

	accepted, refused, heard int
}

func newAgreement(t *testing.T, redis *redistest.Server, seed uint64) *agreement {
	t.Helper()
	a := &agreement{rand: rand.New(rand.NewPCG(seed, 16)), redis: redis, uids: []int{os.Getuid()}}
	if os.Getuid() == 0 {
		a.uids = append(a.uids, stranger)
	}
	dir := t.TempDir()
	a.writeSchemas(t, dir)
	text := a.config()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(text)
		}
	})
	file := harness.WriteFile(t, dir, "relay.yaml", text)
	a.Relay = harness.Start(t, redis, harness.WithFile(t, file))
	if err := os.Chmod(filepath.Dir(a.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// writeSchemas has one schema of each way of checking.
func (a *agreement) writeSchemas(t *testing.T, dir string) {
	t.Helper()
	patterns := make([]string, 65)
	for i := range patterns {
		patterns[i] = fmt.Sprintf(`"^%d$": {"type": "string"}`, i)
	}
	for name, text := range map[string]string{
		"kinds.json":  `{"type":"object","required":["type"],"properties":{"type":{"enum":["one","two"]},"n":{"type":"integer"}}}`,
		"slow.json":   `{"type":"object","patternProperties":{` + strings.Join(patterns, ",") + `}}`,
		"unique.json": `{"properties":{"list":{"uniqueItems":true,"items":{"type":["object","integer"]}}}}`,
	} {
		harness.WriteFile(t, dir, "schemas/"+name, text)
	}
}

func (a *agreement) pick(list ...string) string { return list[a.rand.IntN(len(list))] }

// config is a random relay.yaml. The route open: is always there.
func (a *agreement) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "socket: {mode: \"0666\"}\nschemas: schemas\nlimits: {name: 64B, payload: 4KiB}\nunrouted: %s\nroutes:\n"+
		"- {prefix: \"open:\"}\n", a.pick("allow", "deny"))
	for _, prefix := range []string{"a:", "a:b:", "a:b:c", "d", "de:"} {
		fmt.Fprintf(&b, "- prefix: %q\n", prefix)
		for _, line := range []string{
			a.pick("", "schema: kinds.json", "schema: kinds.json", "schema: slow.json", "schema: unique.json"),
			a.pick("", "invalid: log", "invalid: reject"),
			a.pick("", "", "publish: false", fmt.Sprintf("publish_uids: [%d]", a.uids[0]), fmt.Sprintf("publish_uids: [%d, 7]", stranger)),
			a.pick("", "", "subscribe: false", fmt.Sprintf("subscribe_uids: [%d]", a.uids[0]), fmt.Sprintf("subscribe_uids: [%d]", stranger)),
			a.pick("", "rate: {limit: 5}"),
			a.pick("", "", "history: {length: 10}"),
			a.pick("", "deliver: one"),
			a.pick("", "kinds: {one: {slow: drop, history: {length: 5}}, two: {rate: {limit: 3}}}"),
		} {
			if line != "" {
				fmt.Fprintf(&b, "  %s\n", line)
			}
		}
	}
	return dropLoneInvalid(b.String())
}

// dropLoneInvalid takes out invalid where there is no schema, which a configuration may not say.
func dropLoneInvalid(text string) string {
	items := strings.Split(text, "- prefix: ")
	for i, item := range items[1:] {
		if !strings.Contains(item, "schema:") {
			for _, word := range []string{"log", "reject"} {
				item = strings.ReplaceAll(item, "  invalid: "+word+"\n", "")
			}
		}
		items[i+1] = item
	}
	return strings.Join(items, "- prefix: ")
}

// channel is a new one each time, so that its rate is not used up.
func (a *agreement) channel(n int) string {
	rest := a.pick("%d", "x%d", "b:%d", " with spaces\n%d", "\xff%d", "ü%d", strings.Repeat("y", 70)+"%d")
	return a.pick("a:", "a:", "a:b:", "a:b:c", "d", "de:", "other:", "relay:", "open:") + fmt.Sprintf(rest, n)
}

func (a *agreement) payload() string {
	var items []string
	for i := range 200 {
		items = append(items, fmt.Sprintf(`{"i":%d}`, i*a.rand.IntN(3)))
	}
	return a.pick(
		`{"type":"one"}`, `{"type":"two","n":1}`, `{"type":"one","n":"1"}`, `{"type":"three"}`, `{"type":7}`, `{}`, ``, `text`,
		`{"type":"one","type":"two"}`, `{"1":"x"}`, `{"1":2}`, `{"list":[1,2,3]}`, `{"list":[1,2,1]}`, `{"list":["x"]}`,
		`{"list":[`+strings.Join(items, ",")+`]}`, "\xff", `{"type":"one","t":"`+strings.Repeat("z", 4<<10)+`"}`,
		`"`+strings.Repeat("z", 4<<10-2)+`"`,
	)
}

// compare explains a case, and then does it.
func (a *agreement) compare(t *testing.T, n int) {
	t.Helper()
	channel, payload, uid := a.channel(n), a.payload(), a.uids[a.rand.IntN(len(a.uids))]
	want := a.explain(t, channel, payload, uid)
	c, sub := dialAs(a.Relay, uid), dialAs(a.Relay, uid)
	defer c.Close()
	defer sub.Close()
	about := fmt.Sprintf("%q %.100q as uid %d: %+v", channel, payload, uid, want)

	reply := sub.Do("SUBSCRIBE", channel)
	if got := errorOf(reply); got != want.Subscribe.Error || (got == "") != want.Subscribe.May {
		t.Errorf("SUBSCRIBE: %q, explained otherwise: %s", got, about)
	}
	reply = c.Do("PUBLISH", channel, payload)
	refusal := ""
	if !want.Payload.Accepted {
		refusal = want.Payload.Error
	}
	if got := errorOf(reply); got != refusal || (got == "") != want.Payload.Accepted {
		t.Errorf("PUBLISH: %q, explained otherwise: %s", got, about)
	}
	if want.Payload.Accepted {
		a.accepted++
	} else {
		a.refused++
	}
	if !want.Subscribe.May {
		return
	}
	a.listen(t, sub, want.Payload.Listeners, channel, payload, about)
	if !want.keeps() { // what has a history is read from its stream
		a.redis.MustDo("PUBLISH", channel, payload)
		a.listen(t, sub, want.Payload.FromRedis, channel, payload, about)
	}
}

// listen compares what a listener gets with what is explained. A message on a channel of its own ends it.
func (a *agreement) listen(t *testing.T, sub *redistest.Client, what, channel, payload, about string) {
	t.Helper()
	if !strings.HasPrefix(what, "nothing") {
		a.heard++
		if v := sub.Receive(); len(v.Elems) != 3 || v.Elems[1].Str != channel || v.Elems[2].Str != payload {
			t.Errorf("heard %s, want the payload: %s", v, about)
		}
	}
	sub.Send("SUBSCRIBE", "open:end")
	if v := sub.Receive(); len(v.Elems) != 3 || v.Elems[1].Str != "open:end" {
		t.Errorf("heard %s, want nothing more: %s", v, about)
	}
	a.redis.MustDo("PUBLISH", "open:end", "end")
	if v := sub.Receive(); v.String() != "[message open:end end]" {
		t.Errorf("heard %s, want nothing more: %s", v, about)
	}
	sub.Send("UNSUBSCRIBE", "open:end")
	if v := sub.Receive(); len(v.Elems) != 3 || v.Elems[0].Str != "unsubscribe" {
		t.Errorf("heard %s, want nothing more: %s", v, about)
	}
}

// keeps reports whether the message may have a history.
func (e *explained) keeps() bool {
	for _, p := range e.Policies {
		if p.History != "-" {
			return true
		}
	}
	return false
}

func (a *agreement) explain(t *testing.T, channel, payload string, uid int) (e explained) {
	t.Helper()
	var out bytes.Buffer
	id := uint32(uid)
	accepted, err := preflight.Explain(a.Config, &preflight.Question{Channel: channel, Payload: []byte(payload), UID: &id}, true, &out)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &e)
	}
	if err != nil || accepted != e.Payload.Accepted {
		t.Fatalf("explain %q: accepted %v, %v: %s", channel, accepted, err, out.Bytes())
	}
	return e
}

func errorOf(v redistest.Value) string {
	if v.Type == '-' {
		return v.Str
	}
	return ""
}
