// Tests of decoding and of the readable form, without a network.

package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func decode(wire string) (Value, error) {
	return newDecoder(strings.NewReader(wire)).value()
}

var valueCases = []struct{ wire, want string }{
	{"+PONG\r\n", "+PONG"},
	{"+\r\n", "+"},
	{"-ERR no such thing\r\n", "-ERR no such thing"},
	{":1\r\n", ":1"},
	{":-9223372036854775808\r\n", ":-9223372036854775808"},
	{"$5\r\nhello\r\n", "hello"},
	{"$0\r\n\r\n", `""`},
	{"$1\r\n1\r\n", `"1"`},
	{"$3\r\na b\r\n", `"a b"`},
	{"$2\r\n\r\n\r\n", `"\r\n"`},
	{"$2\r\n\xff\x00\r\n", `"\xff\x00"`},
	{"$3\r\n[1]\r\n", `"[1]"`},
	{"$5\r\n(nil)\r\n", `"(nil)"`},
	{"$12\r\n{\"type\":\"x\"}\r\n", `{"type":"x"}`},
	{"$3\r\n1-0\r\n", "1-0"},
	{"$-1\r\n", "(nil)"},
	{"*-1\r\n", "(nil)"},
	{"_\r\n", "(nil)"},
	{"*0\r\n", "[]"},
	{"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n", "[message a m]"},
	{"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", "[unsubscribe (nil) 0]"},
	{">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", ">[subscribe a 1]"},
	{"*2\r\n$4\r\npong\r\n$0\r\n\r\n", `[pong ""]`},
	{"*2\r\n*1\r\n+OK\r\n*1\r\n-ERR x\r\n", "[[+OK] [-ERR x]]"},
	{"%2\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:7\r\n", "%[proto 3 id 7]"},
	{"~2\r\n$1\r\na\r\n$1\r\nb\r\n", "~[a b]"},
	{"|1\r\n$3\r\nttl\r\n:9\r\n", "|[ttl 9]"},
	{",1.5\r\n", ",1.5"},
	{"#t\r\n", "#t"},
	{"(12345678901234567890\r\n", "(12345678901234567890"},
	{"!5\r\nERR x\r\n", "!ERR x"},
	{"$16\r\n0123456789abcdef\r\n", "0123456789abcdef"},
	{"=8\r\ntxt:some\r\n", "=txt:some"},
}

func TestValue(t *testing.T) {
	for _, c := range valueCases {
		v, err := decode(c.wire)
		if err != nil {
			t.Errorf("%q: %v", c.wire, err)
		} else if got := v.String(); got != c.want {
			t.Errorf("%q: got %s, want %s", c.wire, got, c.want)
		}
	}
}

func TestNoValue(t *testing.T) {
	if got := (Value{}).String(); got != "(none)" {
		t.Errorf("got %q", got)
	}
}

func TestNullsDifferInType(t *testing.T) {
	for _, wire := range []string{"$-1\r\n", "*-1\r\n", "_\r\n"} {
		if v, err := decode(wire); err != nil || !v.Null || v.Type != wire[0] {
			t.Errorf("%q: got %+v, %v", wire, v, err)
		}
	}
}

func TestErr(t *testing.T) {
	for wire, want := range map[string]string{"-ERR x\r\n": "ERR x", "!5\r\nERR y\r\n": "ERR y", "+OK\r\n": ""} {
		v, _ := decode(wire)
		if err := v.Err(); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%q: got %v, want %q", wire, err, want)
		}
	}
}

func TestTruncatedValue(t *testing.T) {
	for _, c := range valueCases {
		for end := range len(c.wire) {
			want := io.ErrUnexpectedEOF
			if end == 0 {
				want = io.EOF
			}
			if v, err := decode(c.wire[:end]); !errors.Is(err, want) {
				t.Errorf("%q: got %v, %v, want %v", c.wire[:end], v, err, want)
			}
		}
	}
}

