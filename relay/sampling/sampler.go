package sampling

// The decision about one line.

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

const (
	keyRate    = 1  // lines/s of one key
	keyBurst   = 3  // and at once
	totalRate  = 20 // lines/s of all keys together
	totalBurst = 50 // and at once

	maxKeys  = 1000            // that are remembered; others share one
	maxKey   = 256             // bytes of a key that tell it from others
	keepFor  = 5 * time.Second // how long a key is remembered after its last line was asked for
	otherKey = ""              // of those that there is no room for
)

// Sampler decides which lines of one kind are logged. The zero Sampler is ready.
type Sampler struct {
	mu        sync.Mutex // Guards what follows.
	keys      map[string]*key
	total     *rate.Limiter
	elsewhere uint64    // lines left out of keys that are forgotten
	swept     time.Time // when keys were forgotten last
	telling   bool      // tellRest is to come

	log  *zap.Logger // nil: nothing is told but with the next line
	what string
}

type key struct {
	lines *rate.Limiter
	asked time.Time // when a line was asked for last
	left  uint64    // lines left out since the last one
}

// Allow tells whether a line about a key may be logged now, and with which fields: how
// many about it were left out since the last one, and how many about keys that are
// forgotten.
func (s *Sampler) Allow(name string) (fields []zap.Field, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	k := s.keyLocked(name[:min(len(name), maxKey)], now)
	k.asked = now
	if !k.lines.AllowN(now, 1) || !s.total.AllowN(now, 1) {
		k.left++
		s.leftOutLocked()
		return nil, false
	}
	if k.left > 0 {
		fields = append(fields, zap.Uint64("not_logged", k.left))
	}
	if s.elsewhere > 0 {
		fields = append(fields, zap.Uint64("not_logged_elsewhere", s.elsewhere))
	}
	k.left, s.elsewhere = 0, 0
	return fields, true
}

func (s *Sampler) keyLocked(name string, now time.Time) *key {
	if s.keys == nil {
		s.keys, s.total = map[string]*key{}, rate.NewLimiter(totalRate, totalBurst)
	}
	if k := s.keys[name]; k != nil {
		return k
	}
	if len(s.keys) >= maxKeys && now.Sub(s.swept) >= time.Second {
		s.sweepLocked(now)
	}
	if len(s.keys) >= maxKeys && name != otherKey {
		return s.keyLocked(otherKey, now)
	}
	k := &key{lines: rate.NewLimiter(keyRate, keyBurst)}
	s.keys[strings.Clone(name)] = k // the rest of a long one is not kept alive
	return k
}

// sweepLocked forgets keys that nobody has asked for in a while.
func (s *Sampler) sweepLocked(now time.Time) {
	s.swept = now
	for name, k := range s.keys {
		if now.Sub(k.asked) >= keepFor {
			s.elsewhere += k.left
			delete(s.keys, name)
		}
	}
}
