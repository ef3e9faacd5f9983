// This file measures a check of each shipped schema, by the checker and by the library alone.

package schema

import (
	"slices"
	"strings"
	"testing"
)

// shippedPayloads holds a typical payload for each shipped schema.
var shippedPayloads = map[string]string{
	"chat.json": chatMessage,
	"user.json": `{"type":"notification","data":{"id":"n-1029","userId":"u-77","type":"mention","title":"You were named",` +
		`"message":"in room 42","timestamp":"2026-01-02T03:04:05.678Z","read":false}}`,
	"document.json": `{"type":"cursor","userId":"u-77","position":{"line":120,"column":14},"timestamp":1767323045678}`,
}

// shippedChecker returns the checker of a shipped schema and its payload.
func shippedChecker(tb testing.TB, name string) (*Checker, []byte) {
	tb.Helper()
	set, err := Load(shippedFolder)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := set.Checker(name, "type")
	if err != nil {
		tb.Fatal(err)
	}
	return c, []byte(shippedPayloads[name])
}

func BenchmarkCheck(b *testing.B) {
	for name := range shippedPayloads {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, name)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheckText checks chat messages that are 16 KiB of text.
func BenchmarkCheckText(b *testing.B) {
	const size = 16 << 10
	for name, piece := range map[string]string{"ascii": "bright cold day ", "cyrillic": "холодный", "escapes": `a\n\u00e9`} {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, "chat.json")
			text := `{"text":"` + strings.Repeat(piece, size/len(piece)) + `",`
			payload = slices.Concat([]byte(text), payload[1:])
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFallback is what a schema costs that does not compile.
func BenchmarkFallback(b *testing.B) {
	for name := range shippedPayloads {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, name)
			c.program = nil
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
