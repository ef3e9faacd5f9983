package policy

// Verdicts as tables.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/resp"
	"redis-relay/relay/schema"
)

const user = `{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}`

// rules are those of a few routes, one for each thing that a route can say.
func rules(t testing.TB) *Rules {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "user.json"), []byte(user), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Schemas.Dir, cfg.Limits.Name, cfg.Limits.Payload = dir, 40, 100
	cfg.Unrouted = config.UnroutedDeny
	add := func(prefix string, change func(*config.Route)) {
		r := config.NewRoute(prefix)
		change(&r)
		cfg.Routes = append(cfg.Routes, r)
	}
	add("open:", func(r *config.Route) { r.NATS = true })
	add("mute:", func(r *config.Route) { r.Publish = false })
	add("deaf:", func(r *config.Route) { r.Subscribe, r.NATS = false, true })
	add("mine:", func(r *config.Route) { r.PublishUIDs, r.SubscribeUIDs = []uint32{7}, []uint32{7} })
	add("user:", func(r *config.Route) { r.Schema = "user.json" })
	add("lax:", func(r *config.Route) { r.Schema, r.Invalid = "user.json", config.InvalidLog })
	add("kept:", func(r *config.Route) { r.Policy.History = &config.History{Length: 10} })
	add("rated:", func(r *config.Route) { r.Policy.Rate = config.Rate{Limit: 0.01, Burst: 1} })
	r, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var somebody, seven = User{Known: true, UID: 5}, User{Known: true, UID: 7}

func TestPublish(t *testing.T) {
	r := rules(t)
	for _, tt := range []struct {
		by               User
		channel, payload string
		unread           int
		want             string // how the refusal begins; empty: it passes
		passes           bool   // all the same
	}{
		{somebody, "open:1", "x", 0, "", false},
		{somebody, "other", "x", 0, "DENIED other: no route covers this channel", false},
		{somebody, "relay:events", "x", 0, "DENIED relay:events: channels that begin with relay:", false},
		{somebody, "mute:1", "x", 0, `DENIED mute:1: route "mute:" says publish: false`, false},
		{seven, "mine:1", "x", 0, "", false},
		{somebody, "mine:1", "x", 0, `DENIED mine:1: route "mine:" has publish_uids, and your user (uid 5)`, false},
		{User{}, "mine:1", "x", 0, `DENIED mine:1: route "mine:" has publish_uids, and your user is not known: it is known only on the Unix socket`, false},
		{somebody, "open:1", strings.Repeat("x", 100), 0, "", false},
		{somebody, "open:1", strings.Repeat("x", 101), 0, "TOOLARGE open:1: 101 bytes are over limits.payload (100)", false},
		{somebody, "open:1", "", 300, "TOOLARGE open:1: 300 bytes are over limits.payload (100)", false},
		{somebody, "open:" + strings.Repeat("x", 36), "x", 0, "DENIED open:" + strings.Repeat("x", 36) + "...: a name of 41 bytes", false},
		{somebody, "user:1", `{"name":"x"}`, 0, "", false},
		{somebody, "user:1", `{"name":1}`, 0, "INVALID user:1 /name", false},
		{somebody, "lax:1", `{"name":1}`, 0, "INVALID lax:1 /name", true},
		{somebody, "rated:1", "x", 0, "", false},
		{somebody, "rated:1", "x", 0, "RATELIMIT rated:1: more than 0.01 messages/s on this channel; retry in", false},
	} {
		rt := r.Route([]byte(tt.channel))
		v := r.Publish(rt, &Publication{
			By: tt.by, Channel: []byte(tt.channel), Payload: []byte(tt.payload), Unread: tt.unread,
		})
		got := ""
		if v.Refusal != nil {
			got = v.Refusal.Error()
		}
		if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%+v: got %q", tt, got)
		}
		if v.Refusal != nil && v.Refusal.Passes(rt) != tt.passes {
			t.Errorf("%+v: passes all the same: %v", tt, !tt.passes)
		}
	}
}

