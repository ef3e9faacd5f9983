package status

import (
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/notice"
)

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
			j.Refused(&notice.Reject{Route: route, Size: i, Time: start.Add(time.Duration(i) * time.Second)})
		}
	}
	j.Refused(&notice.Reject{Route: "c:", Size: 99, Time: start})
	rejects := j.Rejects()
	if len(rejects) != 2*MaxRejects+1 || rejects[0].Size != 9 || rejects[len(rejects)-1].Size != 99 {
		t.Errorf("%d rejects: %+v", len(rejects), rejects)
	}
}
