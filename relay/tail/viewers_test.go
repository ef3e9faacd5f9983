package tail

// What a viewer gets, and what is left out.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/loop"
)

// output keeps what it takes. It belongs to the loop.
type output struct {
	bytes.Buffer
	stuck  bool // nothing is written
	full   bool
	queued int
}

func (o *output) Append(b []byte) bool {
	if o.full {
		return false
	}
	if o.stuck {
		o.queued += len(b)
	}
	o.Write(b)
	return true
}

func (o *output) Queued() int { return o.queued }

// lines returns what was taken so far.
func (o *output) lines(t *testing.T) (list []Line) {
	t.Helper()
	for line := range strings.Lines(o.String()) {
		l, err := Parse(strings.Trim(line, "+\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// stage has a loop, and viewers.
type stage struct {
	t    *testing.T
	loop *loop.Loop
	Viewers
}

func newStage(t *testing.T) *stage {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &stage{t: t, loop: l}
}

func (s *stage) in(f func()) {
	s.t.Helper()
	if !s.loop.Call(f) {
		s.t.Fatal("the loop has ended")
	}
}

func (s *stage) add(o Options) (v *Viewer, out *output) {
	s.t.Helper()
	out = &output{}
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	s.in(func() {
		var err error
		v, err = s.Add(o, func(channel []byte) bool { return string(channel) != "secret" }, s.loop, out)
		if err != nil {
			s.t.Error(err)
		}
	})
	return v, out
}

// show shows n messages, in one turn of the loop.
func (s *stage) show(n int, channel, payload, verdict string) {
	s.t.Helper()
	s.in(func() { s.showInTurn(n, channel, payload, verdict) })
}

// showInTurn shows n messages in the turn that calls it: until it is over, no window of time ends.
func (s *stage) showInTurn(n int, channel, payload, verdict string) {
	for range n {
		s.Show(&Message{
			Time: s.loop.Now(), Command: Publish, Channel: []byte(channel), Payload: []byte(payload), Size: len(payload),
			Verdict: verdict,
		})
	}
}

// eventually waits for a condition on what an output has taken.
func (s *stage) eventually(out *output, what string, ok func([]Line) bool) {
	s.t.Helper()
	var list []Line
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.in(func() { list = out.lines(s.t) })
		if ok(list) {
			return
		}
	}
	s.t.Fatalf("not within a minute: %s; there are %d lines", what, len(list))
}

func TestViewersSeeWhatTheyWantAndMay(t *testing.T) {
	s := newStage(t)
	if s.Any() {
		t.Error("there is a viewer before the first")
	}
	_, all := s.add(Options{})
	_, some := s.add(Options{Patterns: [][]byte{[]byte("a*"), []byte("b")}})
	_, rejected := s.add(Options{Rejected: true, Full: true})
	long := strings.Repeat("x", 2*MaxShown)
	s.show(1, "a1", "1", OK)
	s.show(1, "b", "2", "INVALID")
	s.show(1, "c", long, "DENIED")
	s.show(1, "secret", "4", "DENIED")
	for name, c := range map[string]struct {
		out  *output
		want string
	}{
		"all": {all, "a1 1, b 2, c " + long[:MaxShown] + ", "}, "some": {some, "a1 1, b 2, "}, "rejected": {rejected, "b 2, c " + long + ", "},
	} {
		var got string
		s.in(func() {
			for _, l := range c.out.lines(t) {
				got += fmt.Sprintf("%s %s, ", l.Channel, l.Payload)
			}
		})
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestViewersAreFew(t *testing.T) {
	s := newStage(t)
	first, _ := s.add(Options{})
	for range maxViewers - 1 {
		s.add(Options{})
	}
	s.in(func() {
		if _, err := s.Add(Options{Rate: 1}, nil, s.loop, &output{}); !errors.Is(err, ErrViewers) {
			t.Errorf("one too many: %v", err)
		}
		first.Stop()
		first.Stop()
	})
	last, _ := s.add(Options{})
	s.in(last.Stop)
}

// TestRateHoldsForEachViewer: what is over it is told once a second, and nothing is told twice.
func TestRateHoldsForEachViewer(t *testing.T) {
	s := newStage(t)
	_, slow := s.add(Options{Rate: 10})
	_, fast := s.add(Options{Rate: MaxRate})
	s.show(100, "a", "x", OK)
	told := func(list []Line) (messages int, leftOut uint64) {
		for _, l := range list {
			if l.LeftOut == 0 {
				messages++
			} else if leftOut += l.LeftOut; l.Cause != OverRate {
				t.Errorf("the cause is %s", l.Cause)
			}
		}
		return messages, leftOut
	}
	s.eventually(slow, "what was left out is told", func(list []Line) bool {
		messages, leftOut := told(list)
		return messages == 10 && leftOut == 90
	})
	s.show(5, "a", "x", OK)
	s.show(1, "a", "last", OK)
	s.in(func() {
		messages, leftOut := told(slow.lines(t))
		if messages != 16 || leftOut != 90 {
			t.Errorf("%d messages, %d left out, want 16 and 90", messages, leftOut)
		}
		if messages, leftOut := told(fast.lines(t)); messages != 106 || leftOut != 0 {
			t.Errorf("the other viewer: %d messages, %d left out", messages, leftOut)
		}
	})
}

// TestBytesAreBounded, too: whole payloads of some size are many bytes.
func TestBytesAreBounded(t *testing.T) {
	s := newStage(t)
	_, out := s.add(Options{Full: true})
	const size = 512 << 10
	s.in(func() {
		s.showInTurn(100, "a", strings.Repeat("x", size), OK)
		if n := out.Len(); n < maxBytes || n > maxBytes+2*size {
			t.Errorf("%d bytes in a second", n)
		}
	})
}

// TestSlowViewerLosesOnlyItsOwn: its queue is bounded, and it is told when it reads again.
func TestSlowViewerLosesOnlyItsOwn(t *testing.T) {
	s := newStage(t)
	_, out := s.add(Options{Full: true, Rate: MaxRate})
	_, other := s.add(Options{Full: true, Rate: MaxRate})
	const messages = 200
	taken := 0
	s.in(func() {
		out.stuck = true
		s.showInTurn(messages, "a", strings.Repeat("x", 16<<10), OK)
		if taken = len(out.lines(t)); out.queued > maxQueued || taken == 0 {
			t.Errorf("%d bytes wait, of %d lines", out.queued, taken)
		}
		if n := len(other.lines(t)); n != messages {
			t.Errorf("the other viewer has %d lines", n)
		}
		out.stuck, out.queued = false, 0
	})
	s.eventually(out, "what was left out is told", func(list []Line) bool {
		last := list[len(list)-1]
		return last.LeftOut == uint64(messages-taken) && last.Cause == TooSlow
	})
}

// TestLargestLineHasRoom in an empty queue.
func TestLargestLineHasRoom(t *testing.T) {
	s := newStage(t)
	_, out := s.add(Options{Full: true})
	s.in(func() {
		out.stuck = true
		s.showInTurn(2, "a", strings.Repeat("x", 2*maxQueued), OK)
		if n := len(out.lines(t)); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

// TestStopTellsTheRest, at once, and a full output loses that, too.
func TestStopTellsTheRest(t *testing.T) {
	s := newStage(t)
	v, out := s.add(Options{Rate: 1})
	full, lost := s.add(Options{Rate: 1})
	s.in(func() {
		s.showInTurn(3, "a", "x", OK)
		lost.full = true
		v.Stop()
		full.Stop()
		list := out.lines(t)
		if n := len(list); n != 2 || list[1].LeftOut != 2 {
			t.Errorf("%+v", list)
		}
		if n := len(lost.lines(t)); n != 1 || s.Any() {
			t.Errorf("%d lines; there are viewers: %v", n, s.Any())
		}
	})
	s.show(1, "a", "x", OK)
	s.in(func() {
		if n := len(out.lines(t)); n != 2 {
			t.Errorf("%d lines after the end", n)
		}
	})
}
