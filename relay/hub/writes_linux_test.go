package hub

// How many writes a burst costs. On a socket that keeps the limits of writes, each
// write is one packet, and can be counted; Linux has such a one.

import (
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/resp"
)

// packets reads what has been written, one element for each write.
func (p *peer) packets(n int) (list []string) {
	p.t.Helper()
	for range n {
		list = append(list, string(p.take(1<<20)))
	}
	p.nothing()
	return list
}

// TestABurstIsOneWrite for each listener, in either protocol, whatever number of
// channels and messages it has.
func TestABurstIsOneWrite(t *testing.T) {
	h, r := newHub(t)
	two := memberOn(newPeerOn(t, syscall.SOCK_SEQPACKET, 1<<20))
	three := memberOn(newPeerOn(t, syscall.SOCK_SEQPACKET, 1<<20))
	subscribeNow(t, h, r, two, "a", "b")
	subscribeNow(t, h, r, three, "a", "b")
	h.SetRESP3(three.Listener, true)
	var messages [][]byte
	var plain, push string
	for i := range 600 {
		m := frame(string(rune('a'+i/400)), strings.Repeat("x", i%50)) // a run of a, then one of b
		messages = append(messages, m)
		plain += string(m)
		push += ">" + string(m[1:])
	}
	for i, f := range chunk(messages...) {
		h.Deliver(resp.Message, []byte{byte('a' + i/400)}, f, 0)
	}
	if len(two.output.ready) > 1 {
		t.Errorf("%d slices for what lies in one piece", len(two.output.ready))
	}
	flush(t, h)
	flush(t, h) // nothing is dirty any more
	if got := two.packets(1); got[0] != plain {
		t.Errorf("RESP2: %d bytes, want %d", len(got[0]), len(plain))
	}
	if got := three.packets(1); got[0] != push {
		t.Errorf("RESP3: %d bytes, want %d", len(got[0]), len(push))
	}
}
