package sentinel

// When Redis's own failover was over.

import (
	"net"
	"strings"
	"sync"
	"time"

	"redis-relay/relay/redistest"
)

// clock notes when each server became a master, and when sentinels told that another master is.
type clock struct {
	s    *scene
	mu   sync.Mutex           // Guards what follows.
	role map[int]time.Time    // when a server said first that it is a master, after it was none
	told map[string]time.Time // when a sentinel told +switch-master first, by the new address
}

// startClock begins to look. It ends with the test.
func (s *scene) startClock() *clock {
	c := &clock{s: s, role: map[int]time.Time{}, told: map[string]time.Time{}}
	done := make(chan struct{})
	var running sync.WaitGroup
	s.t.Cleanup(func() {
		close(done)
		running.Wait()
	})
	for i, server := range s.Servers {
		running.Go(func() { c.askRole(i, server, done) })
	}
	for _, one := range s.Sentinels {
		client := redistest.Dial(s.t, "tcp", one.Addr())
		client.Send("SUBSCRIBE", "+switch-master")
		client.Receive()
		go c.listen(client)
	}
	return c
}

func (c *clock) askRole(i int, server *redistest.Server, done <-chan struct{}) {
	was := true
	for {
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
		}
		role, err := server.Do("ROLE")
		if err != nil {
			continue
		}
		is := role.Elems[0].Str == "master"
		if is && !was {
			c.mu.Lock()
			c.role[i] = time.Now()
			c.mu.Unlock()
		}
		was = is
	}
}

func (c *clock) listen(client *redistest.Client) {
	client.SetTimeout(10 * time.Minute)
	for {
		v, err := client.TryReceive()
		if err != nil {
			return
		}
		if f := strings.Fields(v.Elems[2].Str); len(f) == 5 {
			c.mu.Lock()
			if addr := net.JoinHostPort(f[3], f[4]); c.told[addr].IsZero() {
				c.told[addr] = time.Now()
			}
			c.mu.Unlock()
		}
	}
}

// report logs how long after the failover to a server its first message was heard, by the load.
func (c *clock) report(l *load, server int, began time.Time) {
	t := c.s.t
	t.Helper()
	c.s.at(server)
	var role, told time.Time
	redistest.Eventually(t, patience, "the failover is told", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		role, told = c.role[server], c.told[c.s.Servers[server].Addr()]
		return role.After(began) && told.After(began)
	})
	heard := l.first(server, role.Add(-5*time.Millisecond))
	t.Logf("delivery resumed %v after the new master said so, %v after +switch-master",
		heard.Sub(role).Round(time.Millisecond), heard.Sub(told).Round(time.Millisecond))
	if took := heard.Sub(role); took > time.Minute {
		t.Errorf("delivery resumed %v after Redis's own failover", took)
	}
}
