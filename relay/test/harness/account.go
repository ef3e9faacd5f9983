package harness

// What was sent while servers fail, and what became of it.

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
)

// Sent is a message that a server has taken between two times.
type Sent struct {
	Text          string
	Before, After time.Time
}

// SendNumbers sends "<name>:<number>" until done is closed, one each 2 ms, whatever becomes of the server. command is
// what is sent, and taken is called with each that was answered by a number.
func SendNumbers(
	done <-chan struct{}, name, network, addr string, command func(text string) []string, taken func(Sent),
) {
	var c *redistest.Client
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(2 * time.Millisecond):
		}
		if c == nil {
			var err error
			if c, err = redistest.Open(network, addr); err != nil {
				c = nil
				continue
			}
			c.SetTimeout(500 * time.Millisecond)
		}
		text, before := name+":"+strconv.Itoa(n), time.Now()
		v, err := c.TryDo(command(text)...)
		switch {
		case err != nil:
			c.Close()
			c = nil
		case v.Type == ':':
			taken(Sent{text, before, time.Now()})
		}
	}
}

// Listen calls note with each message that a subscriber gets until its connection ends, and holds mu meanwhile.
func Listen(c *redistest.Client, mu sync.Locker, note func(channel, payload string)) {
	c.SetTimeout(10 * redistest.DefaultTimeout) // nothing may come for long
	for {
		v, err := c.TryReceive()
		if err != nil {
			return // the test has ended
		}
		last := len(v.Elems) - 1
		mu.Lock()
		note(v.Elems[last-1].Str, v.Elems[last].Str)
		mu.Unlock()
	}
}

// Untold lists what was neither heard nor may have been sent in one of the gaps.
func Untold(all []Sent, heard func(text string) bool, gaps []relay.Event) (missing []Sent) {
	for _, m := range all {
		if !heard(m.Text) && !m.InGap(gaps) {
			missing = append(missing, m)
		}
	}
	return missing
}

// InGap reports whether a message may have been sent in one of the gaps.
func (m Sent) InGap(gaps []relay.Event) bool {
	for _, g := range gaps {
		if !m.After.Before(*g.Since) && !m.Before.After(*g.Until) {
			return true
		}
	}
	return false
}

// FailUntold logs the gaps, and fails for what is missing.
func FailUntold(t testing.TB, missing []Sent, gaps []relay.Event) {
	t.Helper()
	for _, g := range gaps {
		t.Logf("gap from %v to %v: %s", g.Since.Format(time.StampMilli), g.Until.Format(time.StampMilli), g.Cause)
	}
	for _, m := range missing[:min(5, len(missing))] {
		t.Errorf("%s was sent at %v, and is neither heard nor told", m.Text, m.Before.Format(time.StampMilli))
	}
}