func TestMalformedValue(t *testing.T) {
	for _, wire := range []string{
		"\r\n", "+OK\n", "?x\r\n", "$x\r\n", "$-2\r\n", "$3\r\nabcd\r\n", "*x\r\n", "*-2\r\n",
		"$99999999999\r\n", "*99999999999\r\n", strings.Repeat("*1\r\n", maxDepth+1) + ":1\r\n",
	} {
		if v, err := decode(wire); !errors.Is(err, errMalformed) {
			t.Errorf("%.40q: got %v, %v, want errMalformed", wire, v, err)
		}
	}
}

var messageCases = []struct{ wire, channel, payload string }{
	{"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n", "a", "m"},
	{">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$0\r\n\r\n", "a", ""},
	{"*3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$2\r\n\r\n\r\n", "s", "\r\n"},
	{"*4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$2\r\npq\r\n$1\r\nm\r\n", "pq", "m"},
	{">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$2\r\npq\r\n$1\r\nm\r\n", "pq", "m"},
}

func TestMessage(t *testing.T) {
	var all strings.Builder
	for _, c := range messageCases {
		all.WriteString(c.wire)
	}
	d := newDecoder(strings.NewReader(all.String()))
	for _, c := range messageCases {
		err := d.message(func(channel, payload []byte) {
			if string(channel) != c.channel || string(payload) != c.payload {
				t.Errorf("%q: got %q, %q", c.wire, channel, payload)
			}
		})
		if err != nil {
			t.Errorf("%q: %v", c.wire, err)
		}
	}
	if err := d.message(nil); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %v, want EOF", err)
	}
}

func TestNotAMessage(t *testing.T) {
	for _, wire := range []string{
		"+OK\r\n", ":1\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n$1\r\n1\r\n",
		"*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\n1\r\n",
		"*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\n1\r\n",
	} {
		err := newDecoder(strings.NewReader(wire)).message(func(_, _ []byte) {
			t.Errorf("%q: taken for a message", wire)
		})
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%q: got %v, want an error that says what it is", wire, err)
		}
	}
}

// FuzzDecoder holds the two ways to read together: what is a message is the same
// one as a value, and nothing makes either panic.
func FuzzDecoder(f *testing.F) {
	for _, c := range valueCases {
		f.Add([]byte(c.wire))
	}
	for _, c := range messageCases {
		f.Add([]byte(c.wire))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		v, err := newDecoder(bytes.NewReader(wire)).value()
		text := v.String()
		_ = newDecoder(bytes.NewReader(wire)).message(func(channel, payload []byte) {
			if err != nil {
				t.Fatalf("a message, but no value: %v", err)
			}
			n := len(v.Elems)
			if v.Elems[n-2].Str != string(channel) || v.Elems[n-1].Str != string(payload) {
				t.Fatalf("as a message %q, %q; as a value %s", channel, payload, text)
			}
		})
	})
}

// repeat is an endless stream of one text.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

func TestMessagesDoNotAllocate(t *testing.T) {
	d := newDecoder(&repeat{text: messageCases[0].wire + messageCases[4].wire})
	if n := testing.AllocsPerRun(1000, func() { readOne(t, d) }); n != 0 {
		t.Errorf("%v allocations a message, want 0", n)
	}
}

func BenchmarkMessage(b *testing.B) {
	payload := strings.Repeat("x", 124)
	d := newDecoder(&repeat{text: strings.Repeat(
		fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$7\r\nchat:42\r\n$%d\r\n%s\r\n", len(payload), payload), 1000)})
	b.ReportAllocs()
	for b.Loop() {
		readOne(b, d)
	}
}

func readOne(tb testing.TB, d *decoder) {
	if err := d.message(func(_, _ []byte) {}); err != nil {
		tb.Fatal(err)
	}
}

func ExampleValue_String() {
	for _, wire := range []string{
		"+PONG\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n",
		">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
		"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n",
		"$-1\r\n",
	} {
		v, _ := decode(wire)
		fmt.Println(v)
	}
	// Output:
	// +PONG
	// [message a hello]
	// >[subscribe a 1]
	// [message a "1"]
	// (nil)
}

func ExampleAppendCommand() {
	pipeline := AppendCommand(nil, "PUBLISH", "a", "m")
	pipeline = AppendCommand(pipeline, "PING")
	fmt.Printf("%q\n", pipeline)
	// Output: "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1\r\nm\r\n*1\r\n$4\r\nPING\r\n"
}
