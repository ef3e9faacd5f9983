package hub

// What may wait: for how long, and for all together.

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// wantEnd expects that the bounds have given a connection up, once, or not at all.
func (p *peer) wantEnd(want ...Reason) {
	p.t.Helper()
	var got []Reason
	for len(p.ends) > 0 {
		got = append(got, <-p.ends)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("given up by %q, want %q", got, want)
	}
}

// TestQueueAge: what has waited too long counts as a full queue, whatever its size.
func TestQueueAge(t *testing.T) {
	h, r := newHub(t)
	ends, drops, reads := newMember(t, 64<<20), newMember(t, 64<<20), newMember(t, 64<<20)
	agree := func(age time.Duration) {
		for _, m := range []*member{ends, drops, reads} {
			m.bounds.Age.Store(int64(age))
		}
	}
	agree(time.Hour)
	subscribeNow(t, h, r, ends, "a")
	subscribeNow(t, h, r, drops, "b", "c")
	subscribeNow(t, h, r, reads, "a")
	ends.fillSocket()
	filling := drops.fillSocket()
	say(h, "a", "young", 0)
	say(h, "b", "young", ModeDrop)
	flush(t, h)
	reads.expect(string(frame("a", "young")))
	agree(time.Millisecond)
	eventually(t, "the queue is full", func() bool { return ends.Full(1) && drops.Full(1) })
	if reads.Full(1) {
		t.Error("who reads is full")
	}
	say(h, "a", "old", 0)
	say(h, "b", "old", ModeDrop)
	point(h, "c", "", "old") // replaces what is old, so it finds room
	flush(t, h)
	ends.wantEnds(t, ReasonAge)
	drops.wantEnds(t)
	reads.expect(string(frame("a", "old")))
	drops.rest(filling, false, "b young", "c old")
	if drops.Full(1) {
		t.Error("who has caught up is full")
	}
	wantMissed(t, h, 1, 0, 1)
}

// TestAgeOfReplies: who sends commands and does not read the answers.
func TestAgeOfReplies(t *testing.T) {
	p := newPeer(t, 64<<20)
	p.bounds.Age.Store(int64(10 * time.Millisecond))
	p.fillSocket()
	eventually(t, "the queue is full", func() bool { return p.Full(1) })
	p.Reply([]byte(":1\r\n"))
	p.wantEnd(ReasonAge)
	if p.reserveReply() != nil {
		t.Error("a full queue promises a place")
	}
	p.wantEnd(ReasonAge)
}

// TestMemory: while more waits for all than may, the one for whom the most waits is
// given up, and nobody else.
func TestMemory(t *testing.T) {
	const members, piece = 5, 100 << 10
	bounds := new(Bounds)
	h, r := newHub(t)
	var all []*member
	for i := range members {
		m := memberOn(newPeerWithin(t, syscall.SOCK_STREAM, 64<<20, bounds))
		subscribeNow(t, h, r, m, fmt.Sprint(i))
		m.fillSocket()
		all = append(all, m)
	}
	filled := bounds.Used()
	waits := func() (n int64) {
		for _, m := range all {
			n += int64(m.Queued())
		}
		return n
	}
	if filled != waits() || filled == 0 {
		t.Errorf("%d bytes are counted, %d wait", filled, waits())
	}
	bounds.Memory.Store(filled + 12*piece)
	payload := strings.Repeat("x", piece-100)
	say(h, "3", payload, 0)
	for range 10 {
		say(h, "1", payload, 0)
		flush(t, h)
	}
	for _, m := range all {
		m.wantEnd()
	}
	if bounds.Used() != waits() {
		t.Errorf("%d bytes are counted, %d wait", bounds.Used(), waits())
	}
	most := all[1].Queued()
	for range 3 {
		say(h, "3", payload, 0)
		flush(t, h)
	}
	all[1].wantEnd(ReasonMemory)
	if got := all[1].Backlog().Queued; got != most {
		t.Errorf("%d bytes were lost, want %d", got, most)
	}
	for _, i := range []int{0, 2, 3, 4} {
		all[i].wantEnd()
	}
	bounds.Memory.Store(1)
	all[0].Append([]byte("x"))
	all[0].Flush() // any connection that is behind sees to it
	for _, i := range []int{0, 2, 3, 4} {
		all[i].wantEnd(ReasonMemory)
	}
	if bounds.Used() != 0 || len(bounds.charged) != 0 {
		t.Errorf("%d bytes are counted, of %d connections, when all are gone", bounds.Used(), len(bounds.charged))
	}
}

