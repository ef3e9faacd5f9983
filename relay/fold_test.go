package relay

import (
	"slices"
	"testing"

	"redis-relay/relay/resp"
)

// TestFold: a channel is let go when neither kind wants it, and a refusal does not end what was asked for since.
func TestFold(t *testing.T) {
	var f fold
	wires, first := f.add(nil, resp.Message, []string{"a", "b"})
	if !slices.Equal(wires, []string{"a", "b"}) {
		t.Errorf("asked for %q", wires)
	}
	f.add(nil, resp.SMessage, []string{"a"})
	if gone := f.remove(resp.Message, []string{"a", "b", "c"}); !slices.Equal(gone, []string{"b"}) {
		t.Errorf("let go are %q", gone)
	}
	_, again := f.add(nil, resp.Message, []string{"a"})
	f.refused(resp.Message, []string{"a"}, first)
	if f.of("a")[resp.Message] != again || !f.has("a") || f.has("b") {
		t.Errorf("wanted is %v", f.of("a"))
	}
	f.refused(resp.Message, []string{"a"}, again)
	if gone := f.remove(resp.SMessage, []string{"a"}); !slices.Equal(gone, []string{"a"}) {
		t.Errorf("let go are %q", gone)
	}
}
