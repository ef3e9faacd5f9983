package fleet

// How often a relay asks.

import (
	"time"

	"redis-relay/relay/loop"
)

const (
	maxAnswers = 20_000 // a second, by the whole fleet, about, when all relays ask all the time
	maxPause   = 500 * time.Millisecond

	// ahead is how much of later pauses a relay may skip: a relay that seldom asks
	// asks at once.
	ahead = 100 * time.Millisecond
)

// pause is how long a relay waits between two questions: so long that the fleet sends no
// more than maxAnswers a second, if each relay asks as often. An answer costs Redis
// about 20 µs.
func pause(relays int) time.Duration {
	if relays < 2 {
		return 0
	}
	return min(time.Duration(relays*relays)*time.Second/maxAnswers, maxPause)
}

// pace spaces questions out.
type pace struct {
	relays int       // as counted by Redis in its last answer
	free   time.Time // when the pauses of all questions so far are over
	timer  *loop.Timer
}

// due returns how long the next question has to wait.
func (p *pace) due(now time.Time) time.Duration {
	skip := max(0, ahead-pause(p.relays)) // none if a single pause is as long
	return max(0, p.free.Sub(now.Add(skip)))
}

// sent notes that a question was sent.
func (p *pace) sent(now time.Time) {
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(pause(p.relays))
}
