package resp

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func frame(parts ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(parts))
	for _, p := range parts {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(p), p)
	}
	return s
}

var serverFrames = []struct {
	raw  string
	want string // kind, pattern, channel, payload; "control" for the rest
}{
	{frame("message", "chat:42", "hi"), "message||chat:42|hi"},
	{frame("pmessage", "chat:*", "chat:42", "hi"), "pmessage|chat:*|chat:42|hi"},
	{frame("smessage", "chat:42", "hi"), "smessage||chat:42|hi"},
	{frame("message", "", ""), "message|||"},
	{frame("message", "a\r\n$b", "\x00\r\n*3\r\n"), "message||a\r\n$b|\x00\r\n*3\r\n"},
	{"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", "control"},
	{"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", "control"},
	{"+PONG\r\n", "control"},
	{"*2\r\n$4\r\npong\r\n$0\r\n\r\n", "control"},
	{"-NOPERM this user has no permissions\r\n", "control"},
	{"*-1\r\n", "control"},
	{"*0\r\n", "control"},
	{"*2\r\n$7\r\nmodules\r\n*2\r\n*1\r\n:1\r\n$-1\r\n", "control"},
}

func describe(tok Token, d *Delivery) string {
	if tok != IsDelivery {
		return "control"
	}
	return fmt.Sprintf("%s|%s|%s|%s", d.Kind, d.Pattern, d.Channel, d.Payload)
}

func TestScanServer(t *testing.T) {
	for _, tc := range serverFrames {
		var d Delivery
		tok, n, err := ScanServer([]byte(tc.raw+"+next\r\n"), &d)
		if err != nil || tok == Incomplete || n != len(tc.raw) {
			t.Fatalf("%q: token %d, n %d, err %v", tc.raw, tok, n, err)
		}
		if got := describe(tok, &d); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.raw, got, tc.want)
		}
		if tok == IsDelivery && string(d.Frame) != tc.raw {
			t.Errorf("%q: frame %q", tc.raw, d.Frame)
		}
	}
}

// Every proper prefix is incomplete and promises a length that is more than
// what is there and not more than the whole frame.
func TestScanServerSplitAtEveryByte(t *testing.T) {
	for _, tc := range serverFrames {
		for i := range len(tc.raw) {
			var d Delivery
			tok, need, err := ScanServer([]byte(tc.raw[:i]), &d)
			if err != nil || tok != Incomplete {
				t.Fatalf("%q[:%d]: token %d, err %v", tc.raw, i, tok, err)
			}
			if need <= i || need > len(tc.raw) {
				t.Errorf("%q[:%d]: need %d", tc.raw, i, need)
			}
		}
	}
}

func TestScanServerKnowsChannelOfHugePayloadEarly(t *testing.T) {
	var d Delivery
	tok, need, err := ScanServer([]byte("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1000000\r\nxx"), &d)
	if err != nil || tok != Incomplete || string(d.Channel) != "a" || d.Kind != Message {
		t.Fatalf("token %d, channel %q, err %v", tok, d.Channel, err)
	}
	if want := len("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1000000\r\n") + 1000002; need != want {
		t.Errorf("need %d, want %d", need, want)
	}
}

func TestScanServerRefusesGarbage(t *testing.T) {
	for _, raw := range []string{
		"HTTP/1.1 400\r\n", "?1\r\n", "$x\r\n", "$99999999999\r\n", "*3\r\n$7\r\nmessage\r\n:1\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\nabc", "$1\rx", "*3\r\n$7\r\nmessage\r\n$-1\r\n",
	} {
		var d Delivery
		if _, _, err := ScanServer([]byte(raw), &d); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: got %v, want ErrFrame", raw, err)
		}
	}
	deep := bytes.Repeat([]byte("*1\r\n"), 1000)
	if _, _, err := ScanServer(deep, new(Delivery)); !errors.Is(err, ErrFrame) {
		t.Errorf("deep nesting: got %v", err)
	}
}

func FuzzScanServer(f *testing.F) {
	for _, tc := range serverFrames {
		f.Add([]byte(tc.raw))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Delivery
		tok, n, err := ScanServer(b, &d)
		switch {
		case err != nil:
		case tok == Incomplete && n <= len(b):
			t.Fatalf("incomplete, but needs only %d of %d", n, len(b))
		case tok != Incomplete && (n <= 0 || n > len(b)):
			t.Fatalf("length %d of %d", n, len(b))
		case tok == IsDelivery && len(d.Frame) != n:
			t.Fatalf("frame %d, n %d", len(d.Frame), n)
		}
	})
}

func BenchmarkScanServer(b *testing.B) {
	raw := []byte(frame("message", "chat:42", string(make([]byte, 124))))
	var d Delivery
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if tok, _, _ := ScanServer(raw, &d); tok != IsDelivery {
			b.Fatal(tok)
		}
	}
}

func TestScanServerDoesNotAllocate(t *testing.T) {
	raw := []byte(frame("message", "chat:42", "hi"))
	var d Delivery
	if n := testing.AllocsPerRun(100, func() { _, _, _ = ScanServer(raw, &d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
