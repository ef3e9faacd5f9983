package hub

// A listener that is behind gets the newest message of each key.

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

// point delivers a message of which only the newest of a value matters.
func point(h *Hub, channel, value, payload string) {
	key := Key{Channel: []byte(channel)}
	if value != "" {
		key.Value = []byte(value)
	}
	h.DeliverLatest(resp.Message, []byte(channel), frame(channel, payload), 0, key)
}

// rest reads what the peer gets, once it reads again, behind n bytes of filling:
// messages, each as channel and payload, and nothing else.
func (p *peer) rest(n int, resp3 bool, messages ...string) {
	p.t.Helper()
	p.skip(n)
	for _, m := range messages {
		channel, payload, _ := strings.Cut(m, " ")
		f := frame(channel, payload)
		if resp3 {
			f[0] = '>'
		}
		p.expect(string(f))
	}
	eventually(p.t, "all is written", func() bool { return p.Queued() == 0 })
	p.nothing()
}

func wantMissed(t *testing.T, h *Hub, dropped, replaced, ended uint64) {
	t.Helper()
	if s := h.Stats(); s.Dropped != dropped || s.Replaced != replaced || s.Ended != ended {
		t.Errorf("dropped %d, replaced %d, ended %d; want %d, %d, %d", s.Dropped, s.Replaced, s.Ended,
			dropped, replaced, ended)
	}
}

// TestLatestWhileTheSocketTakesAll makes no difference, however many wait for a Flush.
func TestLatestWhileTheSocketTakesAll(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	want := ""
	for i := range 100 {
		point(h, "a", "", fmt.Sprint(i))
		want += string(frame("a", fmt.Sprint(i)))
	}
	flush(t, h)
	m.expect(want)
	wantMissed(t, h, 0, 0, 0)
}

// TestLatestOfAStuckListener: when its socket is full, what waits is the newest of
// each key, among other messages, in the order in which they were sent.
func TestLatestOfAStuckListener(t *testing.T) {
	for _, resp3 := range []bool{false, true} {
		t.Run(fmt.Sprintf("resp3 %v", resp3), func(t *testing.T) {
			h, r := newHub(t)
			m := newMember(t, 64<<20)
			subscribeNow(t, h, r, m, "a", "b")
			h.SetRESP3(m.Listener, resp3)
			filling := m.fillSocket()
			point(h, "a", "ann", "1")
			point(h, "a", "bob", "2")
			say(h, "a", "plain", 0)
			point(h, "a", "ann", "3")
			point(h, "b", "ann", "4") // another channel
			point(h, "a", "", "5")    // no value
			point(h, "b", "bob", "6")
			flush(t, h)
			point(h, "a", "bob", "7")
			point(h, "a", "", "8")
			point(h, "b", "bob", "9")
			flush(t, h)
			wantMissed(t, h, 0, 4, 0)
			m.rest(filling, resp3, "a plain", "a 3", "b 4", "a 7", "a 8", "b 9")
			point(h, "a", "ann", "10") // who has caught up hears all again
			point(h, "a", "ann", "11")
			flush(t, h)
			m.rest(0, resp3, "a 10", "a 11")
			wantMissed(t, h, 0, 4, 0)
		})
	}
}

// TestLatestByPattern: what a pattern catches is told apart by its channel, and from
// what comes by the channel's name.
func TestLatestByPattern(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	p := subscribe(h, m, resp.PMessage, "*")
	r.answerAll()
	p.want(t, 1, nil)
	filling := m.fillSocket()
	want := ""
	for i := range 3 {
		for _, channel := range []string{"a", "b"} {
			payload := []byte(fmt.Sprint(i))
			exact := resp.AppendMessage(nil, resp.RESP2, "message", []byte(channel), payload)
			caught := resp.AppendMessage(nil, resp.RESP2, "pmessage", []byte("*"), []byte(channel), payload)
			key := Key{Channel: []byte(channel)}
			h.DeliverLatest(resp.Message, []byte(channel), exact, 0, key)
			h.DeliverLatest(resp.PMessage, []byte("*"), caught, 0, key)
			if i == 2 && channel == "a" {
				want += string(exact)
			}
			if i == 2 {
				want += string(caught)
			}
		}
	}
	flush(t, h)
	wantMissed(t, h, 0, 6, 0)
	m.skip(filling)
	m.expect(want)
}

