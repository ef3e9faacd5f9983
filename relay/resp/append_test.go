// This file tests what is written, byte for byte, in both versions of the protocol.

package resp

import (
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	null := []byte(nil)
	tests := []struct {
		name         string
		write        func(b []byte, proto Proto) []byte
		resp2, resp3 string // resp3 empty: the same
	}{
		{"simple", func(b []byte, _ Proto) []byte { return AppendSimple(b, "OK") }, "+OK\r\n", ""},
		{
			"simple on one line", func(b []byte, _ Proto) []byte {
				return AppendSimple(b, "a\r\nb\n")
			},
			"+a  b \r\n",
			"",
		},
		{"error", func(b []byte, _ Proto) []byte { return AppendError(b, "ERR no") }, "-ERR no\r\n", ""},
		{
			"error on one line", func(b []byte, _ Proto) []byte {
				return AppendError(b, "ERR \r\n+OK\x00")
			},
			"-ERR   +OK\x00\r\n",
			"",
		},
		{
			"protocol error", func(b []byte, _ Proto) []byte {
				return AppendError(b, "ERR "+expected('$', '\n').Error())
			},
			"-ERR Protocol error: expected '$', got ' '\r\n",
			"",
		},
		{"int", func(b []byte, _ Proto) []byte { return AppendInt(b, -1<<63) }, ":-9223372036854775808\r\n", ""},
		{
			"bulk", func(b []byte, _ Proto) []byte {
				return AppendBulk(b, []byte("a\r\n\x00"))
			},
			"$4\r\na\r\n\x00\r\n",
			"",
		},
		{"bulk of nil", func(b []byte, _ Proto) []byte { return AppendBulk(b, nil) }, "$0\r\n\r\n", ""},
		{
			"bulk string", func(b []byte, _ Proto) []byte {
				return AppendBulkString(b, "hello")
			},
			"$5\r\nhello\r\n",
			"",
		},
		{"array", func(b []byte, _ Proto) []byte { return AppendArray(b, 12) }, "*12\r\n", ""},
		{"push", func(b []byte, _ Proto) []byte { return AppendPush(b, 3) }, ">3\r\n", ""},
		{"map", func(b []byte, p Proto) []byte { return AppendMap(b, p, 7) }, "*14\r\n", "%7\r\n"},
		{"null", AppendNull, "$-1\r\n", "_\r\n"},
		{"null array", AppendNullArray, "*-1\r\n", "_\r\n"},
		{
			"verbatim", func(b []byte, p Proto) []byte {
				return AppendVerbatim(b, p, "txt", "a\r\nb")
			},
			"$4\r\na\r\nb\r\n",
			"=8\r\ntxt:a\r\nb\r\n",
		},
		{
			"subscribe", func(b []byte, p Proto) []byte {
				return AppendPubSub(b, p, "subscribe", []byte("a"), 2)
			},
			"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n",
			">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n",
		},
		{
			"subscribe to the empty channel", func(b []byte, p Proto) []byte {
				return AppendPubSub(b, p, "subscribe", []byte{}, 1)
			},
			"*3\r\n$9\r\nsubscribe\r\n$0\r\n\r\n:1\r\n",
			">3\r\n$9\r\nsubscribe\r\n$0\r\n\r\n:1\r\n",
		},
		{
			"unsubscribe from nothing", func(b []byte, p Proto) []byte {
				return AppendPubSub(b, p, "unsubscribe", null, 0)
			},
			"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
			">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n",
		},
		{
			"message", func(b []byte, p Proto) []byte {
				return AppendMessage(b, p, "message", []byte("a"), []byte("m\n"))
			},
			"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nm\n\r\n",
			">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nm\n\r\n",
		},
		{
			"pmessage", func(b []byte, p Proto) []byte {
				return AppendMessage(b, p, "pmessage", []byte("a*"), []byte("a"), null)
			},
			"*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$0\r\n\r\n",
			">4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$0\r\n\r\n",
		},
	}
	for _, tt := range tests {
		want := map[Proto]string{RESP2: tt.resp2, RESP3: tt.resp3}
		if tt.resp3 == "" {
			want[RESP3] = tt.resp2
		}
		for proto, w := range want {
			if got := string(tt.write([]byte("before\r\n"), proto)); got != "before\r\n"+w {
				t.Errorf("%s, RESP%d: %q, want %q behind what was there", tt.name, proto, got, w)
			}
		}
	}
}

// appendPasses write into a slice with room, and must not allocate.
var appendPasses = []struct {
	name  string
	write func(b []byte) []byte
}{
	{"simple", func(b []byte) []byte { return AppendSimple(b, "OK") }},
	{"error", func(b []byte) []byte { return AppendError(b, "INVALID chat:42 /userId: expected string") }},
	{"int", func(b []byte) []byte { return AppendInt(b, 1234567) }},
	{"confirmation", func(b []byte) []byte { return AppendPubSub(b, RESP3, "subscribe", testChannel, 12) }},
	{"message", func(b []byte) []byte { return AppendMessage(b, RESP3, "message", testChannel, testPayload) }},
}

var (
	testChannel = []byte("chat:42")
	testPayload = []byte(strings.Repeat("x", 124))
)

func TestAppendDoesNotAllocate(t *testing.T) {
	b := make([]byte, 0, 1024)
	for _, p := range appendPasses {
		if n := testing.AllocsPerRun(50, func() { b = p.write(b[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", p.name, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, p := range appendPasses {
		b.Run(p.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				buf = p.write(buf[:0])
			}
			if n := testing.AllocsPerRun(10, func() { buf = p.write(buf[:0]) }); n != 0 {
				b.Errorf("%v allocations, want 0", n)
			}
		})
	}
}