// TestComingIsCounted: of commands that are not whole the largest goes, and what is
// queued for the same connection adds to it.
func TestComingIsCounted(t *testing.T) {
	bounds := new(Bounds)
	peers := make([]*peer, 3)
	for i := range peers {
		peers[i] = newPeerWithin(t, syscall.SOCK_STREAM, 64<<20, bounds)
	}
	want := func(used int) {
		t.Helper()
		if got := bounds.Used(); got != int64(used) {
			t.Errorf("%d bytes are counted, want %d", got, used)
		}
	}
	peers[0].Charge(100)
	peers[1].Charge(200)
	want(300)
	filled := peers[1].fillSocket()
	want(300 + peers[1].Queued())
	peers[1].rest(filled, false)
	eventually(t, "all is written", func() bool { return bounds.Used() == 300 })
	peers[1].Charge(0) // it is whole
	want(100)
	bounds.Memory.Store(1000)
	peers[1].Charge(600)
	peers[2].Charge(300)
	want(1000)
	peers[2].Charge(301)
	peers[0].wantEnd()
	peers[1].wantEnd(ReasonMemory)
	peers[2].wantEnd()
	want(401)
	for _, p := range peers {
		p.Close()
		p.Charge(5) // too late
	}
	if want(0); len(bounds.charged) != 0 {
		t.Errorf("%d connections are counted when all are gone", len(bounds.charged))
	}
}

// TestMemoryOfLatest: what waits for who is stuck counts also if only the newest of a key does.
func TestMemoryOfLatest(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	m.fillSocket()
	m.bounds.Memory.Store(m.bounds.Used() + 100)
	point(h, "a", "ann", "1")
	flush(t, h)
	m.wantEnd()
	point(h, "a", "bob", strings.Repeat("x", 100))
	flush(t, h)
	m.wantEnd(ReasonMemory)
}

// TestWhoReadsIsNotCounted, so that it is never given up.
func TestWhoReadsIsNotCounted(t *testing.T) {
	bounds := new(Bounds)
	bounds.Memory.Store(1)
	p := newPeerWithin(t, syscall.SOCK_STREAM, 64<<20, bounds)
	for range 10 {
		p.Append([]byte("text"))
		p.Append([]byte("text"))
		p.Flush()
	}
	p.expect(strings.Repeat("text", 20))
	p.wantEnd()
	bounds.Memory.Store(0)
	filled := p.fillSocket()
	if bounds.Used() == 0 {
		t.Error("what waits is not counted")
	}
	p.rest(filled, false)
	eventually(t, "all is written", func() bool { return bounds.Used() == 0 })
}

// TestSparseFramesAreCopied: of each large piece of memory one small frame waits, for a
// listener that is stuck. The pieces must not stay alive for that.
func TestSparseFramesAreCopied(t *testing.T) {
	const pieces, piece = 1000, 256 << 10
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	filling := m.fillSocket()
	before := heap()
	var want []string
	for i := range pieces {
		memory := append(make([]byte, 0, piece), frame("a", fmt.Sprint(i))...)
		h.Deliver(resp.Message, []byte("a"), memory, 0)
		flush(t, h)
		want = append(want, "a "+fmt.Sprint(i))
	}
	if grown := heap() - before; grown > 2*maxForeign*piece {
		t.Errorf("the queue of %d bytes holds %d bytes", m.Queued(), grown)
	}
	m.rest(filling, false, want...)
}

// What is kept for a connection counts with what waits for it, for as long as it is
// there: who has the most of both is given up.
func TestWhatIsKeptCounts(t *testing.T) {
	bounds := new(Bounds)
	bounds.Memory.Store(1000)
	var all []*peer
	for i := range 3 {
		p := newPeerWithin(t, syscall.SOCK_STREAM, 64<<20, bounds)
		p.Keep(100 * (i + 1)) // 600 in all
		all = append(all, p)
	}
	if bounds.Used() != 600 || bounds.Kept() != 600 {
		t.Fatalf("%d used, %d kept", bounds.Used(), bounds.Kept())
	}
	all[0].Keep(500) // 600, 200, 300
	all[0].wantEnd(ReasonMemory)
	all[1].wantEnd()
	all[2].wantEnd()
	if got := all[0].Backlog(); got.Kept != 600 {
		t.Errorf("it had %+v", got)
	}
	if bounds.Used() != 500 || bounds.Kept() != 500 {
		t.Errorf("%d used, %d kept", bounds.Used(), bounds.Kept())
	}
	all[0].Keep(-600) // what leaves afterwards was counted off already
	all[1].Keep(-200)
	all[2].Close()
	if bounds.Used() != 0 || bounds.Kept() != 0 {
		t.Errorf("at last %d used, %d kept", bounds.Used(), bounds.Kept())
	}
}
