package upstream

// Noticing a session that is of no use any more: Redis is silent, or is not the master.

import (
	"errors"
	"time"

	"redis-relay/relay/loop"
)

const (
	pingInterval = 2 * time.Second // between two PINGs
	pingTimeout  = 5 * time.Second // of silence after a PING, before the session ends
)

var (
	errSilent  = errors.New("Redis has not answered a PING within " + pingTimeout.String())
	errDemoted = errors.New("this Redis is not the master any more")
)

// heartbeat checks every pingInterval whether a session still serves.
type heartbeat struct {
	session  *session
	timer    *loop.Timer
	lastRead time.Time // when bytes came last
	pinged   time.Time // when the PING was sent that is not answered; zero: all are
	complete time.Time // all messages published before have come
	addr     string    // of this master, as sentinels call it
	probed   time.Time // when a probe was sent last
}

func (h *heartbeat) begin(s *session, d *established) {
	now := s.connection.loop.Now()
	*h = heartbeat{session: s, lastRead: now, complete: d.began, addr: d.node.Addr, probed: now}
	h.timer = s.connection.loop.AfterFunc(pingInterval, h.check)
}

func (h *heartbeat) stop() { h.timer.Stop() }

// completeIfMoved is complete for the case that the master has changed: clients go to the new master
// while the old one still answers. A master that most sentinels have never named may never have been one.
func (h *heartbeat) completeIfMoved() time.Time {
	c := h.session.connection
	named := c.opts.Sentinels.Named(h.addr)
	if named.IsZero() {
		return c.outage.began
	}
	return earlier(h.complete, named.Add(-switching))
}

// check sends a PING and a probe when their time has come, and ends a session that is silent.
func (h *heartbeat) check() {
	s, c := h.session, h.session.connection
	now := c.loop.Now()
	h.timer.Reset(pingInterval)
	if s.paused {
		h.lastRead = now // the silence is ours
	}
	switch last := later(h.lastRead, h.pinged); {
	case h.pinged.IsZero():
		h.ping(now)
	case now.Sub(last) > pingTimeout:
		s.end(errSilent)
		return
	}
	s.mark.renewIfOld()
	if c.opts.ProbeInterval > 0 && (now.Sub(h.probed) >= c.opts.ProbeInterval || c.prober.deaf) {
		h.probed = now
		c.prober.send(c)
	}
}

// ping asks whether Redis is there, and, with Sentinel or in a cluster, whether it is a master.
func (h *heartbeat) ping(now time.Time) {
	h.pinged = now
	s, c := h.session, h.session.connection
	c.Fence(func(lost bool) {
		if lost {
			return
		}
		h.pinged, h.complete = time.Time{}, now
		if c.prober.overdue(now) {
			c.loop.Post(func() { s.end(errDeaf) }) // others wait for the same PONG
		}
	})
	if (c.opts.Mode == modeSentinel || c.opts.Mode == modeCluster) && s.restored {
		c.Do(func(v any, err error) {
			if list, ok := v.([]any); err == nil && ok && len(list) > 0 && list[0] != "master" {
				s.end(errDemoted)
			}
		}, "ROLE")
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
