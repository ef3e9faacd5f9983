package lua

import (
	"fmt"
	"testing"
)

// TestScriptsAreKept by their digests: as many as there is room for, also when one of them comes again.
func TestScriptsAreKept(t *testing.T) {
	t.Parallel()
	source := func(i int) []byte { return fmt.Appendf(nil, "redis.call('publish', KEYS[%d], ARGV[1])", i+1) }
	var s Scripts
	first, _ := s.Add(source(0))
	for i := range maxScripts {
		s.Add(source(i))
	}
	if again, known := s.Add(source(maxScripts - 1)); known == nil || s.Find([]byte(again)) == nil || s.Find([]byte(first)) == nil {
		t.Error("one that was kept already has taken the place of others")
	}
	if s.Add(source(maxScripts)); s.Find([]byte(first)) != nil || len(s.list) != 1 {
		t.Errorf("%d are kept", len(s.list))
	}
}
