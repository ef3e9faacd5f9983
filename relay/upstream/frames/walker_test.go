package frames

// The end of a value, however it is split.

import (
	"errors"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

var values = []string{
	":1\r\n", "+OK\r\n", "-ERR x\r\n", "$0\r\n\r\n", "$3\r\n\r\n\r\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
	"(12345678901234567890\r\n", "=5\r\ntxt:x\r\n", "!3\r\nERR\r\n", "*0\r\n", "%0\r\n", "~2\r\n:1\r\n:2\r\n",
	"*3\r\n*2\r\n$1\r\na\r\n*0\r\n%1\r\n+k\r\n*1\r\n:1\r\n$2\r\n\r\n\r\n", ">2\r\n+x\r\n$1\r\ny\r\n", "|1\r\n+a\r\n:1\r\n",
	"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n_\r\n",
}

func TestWalkerSplitAnywhere(t *testing.T) {
	for _, v := range values {
		if _, n, err := resp.ParseValue([]byte(v)); err != nil || n != len(v) {
			t.Fatalf("%q: %d, %v", v, n, err)
		}
		for i := range len(v) + 1 {
			for j := i; j <= len(v); j++ {
				walkPieces(t, v, i, j)
			}
		}
	}
}

// walkPieces shows a walker a value in three pieces, with the beginning of another behind it.
func walkPieces(t *testing.T, v string, i, j int) {
	t.Helper()
	var w walker
	done := 0
	for _, end := range []int{i, j, len(v) + 2} {
		n, whole, err := w.walk([]byte(v + ":2")[done:end])
		done += n
		if err != nil || whole != (end >= len(v)) && done != len(v) || done > len(v) {
			t.Fatalf("%q at %d and %d: %d of %d passed, whole %v, %v", v, i, j, done, end, whole, err)
		}
		if whole {
			if done != len(v) {
				t.Fatalf("%q at %d and %d: %d bytes", v, i, j, done)
			}
			return
		}
	}
	t.Fatalf("%q at %d and %d has no end", v, i, j)
}

func TestWalkerRefuses(t *testing.T) {
	for _, v := range []string{
		"x\r\n", "$x\r\n", "$\r\n", "*1", strings.Repeat("*1\r\n", 40), "$" + strings.Repeat("1", 40), "*99999999999999999\r\n", "$3\n",
	} {
		var w walker
		_, _, err := w.walk([]byte(v))
		if want := v != "*1"; errors.Is(err, resp.ErrFrame) != want {
			t.Errorf("%.20q: got %v", v, err)
		}
	}
}

func FuzzWalker(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var w walker
		n, whole, err := w.walk(b)
		if err != nil || !whole {
			return
		}
		if _, want, err := resp.ParseValue(b[:n]); err == nil && n != want {
			t.Errorf("%q: %d, want %d", b, n, want)
		}
	})
}
