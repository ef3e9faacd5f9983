package hub

// How much memory a topic takes.

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// TestTopicsAreSmall: there may be very many.
func TestTopicsAreSmall(t *testing.T) {
	const n = 100_000
	h, r := newHub(t)
	m := newMember(t, 1)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("channel:%d", i)
	}
	before := heap()
	subscribeNow(t, h, r, m, names...)
	r.sent = nil
	if got := (heap() - before) / n; got > 160 {
		t.Errorf("a name costs %d bytes, want 160 with its place in the map", got)
	}
	if got := unsafe.Sizeof(topic{}) + unsafe.Sizeof(m); got > 120 {
		t.Errorf("a topic with one listener takes %d bytes, want 120", got)
	}
	runtime.KeepAlive(h)
}
