package sampling

// What was left out, told when no other line tells it.

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	tellEvery = time.Second // and as long after the last line that was asked for
	mostNamed = 10          // keys in one line about what was left out
)

// TellRest has the Sampler log by itself what was left out, once nobody asks for a line
// about the same any more: one line a second at most, with the number of lines and the
// keys that they were about. what is its message, such as "message refused". Without
// TellRest, the next line about a key tells.
func (s *Sampler) TellRest(log *zap.Logger, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.what = log, what+": some lines were left out"
}

// leftOutLocked sees to it that a line that was left out is told of.
func (s *Sampler) leftOutLocked() {
	if s.log == nil || s.telling {
		return
	}
	s.telling = true
	time.AfterFunc(tellEvery, s.tellRest)
}

// tellRest tells of what was left out about keys that are quiet, and comes back for
// those that are not.
func (s *Sampler) tellRest() {
	s.mu.Lock()
	fields := s.restLocked(time.Now())
	log, what := s.log, s.what
	s.mu.Unlock()
	if fields != nil {
		log.Warn(what, fields...)
	}
}

func (s *Sampler) restLocked(now time.Time) (fields []zap.Field) {
	left := map[string]uint64{}
	total, waiting := s.elsewhere, false
	for name, k := range s.keys {
		switch {
		case k.left == 0:
		case now.Sub(k.asked) < tellEvery: // its own next line will tell
			waiting = true
		default:
			left[name] = k.left
			total += k.left
			k.left = 0
		}
	}
	s.elsewhere, s.telling = 0, false
	if waiting {
		s.leftOutLocked()
	}
	if total == 0 {
		return nil
	}
	return []zap.Field{zap.Uint64("not_logged", total), zap.Strings("about", largest(left))}
}

// largest names the keys about which most was left out.
func largest(left map[string]uint64) (named []string) {
	delete(left, otherKey)
	names := slices.SortedFunc(maps.Keys(left), func(a, b string) int {
		return cmp.Or(cmp.Compare(left[b], left[a]), cmp.Compare(a, b))
	})
	for _, name := range names[:min(len(names), mostNamed)] {
		named = append(named, fmt.Sprintf("%s (%d)", name, left[name]))
	}
	return named
}