func TestMaySubscribe(t *testing.T) {
	r := rules(t)
	r.patterns = []string{"open:", "mine:", "deaf:", "relay:"}
	for _, tt := range []struct {
		by   User
		kind resp.Kind
		name string
		want string // how the refusal begins; empty: may
		nats string // of NATS clients
	}{
		{somebody, resp.Message, "open:1", "", ""},
		{somebody, resp.Message, "user:1", "", "route \"user:\" does not say nats: true"},
		{somebody, resp.PMessage, "open:*", "", ""},
		{somebody, resp.Message, EventsChannel, "", ""},
		{somebody, resp.PMessage, EventsChannel, "of the relay's own channels only", "of the relay's own channels only"},
		{somebody, resp.Message, "relay:x", "of the relay's own channels only", "of the relay's own channels only"},
		{somebody, resp.Message, "deaf:1", "route \"deaf:\" says subscribe: false", "route \"deaf:\" says subscribe: false"},
		{somebody, resp.Message, "mine:1", "route \"mine:\" has subscribe_uids, and your user (uid 5)", "route \"mine:\" does not"},
		{seven, resp.Message, "mine:1", "", "route \"mine:\" does not"},
		{seven, resp.PMessage, "mine:*", "", "route \"mine:\" does not"},
		{somebody, resp.PMessage, "mine:*", "route \"mine:\" has subscribe_uids", "route \"mine:\" does not"},
		{somebody, resp.PMessage, "user:*", "a pattern must begin with one of limits.pattern_prefixes", "route \"user:\" does not"},
		{somebody, resp.PMessage, "*", "no route covers this pattern, and unrouted is deny", "no route covers this pattern; add one with nats"},
	} {
		for _, told := range []struct {
			err  error
			want string
		}{{r.MaySubscribe(tt.by, tt.kind, []byte(tt.name)), tt.want}, {r.MaySubscribeByNATS(tt.kind, []byte(tt.name)), tt.nats}} {
			got := ""
			if told.err != nil {
				got = told.err.Error()
			}
			want := told.want
			if want != "" {
				want = "DENIED " + tt.name + ": " + want
			}
			if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
				t.Errorf("%+v: got %q, want %q", tt, got, want)
			}
		}
	}
}

func TestMaySeeListeners(t *testing.T) {
	r := rules(t)
	for _, tt := range []struct {
		by   User
		kind resp.Kind
		name string
		want bool
	}{
		{somebody, resp.Message, "open:1", true},
		{somebody, resp.Message, "mine:1", false},
		{somebody, resp.PMessage, "m*", false},
		{seven, resp.PMessage, "m*", true},
		{somebody, resp.SMessage, "mine:1", false},
	} {
		if refusal := r.MaySeeListeners(tt.by, tt.kind, []byte(tt.name)); (refusal == nil) != tt.want {
			t.Errorf("%+v: got %v", tt, refusal)
		}
	}
}

