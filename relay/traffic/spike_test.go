package traffic

// Spikes: what raises an alert, what ends it, and what raises none.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var bot = Publisher{Client: 7, Name: "bot", PID: 4711, UID: 1000, Known: true}

// TestLoneBurst is told in the second in which it happens, and nothing comes after it but the end.
func TestLoneBurst(t *testing.T) {
	s := newScene(t)
	s.seconds(600, func(int) { s.in("room", 2) })
	s.tells()
	s.seconds(1, func(int) { s.in("room", 1000) })
	s.tells("spike in room")
	s.quiet(60)
	s.tells("end spike in room: calm")
	if len(s.alerts.spikes) > 0 {
		t.Errorf("%d alerts are left", len(s.alerts.spikes))
	}
}

// TestBotLoop on this host: the publisher is named, and one alert stands for both directions, however long it lasts.
func TestBotLoop(t *testing.T) {
	s := newScene(t)
	s.seconds(300, func(int) { s.in("room", 5) })
	loop := func(int) {
		s.out("room", 500, bot)
		s.in("room", 505)
	}
	s.seconds(900, loop)
	s.tells("spike out room")
	if a := s.begun[0]; a.Publisher != bot || a.Usual != 0 || a.Rate < 100 {
		t.Errorf("alert %+v", a)
	}
	if c, ok := s.Find([]byte("room")); !ok || !near(c.Usual[InMessages], 5, 0.2) || c.Publisher != bot {
		t.Errorf("the usual rate was not kept: %+v", c)
	}
	s.seconds(60, func(int) { s.in("room", 5) })
	s.tells("end spike out room: calm")
	if a := s.ended[0]; !near(a.Peak, 500, 0.01) {
		t.Errorf("ended %+v", a)
	}
}

// TestBotLoopElsewhere is not blamed on a client of this host that publishes on the channel, too.
func TestBotLoopElsewhere(t *testing.T) {
	s := newScene(t)
	life := func(in int) func(int) {
		return func(int) {
			s.out("room", 5, bot)
			s.in("room", in)
		}
	}
	s.seconds(300, life(5))
	s.seconds(30, life(5000))
	s.tells("spike in room")
	if a := s.begun[0]; a.Publisher != (Publisher{}) {
		t.Errorf("alert %+v", a)
	}
}

// TestLastingSpike counts as usual in the end.
func TestLastingSpike(t *testing.T) {
	s := newScene(t)
	s.quiet(120)
	s.seconds(3*3600, func(int) { s.in("room", 500) })
	s.tells("spike in room", "end spike in room: normal")
}

// TestOrdinaryLifeIsNoSpike, whatever is in it.
func TestOrdinaryLifeIsNoSpike(t *testing.T) {
	for name, live := range map[string]func(s *scene){
		"a start": func(s *scene) { s.seconds(600, func(int) { s.in("room", 5000) }) },
		"steady, with noise": func(s *scene) {
			random := rand.New(rand.NewPCG(1, 2))
			s.seconds(3600, func(int) {
				for i := range 100 {
					s.in(fmt.Sprint("room", i), random.IntN(2*i+2))
				}
			})
		},
		"a day that grows": func(s *scene) {
			s.seconds(3600, func(i int) { s.in("room", 1+i/10) })
		},
		"a new listener of a busy channel": func(s *scene) {
			s.quiet(3600)
			s.heard = 0
			s.seconds(600, func(int) {
				s.in("room", 500)
				s.heard += time.Second
			})
		},
		"Redis is away for an hour, and back": func(s *scene) {
			s.seconds(600, func(int) { s.in("room", 500) })
			s.outage = true
			s.quiet(3600)
			s.outage = false
			s.seconds(600, func(i int) { s.in("room", 500+5000/(i+1)) })
		},
		"small bursts": func(s *scene) {
			s.quiet(600)
			s.seconds(600, func(i int) {
				if i%60 == 0 {
					s.in("room", 150)
				}
			})
		},
		"very many channels, most of which the table cannot keep": func(s *scene) {
			s.seconds(300, func(i int) {
				for c := range 20_000 {
					s.in(fmt.Sprint("room", c), 60)
				}
			})
		},
		"switched off": func(s *scene) {
			s.SetSpikes(Spikes{})
			s.quiet(600)
			s.seconds(10, func(int) { s.in("room", 500) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			live(s)
			s.tells()
		})
	}
}

// TestNewChannel is a spike if the relay has listened for long enough.
func TestNewChannel(t *testing.T) {
	s := newScene(t)
	s.quiet(61)
	s.seconds(20, func(int) { s.in("new", 60) })
	s.tells("spike in new")
}

// TestBurstsByNature are told of less and less often.
func TestBurstsByNature(t *testing.T) {
	s := newScene(t)
	s.quiet(120)
	s.seconds(6*3600, func(i int) {
		if i%60 == 0 {
			s.in("room", 1000)
		}
	})
	if n := len(s.told); n < 4 || n > 26 || n%2 != 0 {
		t.Errorf("%d alerts and ends in 360 bursts", n)
	}
	for i, text := range s.told {
		if strings.HasPrefix(text, "end") != (i%2 == 1) {
			t.Fatalf("told %q", s.told)
		}
	}
}

// TestCrowdOfSpikes: the largest are told, and how many more there are.
func TestCrowdOfSpikes(t *testing.T) {
	s := newScene(t)
	s.quiet(600)
	crowd := func(int) {
		for c := range 1000 {
			s.in(fmt.Sprintf("room%03d", c), 1000+c)
		}
	}
	s.seconds(1, crowd)
	if len(s.told) != perMinute || s.told[0] != "spike in room999" {
		t.Errorf("told %q", s.told)
	}
	s.told = nil
	s.seconds(299, crowd)
	s.tells("990 more of spike")
	s.quiet(60)
	if len(s.told) != perMinute || len(s.alerts.spikes) != 0 {
		t.Errorf("told %q; %d are left", s.told, len(s.alerts.spikes))
	}
	for _, told := range s.told {
		if !strings.HasPrefix(told, "end spike in room99") {
			t.Errorf("told %q", told)
		}
	}
}

// TestOverRate: one alert for each direction until all meters are quiet; and none as a spike besides.
func TestOverRate(t *testing.T) {
	s := newScene(t)
	s.quiet(120)
	over := [2]bool{true, true}
	state := func(i int) func() State {
		return func() State { return func(time.Time) (bool, float64) { return over[i], 300 + float64(i) } }
	}
	s.seconds(1, func(int) {
		s.out("room", 300, bot)
		s.OverRate(OutMessages, []byte("room"), 101, nil, s.now, state(0))
		s.OverRate(OutMessages, []byte("room"), 51, bot, s.now, state(1)) // as after a reload
	})
	s.seconds(20, func(int) { s.in("room", 300) })
	s.tells("rate out room")
	if a := s.begun[0]; a.Publisher != bot || a.Rate != 101 {
		t.Errorf("alert %+v", a)
	}
	over[1] = false
	s.quiet(1)
	s.tells()
	over[0] = false
	s.quiet(1)
	s.tells("end rate out room: calm")
	if a := s.ended[0]; a.Peak != 301 {
		t.Errorf("ended %+v", a)
	}
	s.quiet(60)
	for i := range 30 {
		s.OverRate(InMessages, fmt.Append(nil, i), 51, nil, s.now, state(0))
	}
	s.quiet(60)
	if len(s.told) != 2*perMinute+1 || s.told[2*perMinute] != "20 more of rate" {
		t.Errorf("told %q", s.told)
	}
}
