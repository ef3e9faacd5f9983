package harness

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay"
	"redis-relay/relay/notice"
	"redis-relay/relay/redistest"
	"redis-relay/relay/schema"
)

// What the relay tells on its own channels.

// Heard receives a message on one of the relay's own channels into v.
func Heard(t testing.TB, c *redistest.Client, channel string, v any) {
	t.Helper()
	m := c.Receive()
	if len(m.Elems) != 3 || m.Elems[0].Str != "message" || m.Elems[1].Str != channel {
		t.Fatalf("got %s, want a message on %s", m, channel)
	}
	Documented(t, channel, m.Elems[2].Str)
	if err := json.Unmarshal([]byte(m.Elems[2].Str), v); err != nil {
		t.Fatalf("message on %s: %v", channel, err)
	}
}

// ownSchemas are those of the relay's own channels.
var ownSchemas = sync.OnceValues(func() (*schema.Set, error) {
	dir, err := root()
	if err != nil {
		return nil, err
	}
	return schema.Load(filepath.Join(dir, "schemas"), "")
})

// Documented fails if a message on one of the relay's own channels is not what the
// schema for it says.
func Documented(t testing.TB, channel, payload string) {
	t.Helper()
	set, err := ownSchemas()
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker(strings.TrimPrefix(channel, "relay:")+".json", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checker.Check([]byte(payload)); err != nil {
		t.Errorf("message on %s: %v\n%s", channel, err, payload)
	}
}

// DocumentedStatus fails if a status is not what schemas/status.json says.
func DocumentedStatus(t testing.TB, text string) {
	t.Helper()
	Documented(t, "status", text)
}

// Event receives the next event on relay:events, which must be of the kind given. Unless alerts are asked for, those
// about clients that do not read are passed over: on a busy machine any test that has one may take long enough.
func Event(t testing.TB, c *redistest.Client, kind string) relay.Event {
	t.Helper()
	var e relay.Event
	Heard(t, c, relay.EventsChannel, &e)
	for e.Kind == notice.StuckKind && !strings.HasPrefix(kind, "alert") {
		e = relay.Event{}
		Heard(t, c, relay.EventsChannel, &e)
	}
	if e.Event != kind {
		t.Fatalf("got event %+v, want %s", e, kind)
	}
	return e
}
