package tail

// Who watches, and how much each viewer gets.

import (
	"fmt"
	"slices"
	"time"

	"redis-relay/relay/loop"
)

const (
	maxViewers = 16      // so that they take little of the loop together
	maxBytes   = 8 << 20 // of lines a second, for one viewer
	maxQueued  = 1 << 20 // bytes that wait for a viewer; a line beyond that is left out
	chunkSize  = 16 << 10
	window     = time.Second
)

// ErrViewers: there are as many viewers as there may be. The text is for a client.
var ErrViewers = fmt.Errorf("ERR %d clients are in MONITOR already", maxViewers)

// Output takes what a viewer gets. hub.Outbox is one.
type Output interface {
	// Append takes bytes that are not changed any more, or reports that there is no room.
	Append(b []byte) bool
	// Queued returns the number of bytes that are not written yet.
	Queued() int
}

// Viewers shows messages to viewers. The zero Viewers are none.
type Viewers struct{ list []*Viewer }

// Any reports whether anybody watches. Without viewers there is no need to call Show.
func (s *Viewers) Any() bool { return len(s.list) > 0 }

// Show shows a message to all who want to see it and may. The message is not kept.
func (s *Viewers) Show(m *Message) {
	for _, v := range s.list {
		if v.options.matches(m) && v.may(m.Channel) {
			v.show(m)
		}
	}
}

// Add adds a viewer. may tells whether it may see messages of a channel; it is asked for each message, so that a
// reload counts at once.
func (s *Viewers) Add(o Options, may func(channel []byte) bool, l *loop.Loop, out Output) (*Viewer, error) {
	if len(s.list) >= maxViewers {
		return nil, ErrViewers
	}
	v := &Viewer{others: s, options: o, may: may, loop: l, out: out, leftOut: map[Cause]uint64{}}
	v.timer = l.AfterFunc(window, v.windowEnds)
	v.timer.Stop()
	s.list = append(s.list, v)
	return v, nil
}

// Viewer is one who watches. Its bounds hold for windows of a second, which begin with a message.
type Viewer struct {
	// Fixed after construction.
	others  *Viewers
	options Options
	may     func(channel []byte) bool
	loop    *loop.Loop
	out     Output

	timer   *loop.Timer // ends the window; not set: there is none
	lines   int         // in this window
	bytes   int         // in this window
	leftOut map[Cause]uint64
	chunk   []byte // memory of the last lines
}

// Stop ends the viewer. It is told what was left out and not told yet. Stop may be called again.
func (v *Viewer) Stop() {
	v.others.list = slices.DeleteFunc(v.others.list, func(other *Viewer) bool { return other == v })
	v.timer.Stop()
	v.tell()
}

func (v *Viewer) show(m *Message) {
	if !v.timer.Set() {
		v.timer.Reset(window)
	}
	shown := len(m.Payload)
	if !v.options.Full {
		shown = min(shown, MaxShown)
	}
	switch {
	case v.lines >= v.options.Rate || v.bytes >= maxBytes:
		v.leftOut[OverRate]++
	case !v.put(shown, func(b []byte) []byte { return Append(b, m, shown) }):
		v.leftOut[TooSlow]++
	}
}

// put has a line written, of atLeast so many bytes, and queues it. It reports whether there was room.
func (v *Viewer) put(atLeast int, appendTo func([]byte) []byte) bool {
	queued := v.out.Queued()
	if queued > 0 && queued+atLeast > maxQueued {
		return false
	}
	if len(v.chunk) >= chunkSize {
		v.chunk = nil
	}
	if v.chunk == nil {
		v.chunk = make([]byte, 0, chunkSize+chunkSize/4) // most lines end within it
	}
	from := len(v.chunk)
	v.chunk = appendTo(v.chunk)
	line := v.chunk[from:]
	if queued > 0 && queued+len(line) > maxQueued || !v.out.Append(line) {
		v.chunk = v.chunk[:from]
		return false
	}
	v.lines++
	v.bytes += len(line)
	return true
}

// windowEnds begins anew, and tells what was left out. As long as that cannot be told, it tries again.
func (v *Viewer) windowEnds() {
	v.lines, v.bytes = 0, 0
	if !v.tell() {
		v.timer.Reset(window)
	}
	v.lines, v.bytes = 0, 0 // what was told does not count
}

// tell tells what was left out, and reports whether there was room for that.
func (v *Viewer) tell() bool {
	for _, why := range []Cause{OverRate, TooSlow} {
		n := v.leftOut[why]
		if n == 0 {
			continue
		}
		if !v.put(0, func(b []byte) []byte { return appendLeftOut(b, v.loop.Now(), n, why) }) {
			return false
		}
		v.leftOut[why] = 0
	}
	return true
}
