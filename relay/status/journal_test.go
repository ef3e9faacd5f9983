package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/notice"
)

func TestPayloadsAreShownOnlyIfWanted(t *testing.T) {
	long := strings.Repeat("x", MaxPayload-1)
	for payload, want := range map[string]string{
		"{}": "{}", "": "", long + "yz": long + "y", long + "é": long, long + "\xff\xff": long + "\ufffd",
		strings.Repeat("\xff", 2000): "\ufffd", "a\x00\xffb": "a\x00\ufffdb", long[3:] + "🙂🙂": long[3:] + "🙂",
	} {
		for _, shown := range []bool{true, false} {
			j := Journal{Payloads: shown}
			content := []byte(payload)
			j.Refused(&notice.Reject{}, content)
			clear(content) // it is somebody else's
			got := j.Rejects()[0]
			if !shown && got.Payload != "" || shown && got.Payload != want {
				t.Errorf("%.20q, shown %v: %q", payload, shown, got.Payload)
			}
		}
	}
}

func TestTheLatestAreKept(t *testing.T) {
	var j Journal
	for i := range 2 * MaxEvents {
		j.Told(notice.SocketDown, &notice.Event{Cause: fmt.Sprint(i)})
	}
	events := j.Events()
	if len(events) != MaxEvents || events[0].Cause != fmt.Sprint(2*MaxEvents-1) || events[0].Level != "error" {
		t.Errorf("%d events, the first %+v", len(events), events[0])
	}
	for i := range 10 {
		for _, route := range []string{"a:", "b:"} {
			j.Refused(&notice.Reject{Route: route, Size: i, Time: start.Add(time.Duration(i) * time.Second)}, nil)
		}
	}
	j.Refused(&notice.Reject{Route: "c:", Size: 99, Time: start}, nil)
	rejects := j.Rejects()
	if len(rejects) != 2*MaxRejects+1 || rejects[0].Size != 9 || rejects[len(rejects)-1].Size != 99 {
		t.Errorf("%d rejects: %+v", len(rejects), rejects)
	}
}
