package schema

// This file tests how the properties of a plan are found.

import (
	"fmt"
	"testing"
)

// TestNames finds each name and nothing else, whatever they have in common and whatever stands behind the text.
func TestNames(t *testing.T) {
	keys := []string{"", "\x00", "a", "a\x00", "ab", "abcdefg", "abcdefgh", "abcdefgi", "abcdefgh1", "abcdefgh2", "abcdefgh12"}
	for i := range 200 {
		keys = append(keys, fmt.Sprintf("property%d", i))
	}
	for _, known := range [][]string{nil, keys[:1], keys[1:5], keys} {
		n := newNames(known)
		for _, behind := range []string{"", `":1}`, `": "some more"}`} {
			number := map[string]int{}
			for i, name := range known {
				number[name] = i
			}
			for _, name := range append([]string{"b", "abcdefgj", "abcdefgh3", "property", "property1000"}, keys...) {
				want, ok := number[name]
				if !ok {
					want = -1
				}
				text := []byte(name + behind)
				if got := n.find(text[:len(name)]); got != want {
					t.Errorf("%q of %d names, before %q: got %d, want %d", name, len(known), behind, got, want)
				}
			}
		}
	}
}