// TestLatestWithAFullQueue drops what has no older one to take the place of.
func TestLatestWithAFullQueue(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	filling := m.fillSocket()
	m.bounds.Queue.Store(int64(m.Queued() + 2*len(frame("a", "1"))))
	point(h, "a", "ann", "1")
	point(h, "a", "bob", "2")
	point(h, "a", "eve", "3")
	point(h, "a", "ann", "4")
	point(h, "a", "bob", strings.Repeat("5", 100)) // larger than what it replaces
	point(h, "a", "eve", "6")
	flush(t, h)
	wantMissed(t, h, 2, 2, 0)
	m.rest(filling, false, "a 4", "a 6")
}

// TestLatestNeedsLittleMemory has a listener that is stuck while ten thousand messages
// come, each in a large piece of memory.
func TestLatestNeedsLittleMemory(t *testing.T) {
	const keys, rounds, piece = 100, 10_000, 4 << 10
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	filling := m.fillSocket()
	before := heap()
	for i := range rounds {
		all := make([]byte, 0, piece)
		all = append(all, frame("a", fmt.Sprint(i))...)
		h.DeliverLatest(resp.Message, []byte("a"), all, 0,
			Key{Channel: []byte("a"), Value: []byte(fmt.Sprint(i % keys))})
		flush(t, h)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the queue holds %d bytes", grown)
	}
	places := len(m.output.ready)
	if places > 2*keys+minHoles {
		t.Errorf("%d places for %d messages", places, keys)
	}
	wantMissed(t, h, 0, rounds-keys, 0)
	var want []string
	for i := rounds - keys; i < rounds; i++ {
		want = append(want, "a "+fmt.Sprint(i))
	}
	m.rest(filling, false, want...)
}

func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// TestLatestAtRandom has a reader that stops for long: what it hears is in order, at
// the end it has the newest of each key, and all others are counted.
func TestLatestAtRandom(t *testing.T) {
	const keys, messages = 20, 30_000
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	random := rand.New(rand.NewPCG(1, 2))
	var newest [keys]int
	var text []byte
	for i := 1; i <= messages; i++ {
		key := random.IntN(keys)
		newest[key] = i
		point(h, "a", fmt.Sprint(key), fmt.Sprintf("%d %s", i, strings.Repeat("x", 200)))
		if random.IntN(10) == 0 {
			flush(t, h)
		}
		if i%10_000 > 9_000 {
			text = append(text, m.take(1<<20)...)
		}
	}
	flush(t, h)
	eventually(t, "all is written", func() bool {
		text = append(text, m.take(1<<20)...)
		return m.Queued() == 0
	})
	text = append(text, m.take(1<<20)...)
	heard, last := map[int]bool{}, 0
	for d := (resp.Delivery{}); len(text) > 0; {
		token, n, err := resp.ScanServer(text, &d)
		if token != resp.IsDelivery {
			t.Fatalf("no message: %.40q, %v", text, err)
		}
		text = text[n:]
		number := 0
		if _, err := fmt.Sscan(string(d.Payload), &number); err != nil || number <= last {
			t.Fatalf("message %d behind %d, %v", number, last, err)
		}
		last = number
		heard[number] = true
	}
	for key, n := range newest {
		if !heard[n] {
			t.Errorf("the newest of %d, message %d, was not heard", key, n)
		}
	}
	s := h.Stats()
	if len(heard)+int(s.Replaced) != messages || s.Dropped+s.Ended > 0 {
		t.Errorf("heard %d and %d replaced of %d; %d dropped", len(heard), s.Replaced, messages, s.Dropped)
	}
	if s.Replaced == 0 {
		t.Error("nothing was replaced: the reader was never behind")
	}
}
