package glob

// The index of patterns against comparing every one.

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// matches lists the patterns that the index finds for a channel.
func matches(p *Index[int], numbers map[int]string, channel string) []string {
	list := []string{}
	for _, n := range p.Matching([]byte(channel)) {
		list = append(list, numbers[n])
	}
	slices.Sort(list)
	return list
}

// TestIndexAtRandom: what is added and not removed is found, and only where it
// matches.
func TestIndexAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	word := func(alphabet string) string {
		b := make([]byte, rng.IntN(6))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	p, numbers, names := NewIndex[int](), map[string]int{}, map[int]string{}
	found := 0
	for i := range 5000 {
		name := word(`aab*?\[]`)
		if old, has := numbers[name]; has {
			p.Remove(name)
			delete(numbers, name)
			delete(names, old)
		} else {
			numbers[name], names[i] = i, name
			p.Add(name, i)
		}
		channel := word("aab")
		want := []string{}
		for name := range numbers {
			if Match([]byte(name), []byte(channel)) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := matches(&p, names, channel); !slices.Equal(got, want) {
			t.Fatalf("%q: found %q, want %q", channel, got, want)
		}
		found += len(want)
	}
	if found == 0 {
		t.Error("nothing ever matched: the test shows nothing")
	}
	for name := range maps.Clone(numbers) {
		p.Remove(name)
	}
	if len(p.byPrefix) != 0 || len(p.lengths) != 0 {
		t.Errorf("left over: %v, %v", p.byPrefix, p.lengths)
	}
}
