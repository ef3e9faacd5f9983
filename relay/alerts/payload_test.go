package alerts

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/notice"
)

var origin = Origin{Version: "v1", Host: "web-1", Socket: "/run/relay.sock", Life: "l"}

// encoded is an alert as the receiver gets it.
func encoded(t *testing.T, a Alert, dropped uint64) (all map[string]any) {
	t.Helper()
	body, err := origin.encode(&a, dropped)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPayload(t *testing.T) {
	since, uid := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), uint32(0)
	a := Alert{
		ID: 7, Kind: "slow_listener", State: Raised, Since: since, Times: 1, Text: "too slow", Do: "be quick",
		Event: notice.Event{
			Event: "slow_listener", Time: since, Messages: 4, Reason: "dropped",
			Who: notice.Who{Client: 3, Name: "worker", PID: 12, UID: &uid},
		},
	}
	want := map[string]any{
		"text": "redis-relay on `web-1`: too slow; client 3; name `worker`; pid 12; uid 0; reason `dropped`. " +
			"What to do: be quick",
		"id": "l-7", "version": "v1", "host": "web-1", "socket": "/run/relay.sock", "kind": "slow_listener",
		"state": "raised", "since": "2030-01-02T03:04:05Z", "times": 1.0, "summary": "too slow", "do": "be quick",
		"runbook": "docs/operations.md#alert-slow_listener",
		"event": map[string]any{
			"event": "slow_listener", "time": "2030-01-02T03:04:05Z", "messages": 4.0, "reason": "dropped",
			"client": 3.0, "name": "worker", "pid": 12.0, "uid": 0.0,
		},
	}
	if got := encoded(t, a, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	a.State, a.Until, a.Event.Cause = Ended, since.Add(90*time.Second), "why"
	got := encoded(t, a, 2)
	if got["until"] != "2030-01-02T03:05:35Z" || got["cause"] != "why" || got["dropped"] != 2.0 {
		t.Errorf("ended: %v", got)
	}
	text := got["text"].(string)
	if !strings.HasPrefix(text, "redis-relay on `web-1`: over after 1m30s: too slow; ") || strings.Contains(text, "What to do") ||
		!strings.HasSuffix(text, "; cause `why`. Before this, 2 alerts could not be sent") {
		t.Errorf("ended: %s", text)
	}
	a.Once, a.Times = true, 5
	if text := encoded(t, a, 0)["text"].(string); !strings.HasSuffix(text, "; 5 times. What to do: be quick") {
		t.Errorf("at once: %s", text)
	}
}

// TestNamesCallNobody: a chat shows the text, and clients choose names.
func TestNamesCallNobody(t *testing.T) {
	text := encoded(t, Alert{Event: notice.Event{
		Channel: "<!channel> `@all`\n<http://x|y>&lt;\xff", Who: notice.Who{Client: 1, Name: strings.Repeat("é", 1000)},
	}}, 0)["text"].(string)
	if want := "channel `_!channel_ _@all_ _http://x|y__lt;\uFFFD`;"; !strings.Contains(text, want) {
		t.Errorf("%q has no %q", text, want)
	}
	if strings.ContainsAny(text, "<>&\n") || len(text) > 500 {
		t.Errorf("the text is %q", text)
	}
}

// TestNamesOfThePayload: none but text means something to Slack or to Mattermost.
func TestNamesOfThePayload(t *testing.T) {
	taken := "attachments blocks channel icon_emoji icon_url link_names mrkdwn parse priority props response_type " +
		"thread_ts type unfurl_links username"
	for i := range reflect.TypeFor[payload]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[payload]().Field(i).Tag.Get("json"), ",")
		if strings.Contains(" "+taken+" ", " "+name+" ") {
			t.Errorf("%s means something to others", name)
		}
	}
}
