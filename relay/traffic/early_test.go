package traffic

// The first minute: a channel that is far over those of its kind is told of, and ordinary starts raise nothing.

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// rooms is ordinary traffic in each second: some rooms with a few messages.
func rooms(s *scene, n, each int) {
	for room := range n {
		s.in(fmt.Sprint("chat:room-", room), each)
	}
}

// TestABotFromTheStart is told within ten seconds, with its publisher; once, and its end once.
func TestABotFromTheStart(t *testing.T) {
	for name, bots := range map[string]struct {
		rate, rooms, each int
		begins            int // seconds after the start
	}{
		"with few others":         {1000, 4, 10, 0},
		"with many others":        {5000, 100, 5, 0},
		"slow":                    {450, 4, 10, 0},
		"some seconds later":      {1000, 4, 10, 20},
		"as one of idle channels": {2000, 4, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			live := func(int) { rooms(s, bots.rooms, bots.each) }
			s.seconds(bots.begins, live)
			s.tells()
			told := 0
			s.seconds(40, func(second int) {
				live(second)
				s.out("chat:room-99", bots.rate, bot)
				s.in("chat:room-99", bots.rate)
				if told == 0 && len(s.told) > 0 {
					told = second
				}
			})
			s.tells("spike out chat:room-99")
			if told == 0 || told > 10 {
				t.Errorf("told after %d s", told)
			}
			a := s.begun
			if len(a) != 1 || !a[0].Early || a[0].Publisher != bot || a[0].Usual != 0 || !near(a[0].Rate, float64(bots.rate), 0.01) {
				t.Errorf("alerts %+v", a)
			}
			s.seconds(600, live)
			s.tells("end spike out chat:room-99: calm")
			if c, _ := s.Find([]byte("chat:room-99")); c.Usual[OutMessages] > 1 {
				t.Errorf("%v messages/s are taken for usual", c.Usual[OutMessages])
			}
		})
	}
}

// TestABotElsewhereFromTheStart comes from Redis, and nobody of this host is named.
func TestABotElsewhereFromTheStart(t *testing.T) {
	s := newScene(t)
	s.heard = 0
	s.seconds(90, func(int) {
		rooms(s, 10, 5)
		s.out("chat:room-1", 5, bot)
		s.in("chat:room-1", 3000)
		s.heard += time.Second
	})
	s.tells("spike in chat:room-1")
	if a := s.begun; len(a) != 1 || a[0].Publisher != (Publisher{}) {
		t.Errorf("alerts %+v", a)
	}
}

// TestABotThatGoesOn counts as usual after half an hour, as any other spike.
func TestABotThatGoesOn(t *testing.T) {
	s := newScene(t)
	s.seconds(2*3600, func(int) {
		rooms(s, 10, 5)
		s.in("chat:room-99", 1000)
	})
	s.tells("spike in chat:room-99", "end spike in chat:room-99: normal")
}

// TestAnOrdinaryStartIsNoSpike, whatever a fleet carries that starts again.
func TestAnOrdinaryStartIsNoSpike(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, live := range map[string]func(s *scene, second int){
		"a steady load": func(s *scene, _ int) { rooms(s, 100, 50) },
		"rooms of all sizes": func(s *scene, _ int) {
			for room := range 300 {
				s.in(fmt.Sprint("chat:room-", room), 3000/(room+1))
			}
		},
		"a main channel among others": func(s *scene, _ int) {
			s.in("prices", 5000)
			rooms(s, 20, 1)
		},
		"a main channel of a family with names": func(s *scene, _ int) {
			s.in("game:tick", 2000)
			for _, other := range []string{"join", "leave", "chat", "score", "pause"} {
				s.in("game:"+other, 1)
			}
		},
		"a lobby, and rooms": func(s *scene, _ int) {
			s.in("chat:lobby", 900)
			rooms(s, 20, 2)
		},
		"one channel, and nothing else":        func(s *scene, _ int) { s.in("room:1", 5000) },
		"a busy one with two that are like it": func(s *scene, _ int) { s.in("shard:1", 5000); s.in("shard:2", 10); s.in("shard:3", 10) },
		"two busy ones": func(s *scene, _ int) {
			rooms(s, 20, 2)
			s.in("chat:room-1", 1000)
			s.in("chat:room-2", 900)
		},
		"what waited for the start": func(s *scene, second int) {
			rooms(s, 20, 2)
			if second < 4 {
				s.in("chat:room-1", 20_000)
			}
		},
		"bursts": func(s *scene, second int) {
			rooms(s, 20, 2)
			if second%5 != 0 && second < warmUp-15 {
				s.in(fmt.Sprint("chat:room-", second/5), 3000)
			}
		},
		"apps that come back one by one": func(s *scene, second int) {
			for room := range min(5*second, 50) {
				s.in(fmt.Sprint("chat:room-", room), 20+random.IntN(20))
			}
		},
		"little, all in one": func(s *scene, _ int) {
			rooms(s, 20, 0)
			rooms(s, 4, 1)
			s.in("chat:room-1", 300)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.seconds(300, func(second int) { live(s, second) })
			s.tells()
		})
	}
}

// TestAnOutageOfTheStart: what waited for Redis is no spike.
func TestAnOutageOfTheStart(t *testing.T) {
	s := newScene(t)
	s.outage = true
	s.quiet(20)
	s.outage = false
	s.seconds(100, func(second int) {
		rooms(s, 20, 2)
		if second < 5 {
			s.in("chat:room-1", 5000)
		}
	})
	s.tells()
}

// TestNoEarlySpikeWhenSwitchedOff, and none of a channel that is over its rate.alert.
func TestNoEarlySpikeWhenSwitchedOff(t *testing.T) {
	s := newScene(t)
	s.SetSpikes(Spikes{})
	loop := func(int) {
		rooms(s, 10, 5)
		s.in("chat:room-99", 1000)
	}
	s.seconds(50, loop)
	s.tells()

	s = newScene(t)
	over := func() State { return func(time.Time) (bool, float64) { return true, 1000 } }
	s.OverRate(InMessages, []byte("chat:room-99"), 101, nil, s.now, over)
	s.seconds(50, loop)
	s.tells("rate in chat:room-99")
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]string{
		"chat:room-42": "chat:room-#", "chat:42": "chat:#", "user:u77x:inbox": "user:#:inbox", "chat:lobby": "", "prices": "", "": "",
		"doc:9f1c2b7e-05d4-4c11-8a3d-2b7b1c0e9d7f": "doc:#-#-#-#-#", "42": "#", "räume:7": "räume:#", "a::1": "a::#", ":": "",
	} {
		if got := kindOf([]byte(name)); got != want {
			t.Errorf("%q is of the kind %q, want %q", name, got, want)
		}
	}
}
