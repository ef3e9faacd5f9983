package hub

// The index of patterns against comparing every one.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// matches lists the patterns that the index finds for a channel.
func (p *patterns) matches(names map[*topic]string, channel string) []string {
	list := []string{}
	for _, t := range p.matching([]byte(channel)) {
		list = append(list, names[t])
	}
	slices.Sort(list)
	return list
}

// TestPatternsAtRandom: what is added and not removed is found, and only where it
// matches.
func TestPatternsAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	word := func(alphabet string) string {
		b := make([]byte, rng.IntN(6))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	p, topics, names := newPatterns(), map[string]*topic{}, map[*topic]string{}
	found := 0
	for range 5000 {
		name := word(`aab*?\[]`)
		if old := topics[name]; old != nil {
			p.remove(name)
			delete(topics, name)
			delete(names, old)
		} else {
			topics[name] = &topic{}
			names[topics[name]] = name
			p.add(name, topics[name])
		}
		channel := word("aab")
		want := []string{}
		for name := range topics {
			if glob.Match([]byte(name), []byte(channel)) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := p.matches(names, channel); !slices.Equal(got, want) {
			t.Fatalf("%q: found %q, want %q", channel, got, want)
		}
		found += len(want)
	}
	if found == 0 {
		t.Error("nothing ever matched: the test shows nothing")
	}
	for name := range maps.Clone(topics) {
		p.remove(name)
	}
	if len(p.byPrefix) != 0 || len(p.lengths) != 0 {
		t.Errorf("left over: %v, %v", p.byPrefix, p.lengths)
	}
}

// BenchmarkAudience: what a publish pays for the patterns that others listen to.
func BenchmarkAudience(b *testing.B) {
	for _, n := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			h, r := newHub(b)
			m := newMember(b, 1<<20)
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("user:%d:*", i))
			}
			if n > 0 {
				p := subscribe(h, m, resp.PMessage, names...)
				r.answerAll()
				p.want(b, 1, nil)
			}
			channel := []byte("user:42:typing")
			b.ReportAllocs()
			for b.Loop() {
				h.Audience(resp.Message, channel)
			}
		})
	}
}
