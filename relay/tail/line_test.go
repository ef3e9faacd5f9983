package tail

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var at = time.Unix(1339518083, 107412000)

// text is a line as a client gets it: without what RESP adds.
func text(t *testing.T, m *Message, maxPayload int) string {
	t.Helper()
	line, ok := strings.CutPrefix(string(Append(nil, m, maxPayload)), "+")
	line, end := strings.CutSuffix(line, "\r\n")
	if !ok || !end || strings.ContainsAny(line, "\r\n") {
		t.Fatalf("%q is no simple string", line)
	}
	return line
}

// TestLineIsThatOfRedis: the form of MONITOR, with its escapes, and then what the relay adds.
func TestLineIsThatOfRedis(t *testing.T) {
	uid := uint32(0)
	for want, m := range map[string]*Message{
		`1339518083.107412 [0 unix:/run/relay.sock] "publish" "chat:42" "a\"b\\c\n\r\t\a\b\x1b\xc3\xa9" "verdict=ok" "route=chat:"`: {
			Time: at, Command: Publish, Source: "unix:/run/relay.sock", Channel: []byte("chat:42"), Verdict: OK, Route: "chat:",
			Payload: []byte("a\"b\\c\n\r\t\a\b\x1bé"), Size: 13,
		},
		`1339518083.000007 [0 redis:0] "message" "x" "" "verdict=TOOLARGE" "size=12" "reason=no \"way\""`: {
			Time: time.Unix(at.Unix(), 7999), Command: Received, Source: "redis:0", Channel: []byte("x"), Verdict: "TOOLARGE",
			Size: 12, Reason: `no "way"`,
		},
		`1339518083.107412 [0 unix:s] "xadd" "x" "p" "verdict=INVALID" "kind=k" "passes=true" "client=7" "name=n" "pid=8" "uid=0"`: {
			Time: at, Command: XAdd, Source: "unix:s", Channel: []byte("x"), Payload: []byte("p"), Size: 1, Verdict: "INVALID",
			Kind: []byte("k"), Passes: true, Client: Client{7, "n", 8, &uid},
		},
	} {
		if got := text(t, m, 100); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestPayloadIsCut(t *testing.T) {
	for payload, want := range map[string]string{
		"12345": `"12345" "verdict`, "123456": `"12345" "verdict`, "1234é": `"1234" "verdict`, "12€": `"12\xe2\x82\xac" "verdict`,
		"\x80\x80\x80\x80\x80\x80\x80\x80": `"\x80\x80\x80\x80\x80" "verdict`,
	} {
		m := &Message{Time: at, Command: Publish, Payload: []byte(payload), Size: len(payload), Verdict: OK}
		line := text(t, m, 5)
		if !strings.Contains(line, want) {
			t.Errorf("%q: %s", payload, line)
		}
		l, err := Parse(line)
		if err != nil || l.Size != len(payload) || !strings.HasPrefix(payload, string(l.Payload)) {
			t.Errorf("%q: %v, size %d, payload %q", payload, err, l.Size, l.Payload)
		}
	}
}

// FuzzLine: what is written is read back, whatever it is.
func FuzzLine(f *testing.F) {
	f.Add("unix:/a b] \"c", "chat:42", []byte(`{"a":"\"}`), "chat:", "DENIED", "why = \\", "kind", "name", uint64(1), uint32(0))
	f.Add("", "", []byte(nil), "", "", "", "", "", uint64(0), uint32(9))
	f.Fuzz(func(t *testing.T, source, channel string, payload []byte, route, verdict, reason, kind, name string, id uint64,
		uid uint32,
	) {
		want := Message{
			Time: at, Command: Publish, Source: source, Channel: []byte(channel), Payload: payload, Size: len(payload),
			Route: route, Verdict: verdict, Reason: reason, Client: Client{ID: id, Name: name, UID: &uid},
		}
		if kind != "" {
			want.Kind = []byte(kind)
		}
		if want.Payload == nil {
			want.Payload = []byte{}
		}
		got, err := Parse(text(t, &want, len(payload)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Message); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLeftOutIsRead(t *testing.T) {
	line := string(appendLeftOut(nil, at, 1234, TooSlow))
	const want = "+1339518083.107412 [0 relay:0] \"left_out\" \"1234\" \"cause=queue\"\r\n"
	if line != want {
		t.Errorf("got %q, want %q", line, want)
	}
	l, err := Parse(strings.Trim(line, "+\r\n"))
	if err != nil || l.LeftOut != 1234 || l.Cause != TooSlow || !l.Time.Equal(at) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestWhatIsNoLine(t *testing.T) {
	for _, line := range []string{
		"", "OK", `1.000000 [0 x] "a" "b"`, `1.5 [0 x] "a" "b" "c"`, `x.000000 [0 x] "a" "b" "c"`,
		`1.000000 [0 x] "a" "b" "c`, `1.000000 [0 x] "a" "b" "\x2"`, `1.000000 [0 x] "a" "b" "\xzz"`, `1.000000 [0 x] "a" "b" "\q"`,
		`1.000000 [0 x] "a" b "c"`, `1.000000 [0 x] "left_out" "many"`,
	} {
		if l, err := Parse(line); err == nil || line != `1.000000 [0 x] "left_out" "many"` && !errors.Is(err, ErrLine) {
			t.Errorf("%s: %+v, %v", line, l, err)
		}
	}
	if _, err := Parse(`1.000000 [0 x] "a" "b" "c" "later=1" "none"`); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}
