package traffic

// A table with a clock of the test's own.

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// scene is a table whose seconds the test makes.
type scene struct {
	*Table
	t      testing.TB
	now    time.Time
	heard  time.Duration // for how long the relay has heard each channel
	outage bool
	told   []string
	begun  []Alert // that were told, ever
	ended  []Alert // of these
}

func newScene(t testing.TB) *scene {
	s := &scene{t: t, now: time.Unix(1_700_000_000, 0), heard: time.Hour}
	s.Table = New(Options{
		Now:      s.now,
		Identify: func(sender any) Publisher { return sender.(Publisher) },
		HeardFor: func([]byte) time.Duration { return s.heard },
		Alarms:   s,
	})
	s.SetSpikes(Spikes{Factor: 8, Floor: 50})
	return s
}

func (s *scene) Begin(a *Alert) {
	s.begun = append(s.begun, *a)
	s.told = append(s.told, fmt.Sprintf("%s %s %s", a.Kind, a.Direction, a.Channel))
}

func (s *scene) End(a *Alert, why Ending) {
	s.ended = append(s.ended, *a)
	word := map[Ending]string{Calm: "calm", MadeNormal: "normal"}[why]
	s.told = append(s.told, fmt.Sprintf("end %s %s %s: %s", a.Kind, a.Direction, a.Channel, word))
}

func (s *scene) LeftOut(kind Kind, channels int) {
	s.told = append(s.told, fmt.Sprintf("%d more of %s", channels, kind))
}

// seconds has each second carry what send sends.
func (s *scene) seconds(n int, send func(second int)) {
	for i := range n {
		send(i)
		s.now = s.now.Add(time.Second)
		s.Tick(s.now, s.outage)
	}
}

// quiet lets time pass.
func (s *scene) quiet(seconds int) { s.seconds(seconds, func(int) {}) }

// in counts messages of 100 bytes from Redis.
func (s *scene) in(channel string, messages int) { s.In([]byte(channel), messages, 100*messages, 100) }

// out counts messages of 100 bytes from a local client.
func (s *scene) out(channel string, messages int, by Publisher) {
	for range messages {
		s.Out([]byte(channel), 100, by)
	}
}

// tells fails unless exactly this was told since the last call.
func (s *scene) tells(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.told, want) {
		s.t.Errorf("told %q, want %q", s.told, want)
	}
	s.told = nil
}

// near reports whether two numbers differ by at most a part of the second.
func near(got, want, part float64) bool { return got >= want*(1-part) && got <= want*(1+part) }
