package names

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"redis-relay/relay/glob"
	"redis-relay/relay/route"
)

// table is Routes.
type table struct{ *route.Table }

func (t table) Route(channel []byte) *route.Route { return t.Lookup(channel) }

// here is the only upstream.
var here = route.Upstream{Heard: 1}

// tableOf builds a table of prefixes and the texts before them; "-" closes a route.
func tableOf(t testing.TB, before map[string]string) table {
	t.Helper()
	var routes []*route.Route
	unrouted := &route.Route{Upstream: here, Name: "unrouted", Publish: true, Subscribe: true}
	for prefix, text := range before {
		r := &route.Route{Upstream: here, Prefix: prefix, Name: prefix, Publish: true, Subscribe: true, Before: text}
		if text == "-" {
			r.Publish, r.Subscribe, r.Before = false, false, ""
		}
		if prefix == "" {
			r.Name, unrouted = "unrouted", r
			continue
		}
		routes = append(routes, r)
	}
	made, err := route.New(routes, unrouted)
	if err != nil {
		t.Fatal(err)
	}
	return table{made}
}

func TestMap(t *testing.T) {
	if m := New("", 0, tableOf(t, map[string]string{"chat:": ""})); m != nil {
		t.Errorf("without names there is the map %+v", m)
	}
	m := New("t:", 0, tableOf(t, map[string]string{"chat:": "a:", "chat:vip:": "b:", "a:": "-", "b:": "-"}))
	for channel, want := range map[string]string{
		"chat:1": "t:a:chat:1", "chat:vip:1": "t:b:chat:vip:1", "news": "t:news", "": "t:", "relay:events": "t:relay:events",
	} {
		if got := m.Of("", channel); got != want {
			t.Errorf("%q is %q at Redis, want %q", channel, got, want)
		}
		if got := m.Append(nil, "", []byte(channel)); string(got) != want {
			t.Errorf("%q is %q at Redis, want %q", channel, got, want)
		}
		back, ok := m.FromRedis([]byte(want))
		if own := channel == "relay:events"; ok == own || ok && string(back) != channel {
			t.Errorf("%q at Redis is %q, %v", want, back, ok)
		}
	}
	for _, wire := range []string{"chat:1", "t:chat:1", "t:a:news", "t:a:x", "t:b:chat:1", "t", "u:news", "t:a:relay:events"} {
		if channel, ok := m.FromRedis([]byte(wire)); ok {
			t.Errorf("%q at Redis is taken for %q", wire, channel)
		}
	}
	if got := m.Of("relay:seq:", "chat:1"); got != "t:relay:seq:a:chat:1" {
		t.Errorf("announced on %q", got)
	}
	for pattern, want := range map[string][]string{
		"*": {"t:*", "t:b:*", "t:a:*"}, "chat:*": {"t:a:chat:*", "t:b:chat:*"}, "chat:vip:*": {"t:b:chat:vip:*"}, "n*": {"t:n*"},
	} {
		if got := m.Patterns("", pattern); !slices.Equal(got, want) {
			t.Errorf("%s is %q at Redis, want %q", pattern, got, want)
		}
	}
	if m.IsUsed([]byte("a:1")) || !m.IsUsed([]byte("news")) {
		t.Error("only a closed route's channels have no name at Redis")
	}
}

// TestPatternsOnce has random patterns hear random channels: what the names at Redis bring is heard once by each pattern
// that matches the channel, and by no other.
func TestPatternsOnce(t *testing.T) {
	m := New("t:", 0, tableOf(t, map[string]string{"chat:": "a:", "chat:vip:": "b:", "n": "a:", "a:": "-", "b:": "-"}))
	random := rand.New(rand.NewPCG(3, 3))
	text := func(letters string) (s string) {
		for range random.IntN(7) {
			s += string(letters[random.IntN(len(letters))])
		}
		return s
	}
	begin := []string{"", "chat:", "chat:vip:", "n", "a:", "b:", "c", "relay:"}
	matched := 0
	for range 200_000 {
		pattern, channel := begin[random.IntN(len(begin))]+text(`*?[]^-\avn:`), begin[random.IntN(len(begin))]+text("avn:")
		if route.IsReserved([]byte(channel)) || route.IsReserved(glob.Literal([]byte(pattern))) || !m.IsUsed([]byte(channel)) {
			continue
		}
		wire, want, heard := m.Append(nil, "", []byte(channel)), 0, 0
		if glob.Match([]byte(pattern), []byte(channel)) {
			want = 1
			matched++
		}
		for _, by := range m.Patterns("", pattern) {
			if !Match([]byte(by), wire) {
				continue
			}
			rest, _ := m.Cut(wire)
			back, before, ok := m.Channel(rest)
			if !ok || !bytes.Equal(back, []byte(channel)) {
				t.Fatalf("%q at Redis is %q, %v", wire, back, ok)
			}
			if p, ok := m.Pattern([]byte(by), before, back); ok && string(p) == pattern {
				heard++
			}
		}
		if heard != want {
			t.Fatalf("%q is heard %d times by %q", channel, heard, pattern)
		}
	}
	if matched < 1000 {
		t.Errorf("only %d patterns matched", matched)
	}
}

func ExampleMap() {
	routes, _ := route.New([]*route.Route{{Upstream: here, Prefix: "chat:", Before: "v2:", Publish: true, Subscribe: true}},
		&route.Route{Upstream: here, Name: "unrouted", Publish: true, Subscribe: true})
	m := New("acme:", 0, table{routes})
	channel, ok := m.FromRedis([]byte("acme:v2:chat:42"))
	fmt.Println(m.Of("", "chat:42"), m.Patterns("", "c*"), string(channel), ok)
	// Output: acme:v2:chat:42 [acme:c* acme:v2:c*] chat:42 true
}

func BenchmarkToRedis(b *testing.B) {
	m := New("acme:", 0, tableOf(b, map[string]string{"chat:": "v2:", "user:": "", "doc:": ""}))
	channel, wire := []byte("chat:42"), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		wire = m.Append(wire[:0], "", channel)
	}
}

func BenchmarkFromRedis(b *testing.B) {
	m := New("acme:", 0, tableOf(b, map[string]string{"chat:": "v2:", "user:": "", "doc:": ""}))
	wire := []byte("acme:v2:chat:42")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := m.FromRedis(wire); !ok {
			b.Fatal("not a channel")
		}
	}
}

// TestAllocations: neither way takes memory.
func TestAllocations(t *testing.T) {
	m := New("acme:", 0, tableOf(t, map[string]string{"chat:": "v2:"}))
	wire, pattern, buffer := []byte("acme:v2:chat:42"), []byte("acme:v2:c*"), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() {
		channel, before, _ := m.Channel(wire[len("acme:"):])
		_, _ = m.Pattern(pattern, before, channel)
		buffer = m.Append(buffer[:0], "", channel)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
