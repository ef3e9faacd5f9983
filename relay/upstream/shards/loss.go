package shards

// What a slot may have lost.

import (
	"slices"
	"time"
)

// openInterval is how often a gap is told that goes on.
const openInterval = 5 * time.Second

// maybeMissing begins every cause.
const maybeMissing = "messages on shard channels may be missing: "

// Gap says that messages on names may be missing, if they were published between two times.
type Gap struct {
	Since, Until time.Time
	Cause        string
	Names        []string
}

// loss is the time for which not all names of a slot were subscribed that had been. It belongs to the loop.
type loss struct {
	slot *slot // fixed after construction

	open  bool
	since time.Time
	told  time.Time // when it was told last, or began
	cause string
}

// begin says that messages of the names that are still noted as subscribed may be lost since some time.
func (l *loss) begin(since time.Time, cause string) {
	if !l.open {
		l.open, l.since, l.told, l.cause = true, since, time.Now(), cause
		l.slot.mark()
	} else {
		l.since = earlier(l.since, since)
	}
	l.slot.shards.owner.Missing(l.slot.confirmed())
}

// end tells of the gap if all that is wanted is subscribed.
func (l *loss) end() {
	if l.open && len(l.slot.confirmed()) == len(l.slot.names) {
		l.open = false
		l.tell(time.Now())
	}
}

// tellOpen tells from time to time of a gap that goes on.
func (l *loss) tellOpen(now time.Time) {
	if l.open && now.Sub(l.told) > openInterval {
		l.tell(now)
		l.since, l.told = now, now
	}
}

func (l *loss) tell(until time.Time) {
	if names := l.slot.wantedNames(); len(names) > 0 {
		l.slot.shards.tell(Gap{l.since, until, maybeMissing + l.cause, names})
	}
}

// tell has a gap told at the next tick, together with others of its cause.
func (s *Shards) tell(g Gap) {
	if len(s.marked) == 0 && len(s.gaps) == 0 {
		defer s.arm()
	}
	i := slices.IndexFunc(s.gaps, func(other Gap) bool { return other.Cause == g.Cause })
	if i < 0 {
		s.gaps = append(s.gaps, g)
		return
	}
	with := &s.gaps[i]
	if g.Since.Before(with.Since) {
		with.Since = g.Since
	}
	if g.Until.After(with.Until) {
		with.Until = g.Until
	}
	with.Names = append(with.Names, g.Names...)
}
