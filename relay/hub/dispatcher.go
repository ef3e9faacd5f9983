package hub

// Fan-out: from a run of messages to the queues of its listeners.

import (
	"slices"
	"time"
)

// reportInterval is the shortest time between two reports that a listener misses messages.
const reportInterval = 10 * time.Second

// dispatcher hands messages to listeners, and counts those that a listener did not get. Everything belongs to
// the loop.
type dispatcher struct {
	run        run
	losses     Losses
	onMissed   func(channel []byte, messages int) // see Hub.OnMissed; nil: nobody asks
	unreported []*Listener                        // have missed messages that were not reported
}

// Losses counts messages that one listener did not get, since the start, by the reason.
type Losses struct{ Dropped, Replaced, Ended uint64 }

// FanOut queues the messages that Deliver has collected for their listeners. It costs nothing when there are
// none.
func (d *dispatcher) FanOut() {
	r := &d.run
	t := r.topic
	if t == nil {
		return
	}
	r.topic = nil
	if r.mode&ModeOne != 0 {
		d.dispatchToOne(t)
	} else {
		for _, l := range t.listeners {
			d.dispatch(l)
		}
	}
	if d.onMissed != nil {
		r.tellMissed(d.onMissed)
	}
	r.frames, r.resp3 = nil, nil
}

// ReuseBuffers says, at the end of each turn, what Flusher.BuffersReusable has returned: whether nothing refers
// any more to what was fanned out. Then the hub uses its own memory again.
func (d *dispatcher) ReuseBuffers(reusable bool) { d.run.reuse(reusable) }

// SetRESP3 chooses the protocol in which l gets its messages from now on: RESP3, or RESP2.
func (d *dispatcher) SetRESP3(l *Listener, on bool) {
	d.FanOut()
	l.resp3 = on
}

// dispatchToOne queues the run for a listener that has room. If none has room, the next in turn misses the run,
// whatever the mode says.
func (d *dispatcher) dispatchToOne(t *topic) {
	if l := t.nextWithRoom(len(d.run.frames)); l != nil {
		d.dispatch(l)
		return
	}
	if l := t.nextAny(); l != nil {
		d.missRun(l)
		return
	}
	d.loseRun()
}

// dispatch queues the run for one listener.
func (d *dispatcher) dispatch(l *Listener) {
	r := &d.run
	frames := r.frames
	if l.resp3 {
		frames = r.pushes()
	}
	switch {
	case l.stopped:
		d.loseRun()
	case r.mode&modeLatest != 0:
		replaced, dropped := l.out.appendLatest(r, frames)
		d.countMissed(l, Missed{uint64(dropped), uint64(replaced)})
	default:
		switch why := l.out.tryAppend(frames); {
		case why == "":
		case r.mode&ModeDrop != 0:
			d.missRun(l)
		default:
			d.loseRun()
			l.disconnect(why)
		}
	}
}

// missRun counts that a listener, which stays connected, misses the run.
func (d *dispatcher) missRun(l *Listener) {
	d.run.missedBy++
	d.countMissed(l, Missed{Dropped: uint64(len(d.run.starts))})
}

// loseRun counts that a listener misses the run because it is being disconnected.
func (d *dispatcher) loseRun() {
	d.run.missedBy++
	d.losses.Ended += uint64(len(d.run.starts))
}

// countMissed counts messages that a listener misses while it stays connected.
func (d *dispatcher) countMissed(l *Listener, m Missed) {
	if m == (Missed{}) {
		return
	}
	d.losses.Dropped += m.Dropped
	d.losses.Replaced += m.Replaced
	l.unreported.Dropped += m.Dropped
	l.unreported.Replaced += m.Replaced
	l.missed += m.Dropped + m.Replaced
	if !l.awaitsReport {
		l.awaitsReport = true
		d.unreported = append(d.unreported, l)
	}
}

// Report tells listeners how many messages they have missed, each at most once in ten seconds. It may have more
// messages delivered: call FanOut afterwards.
func (d *dispatcher) Report() {
	if len(d.unreported) == 0 {
		return
	}
	now := time.Now()
	var due []*Listener
	d.unreported = slices.DeleteFunc(d.unreported, func(l *Listener) bool {
		if now.Sub(l.reported) < reportInterval {
			return false
		}
		l.reported, l.awaitsReport = now, false
		due = append(due, l)
		return true
	})
	for _, l := range due {
		missed := l.unreported
		l.unreported = Missed{}
		l.report(missed)
	}
}
