package deadletter

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// letter has all that is ever known of a message.
func letter() Letter {
	uid := uint32(0)
	return Letter{
		Stream: "dead:x", Time: time.UnixMilli(1764500000123), Direction: Outbound, Channel: "x:1", Route: "x:", Schema: "x.json",
		Code: "INVALID", Reason: "/n: no", Pointer: "/n", Payload: []byte("\x00\xff"), Size: 2, Shard: true, Field: "f",
		Entry: "5-1", Relay: "host", Publisher: Publisher{Client: 7, Name: "web", PID: 812, UID: &uid},
	}
}

// fieldsOf returns the fields as a stream has them.
func fieldsOf(l *Letter) map[string]string {
	list, fields := l.fields(), map[string]string{}
	for i := 0; i < len(list); i += 2 {
		fields[fmt.Sprint(list[i])] = fmt.Sprintf("%s", list[i+1])
	}
	return fields
}

func TestALetterComesBack(t *testing.T) {
	unread, empty := letter(), letter()
	unread.Payload, unread.UID, unread.Shard = nil, nil, false
	empty.Payload, empty.Publisher = []byte{}, Publisher{}
	for _, want := range []Letter{letter(), unread, empty} {
		got := Parse("dead:x", fieldsOf(&want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got.IsWhole() != (want.Payload != nil) {
			t.Errorf("whole: %v", got.IsWhole())
		}
	}
}

// TestParseTakesAnything that somebody may have added to the stream.
func TestParseTakesAnything(t *testing.T) {
	got := Parse("k", map[string]string{"time": "x", "size": "-", "uid": "-1", "pid": "", "client": "9e9", "other": "y"})
	if got.UID != nil || got.Size != 0 || got.IsWhole() {
		t.Errorf("got %+v", got)
	}
}

// TestDigest is the same for what a fleet hears as one, and differs otherwise.
func TestDigest(t *testing.T) {
	heard := func(change func(*Letter)) string {
		l := letter()
		l.Direction, l.Entry = Inbound, ""
		change(&l)
		name, _ := l.digest()
		return name
	}
	one := heard(func(*Letter) {})
	if one == "" || one != heard(func(l *Letter) { l.Relay, l.Time, l.Route, l.Reason = "other", time.Now(), "", "" }) {
		t.Errorf("%q differs between relays", one)
	}
	for i, change := range []func(*Letter){
		func(l *Letter) { l.Channel = "x:2" }, func(l *Letter) { l.Payload = []byte("\x00") }, func(l *Letter) { l.Code = "RATELIMIT" },
		func(l *Letter) { l.Entry = "5-1" }, func(l *Letter) { l.Size = 3 },
	} {
		if heard(change) == one {
			t.Errorf("%d: the same digest", i)
		}
	}
	if own := heard(func(l *Letter) { l.Direction = Outbound }); own != "" {
		t.Errorf("what a client published has the digest %q", own)
	}
}