func TestMayPersistAndRead(t *testing.T) {
	r := rules(t)
	for _, tt := range []struct {
		channel string
		kind    resp.Kind
		field   []byte
		want    string
	}{
		{"kept:1", resp.Message, nil, ""},
		{"kept:1", resp.Message, []byte("f"), ""},
		{"kept:1", resp.SMessage, nil, "messages with history are published with PUBLISH or XADD"},
		{"open:1", resp.Message, nil, ""},
		{"open:1", resp.Message, []byte("f"), "nothing is kept of this channel; give route \"open:\" a history"},
		{"other", resp.Message, []byte("f"), "nothing is kept of this channel, which no route covers"},
	} {
		rt := r.Route([]byte(tt.channel))
		got := ""
		if refusal := MayPersist(rt, &rt.Policy, tt.kind, []byte(tt.channel), tt.field); refusal != nil {
			got = refusal.Reason
		}
		if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
	for channel, want := range map[string]bool{"kept:1": true, "open:1": false, "relay:events": false} {
		if err := r.MayRead(channel); (err == nil) != want {
			t.Errorf("%s may be read: %v", channel, err)
		}
	}
	if !r.HasHistory(0) || !r.MayHaveHistory(0, resp.PMessage, "k*") || r.MayHaveHistory(0, resp.PMessage, "open:*") || r.MayHaveHistory(0, resp.SMessage, "kept:1") {
		t.Error("what may be kept is not what it should be")
	}
}

// delivery is a message from Redis.
func delivery(pattern, channel, payload string) *resp.Delivery {
	d := &resp.Delivery{Kind: resp.Message, Channel: []byte(channel), Payload: []byte(payload)}
	if pattern != "" {
		d.Kind, d.Pattern = resp.PMessage, []byte(pattern)
	}
	return d
}

// TestJudge gives one source messages one after the other, copies among them.
func TestJudge(t *testing.T) {
	r := rules(t)
	var last LastMessage
	long := strings.Repeat("x", 101)
	for i, tt := range []struct {
		pattern, channel, payload string
		isCopy                    bool
		want                      string
	}{
		{"", "open:1", "x", false, ""},
		{"o*", "open:1", "x", false, ""}, // there is nothing to judge, and nothing to remember
		{"", "deaf:1", "x", false, "silent DENIED"},
		{"d*", "deaf:1", "x", true, "silent DENIED"},
		{"", "user:1", `{"name":1}`, false, "invalid"},
		{"u*", "user:1", `{"name":1}`, true, "invalid"},
		{"us*", "user:1", `{"name":1}`, true, "invalid"},
		{"", "user:1", `{"name":1}`, false, "invalid"}, // another one
		{"u*", "user:1", `{"name":"x"}`, false, ""},
		{"u*", "user:1", `{"name":"x"}`, false, ""}, // by the same pattern it is another one
		{"", "open:1", long, false, "TOOLARGE"},
		{"o*", "open:1", long, true, "TOOLARGE"},
		{"", "open:1", long, false, "TOOLARGE"},
		{"", "rated:1", "x", false, ""},
		{"r*", "rated:1", "x", true, ""}, // takes no token
		{"", "rated:1", "x", false, ""},  // comes back a little later than another: see maxDelay
		{"", "rated:1", "x", false, "RATELIMIT"},
		{"r*", "rated:1", "x", true, "RATELIMIT"},
	} {
		d := delivery(tt.pattern, tt.channel, tt.payload)
		v, isCopy := last.Judge(r, r.Route(d.Channel), d)
		got := ""
		switch {
		case v.Silent:
			got = "silent " + string(v.Refusal.Code)
		case v.Refusal != nil:
			got = string(v.Refusal.Code)
		case v.Invalid != nil:
			got = "invalid"
		}
		if got != tt.want || isCopy != tt.isCopy {
			t.Errorf("%d, %+v: got %q, a copy: %v", i, tt, got, isCopy)
		}
		if i%2 == 0 {
			last.Detach()
			for _, part := range [][]byte{d.Channel, d.Pattern, d.Payload} { // its memory is used again
				clear(part)
			}
		}
	}
}

// TestKeepForgetsWhatIsLarge: it is judged again.
func TestKeepForgetsWhatIsLarge(t *testing.T) {
	r := rules(t)
	r.maxPayload = 2 * maxDetached
	var last LastMessage
	payload := `{"name":"` + strings.Repeat("x", maxDetached) + `"}`
	last.Judge(r, r.Route([]byte("user:1")), delivery("", "user:1", payload))
	last.Detach()
	if _, isCopy := last.Judge(r, r.Route([]byte("user:1")), delivery("u*", "user:1", payload)); isCopy {
		t.Error("a large message was kept")
	}
}

func TestLongNamesAreToldOnce(t *testing.T) {
	r := rules(t)
	var last LastMessage
	d := delivery("a*", "open:"+strings.Repeat("x", 50), "x")
	if refusal := last.LongName(r, d, 1); refusal == nil || refusal.Code != Denied {
		t.Errorf("got %v", refusal)
	}
	d.Pattern = []byte("b*")
	if refusal := last.LongName(r, d, 1); refusal != nil {
		t.Errorf("a copy is told, too: %v", refusal)
	}
}

func TestPayloadSize(t *testing.T) {
	for _, size := range []int{0, 9, 10, 99, 100, 1 << 20} {
		for _, pattern := range []string{"", "c*"} {
			args := [][]byte{[]byte("c:1"), make([]byte, size)}
			d := &resp.Delivery{Kind: resp.Message, Channel: args[0]}
			if pattern != "" {
				d.Kind, d.Pattern = resp.PMessage, []byte(pattern)
				args = append([][]byte{d.Pattern}, args...)
			}
			frame := resp.AppendMessage(nil, resp.RESP2, d.Kind.String(), args...)
			if got := PayloadSize(d, len(frame)); got != size {
				t.Errorf("%s of %d bytes: got %d", d.Kind, size, got)
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	for channel, want := range map[string]string{
		"chat:1": "chat:1", "a b": `"a b"`, "\n": `"\n"`, "é": `"\u00e9"`,
		strings.Repeat("x", 129): strings.Repeat("x", 128) + "...",
	} {
		if got := Printable(channel); got != want {
			t.Errorf("%q: got %s", channel, got)
		}
	}
}

func TestNotValid(t *testing.T) {
	if r := NotValid([]byte("c"), fmt.Errorf("stop: %w", schema.ErrStopped)); r.Code != Busy {
		t.Errorf("a check that was stopped: %v", r)
	}
	if r := NotValid([]byte("c"), errors.New("at /x: no")); r.Error() != "INVALID c at /x: no" {
		t.Errorf("got %v", r)
	}
}

// TestVerdictsAllocateNothing of messages that pass.
func TestVerdictsAllocateNothing(t *testing.T) {
	r := rules(t)
	var last LastMessage
	for channel, payload := range map[string]string{"open:1": "x", "user:1": `{"name":"x"}`, "deaf:1": "x"} {
		d := delivery("", channel, payload)
		rt := r.Route(d.Channel)
		if n := testing.AllocsPerRun(100, func() {
			last.Judge(r, rt, d)
			last.Detach()
		}); n != 0 {
			t.Errorf("%s from Redis: %v allocations", channel, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			if v := r.Publish(rt, &Publication{Channel: d.Channel, Payload: d.Payload}); v.Refusal != nil {
				t.Fatal(v.Refusal)
			}
		}); n != 0 {
			t.Errorf("%s published: %v allocations", channel, n)
		}
	}
}

func ExampleRules_MaySubscribe() {
	cfg := config.Default()
	r, err := New(&cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.MaySubscribe(User{}, resp.Message, []byte(EventsChannel)))
	fmt.Println(r.MaySubscribe(User{}, resp.Message, []byte("relay:probe")))
	// Output: <nil>
	// DENIED relay:probe: of the relay's own channels only relay:events and relay:rejects can be listened to, by their full names
}
