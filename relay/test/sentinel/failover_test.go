package sentinel

// The master is another one: what was sent was heard, or is told to be missing.

import (
	"testing"
	"time"
)

// TestTwoFailovers: one on demand, and one because the master dies.
func TestTwoFailovers(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l, c := s.startLoad(), s.startClock()
	s.at(0)
	began := time.Now()
	second := s.Failover()
	c.report(l, second, began)
	s.AwaitWhole()
	s.FindDead(true)
	began = time.Now()
	s.Servers[second].Kill()
	third := s.AwaitOther(second)
	c.report(l, third, began)
	s.FindDead(false)
	s.Servers[second].Restart()
	s.AwaitWhole()
	l.flows(third)
	l.account()
}

// TestDemotedMasterLives: it goes on as a master for seconds, with all its connections. The relay leaves it before, and
// tells what was published there.
func TestDemotedMasterLives(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l := s.startLoad()
	s.at(0)
	master := s.Failover()
	s.at(master)
	if !isMaster(s.Servers[0]) {
		t.Log("the old master was a replica before the relay had left it: the machine is busy")
	}
	s.AwaitWhole()
	l.flows(master)
	l.account()
}

// TestHungMasterComesBack: it is a master still, until the sentinels make a replica of it.
func TestHungMasterComesBack(t *testing.T) {
	t.Parallel()
	s := begin(t)
	l, c := s.startLoad(), s.startClock()
	s.at(0)
	s.FindDead(true)
	began := time.Now()
	s.Servers[0].Stop()
	master := s.AwaitOther(0)
	c.report(l, master, began)
	s.FindDead(false)
	s.Servers[0].Cont()
	s.AwaitWhole()
	l.flows(master)
	l.account()
}
