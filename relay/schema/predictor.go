package schema

// This file decides when a payload is compared with skeletons, and which of those are kept.

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

const (
	// maxSkeletons is the number of skeletons that a predictor keeps.
	maxSkeletons = 4
	// hitSample is the number of hits of which one is counted.
	hitSample = 16
	// window is the number of misses after which a predictor looks whether it pays. While it does not, it tries one
	// payload in coldSample.
	window     = 64
	coldSample = 64
	// enoughHits is the number of hits within window misses for which prediction pays: a hit saves at least what a miss
	// costs, and to learn now and then.
	enoughHits = window
	// learnEach is the number of misses of which one is learned from.
	learnEach = 32
	// warmHits is the number of hits, within coldWindow misses, for which a cold predictor is tried again.
	warmHits   = 8
	coldWindow = 16
)

// predictor remembers the skeletons of payloads that a Checker accepted. It learns rarely where most payloads miss,
// and then costs next to nothing. Any number of goroutines may use it.
type predictor struct {
	known  atomic.Pointer[knowledge]
	hits   atomic.Uint32 // about
	misses atomic.Uint32
}

// knowledge is what a predictor knows. It never changes.
type knowledge struct {
	skeletons []*skeleton
	oldest    int  // which is replaced next
	cold      bool // prediction does not pay
}

func newPredictor() *predictor {
	p := &predictor{}
	p.known.Store(&knowledge{})
	return p
}

// predict reports whether a payload has one of the skeletons.
func (k *knowledge) predict(text []byte, found *predicted) bool {
	for _, suits := range []bool{true, false} {
		for _, sk := range k.skeletons {
			if sk.suits(text) != suits {
				continue
			}
			*found = predicted{steps: scanSteps + len(text)}
			if sk.predict(text, found) {
				return true
			}
		}
	}
	return false
}

// suits reports whether a payload begins like one of the same kind, where that comes first.
func (sk *skeleton) suits(text []byte) bool {
	return sk.suitsAt == 0 || len(text) >= sk.suitsAt+8 && binary.LittleEndian.Uint64(text[sk.suitsAt:]) == sk.suitsWith
}

// predict finds the kind and the key of a payload with a known skeleton.
func (c *Checker) predict(known *knowledge, payload []byte) (kind, key []byte, hit bool) {
	if known.cold {
		return nil, nil, false
	}
	var found predicted
	if !known.predict(payload, &found) {
		return nil, nil, false
	}
	if rand.Uint32()%hitSample == 0 { //nolint:gosec // no secret
		c.predictor.hits.Add(hitSample)
	}
	kind = found.kind.of(payload)
	return kind, found.key(payload, kind, c.keys), true
}

// missed counts a payload that was accepted and has no known skeleton, and may learn its own.
func (c *Checker) missed(known *knowledge, payload []byte) {
	p := c.predictor
	if known.cold {
		if rand.Uint32()%coldSample == 0 { //nolint:gosec // no secret
			c.sample(known, payload)
		}
		return
	}
	n := p.misses.Add(1)
	if n&(n-1) == 0 || n%learnEach == 0 {
		p.learned(known, learn(payload, c.kindField, c.keys, c.program))
	}
	if n%window == 0 && p.hits.Swap(0) < enoughHits {
		p.change(p.known.Load(), func(k *knowledge) { k.cold = true })
	}
}

// sample tries a payload that was accepted while the predictor is cold.
func (c *Checker) sample(known *knowledge, payload []byte) {
	p := c.predictor
	var found predicted
	switch {
	case known.predict(payload, &found):
		if p.hits.Add(1) >= warmHits {
			p.hits.Store(0)
			p.change(known, func(k *knowledge) { k.cold = false })
		}
	case p.misses.Add(1)%coldWindow == 0:
		p.hits.Store(0)
		p.learned(known, learn(payload, c.kindField, c.keys, c.program))
	}
}

// learned adds a skeleton, perhaps nil, in place of the oldest.
func (p *predictor) learned(known *knowledge, sk *skeleton) {
	if sk == nil {
		return
	}
	p.change(known, func(k *knowledge) {
		if len(k.skeletons) < maxSkeletons {
			k.skeletons = append(slices.Clip(k.skeletons), sk)
			return
		}
		k.skeletons = slices.Clone(k.skeletons)
		k.skeletons[k.oldest] = sk
		k.oldest = (k.oldest + 1) % maxSkeletons
	})
}

// change replaces what is known, unless somebody else just has.
func (p *predictor) change(known *knowledge, edit func(*knowledge)) {
	next := *known
	edit(&next)
	p.known.CompareAndSwap(known, &next)
}
