package checks

// What waits in a pool: messages, their checks, and losses.

import (
	"bytes"
	"time"

	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/traces"
)

// Message is a message that waits. It never changes, apart from its check.
type Message struct {
	resp.Delivery // in memory of its own

	Route    *route.Route
	Counters *monitor.Route
	IsCopy   bool // a further copy of a message, which shares its check

	check  *Check
	passed func() // if set, this is a barrier marker, not a message: it is called when the marker's turn comes
}

// Loss describes messages of a channel for which there was no room. It never changes once it is reported.
type Loss struct {
	Channel      string
	Kinds        [resp.Kinds]bool // by which kinds of subscription the messages came
	Since, Until time.Time        // of the first and the last message
	Messages     int64            // copies are not counted

	last *Check // of the last message, by which its copies are recognised
}

// Check is the check of one message. All copies of a message that also matches patterns share one Check.
type Check struct {
	policy.Verdict // in memory of its own; Invalid is fixed once done

	Trace *traces.Trace // of the message, not of its copies; nil: it is not traced

	begun bool // it is or was a job
	done  bool // the verdict is final
}

// Verdict returns the verdict of the check, which must be done.
func (m *Message) Verdict() *policy.Verdict { return &m.check.Verdict }

// Trace returns the trace of a message; nil: the message is not traced, or a copy.
func (m *Message) Trace() *traces.Trace {
	if m.IsCopy {
		return nil
	}
	return m.check.Trace
}

func (m *Message) size() int { return cap(m.Frame) + messageOverhead }

// note adds a message, and reports whether it is the first copy.
func (l *Loss) note(d *resp.Delivery, c *Check, now time.Time) (first bool) {
	first = l.last != c
	if first {
		l.Messages++
	}
	l.last, l.Until, l.Kinds[d.Kind] = c, now, true
	return first
}

// NewCheck returns a check for a verdict, which is done unless the verdict is open.
func NewCheck(v *policy.Verdict) *Check {
	c := &Check{Verdict: *v, begun: !v.Open, done: !v.Open}
	c.Kind, c.Key = bytes.Clone(v.Kind), bytes.Clone(v.Key)
	return c
}

// newMessage returns a copy of a message in memory of its own.
func newMessage(d *resp.Delivery, c *Check) *Message {
	m := &Message{check: c}
	frame := append(make([]byte, 0, len(d.Frame)), d.Frame...) // with no spare capacity
	_, _, _ = resp.ScanServer(frame, &m.Delivery)              // never fails: the frame was read before
	m.ID, m.Upstream, m.Epoch, m.Moment = d.ID, d.Upstream, d.Epoch, d.Moment
	return m
}
