package fleet

// How often a relay asks.

import (
	"time"

	"redis-relay/relay/loop"
)

const (
	answers  = 20_000 // a second that the fleet sends at most, about, when all ask all the time
	maxPause = 500 * time.Millisecond

	// ahead is how much of the pauses to come a relay may skip: one that asks a little now and then
	// asks at once.
	ahead = 100 * time.Millisecond
)

// pause is how long a relay waits before it asks again: so long that the fleet sends no
// more than so many answers a second, if each of its relays asks as often. Redis takes
// about 20 µs for one with all that belongs to it.
func pause(relays int) time.Duration {
	if relays < 2 {
		return 0
	}
	return min(time.Duration(relays*relays)*time.Second/answers, maxPause)
}

// pace spaces questions out.
type pace struct {
	relays int       // that were there when Redis answered last
	free   time.Time // when the pauses of all questions so far are over
	timer  *loop.Timer
}

// due returns how long the next question has to wait.
func (p *pace) due(now time.Time) time.Duration {
	skip := max(0, ahead-pause(p.relays)) // none if a single pause is as long
	return max(0, p.free.Sub(now.Add(skip)))
}

// asked notes that a question was sent.
func (p *pace) asked(now time.Time) {
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(pause(p.relays))
}
