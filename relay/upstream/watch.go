package upstream

// Noticing a connection that is no use any more: silence, a server that delivers nothing, and a server that
// is not the master.

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	pingInterval = 2 * time.Second // between two questions whether Redis is there
	pingTimeout  = 5 * time.Second // of silence after that, before the connection is given up
	probeTimeout = 5 * time.Second // for a message that Redis acknowledged to be on its way back
)

var (
	errSilent  = errors.New("Redis has not answered a PING within " + pingTimeout.String())
	errDeaf    = errors.New("Redis acknowledged a probe, answered a later PING and did not deliver the probe")
	errDemoted = errors.New("this Redis is not the master any more")
)

// watcher looks every pingInterval whether the connection still serves.
type watcher struct {
	life     *life
	timer    *loop.Timer
	heard    time.Time // when bytes came last
	asked    time.Time // when the PING was sent that is not answered; zero: all are
	complete time.Time // all that was published before has come
	named    time.Time // when Sentinel was asked last that named this master
	probed   time.Time // when a probe was sent last
}

func (w *watcher) begin(k *life, began time.Time) {
	now := k.connection.loop.Now()
	*w = watcher{life: k, heard: now, complete: began, named: began, probed: now}
	w.timer = k.connection.loop.AfterFunc(pingInterval, w.look)
}

func (w *watcher) stop() { w.timer.Stop() }

// moved is up to when all that was published has come if the master has changed: clients go to the new one
// while the old one still answers.
func (w *watcher) moved() time.Time { return earlier(w.complete, w.named.Add(-switching)) }

func (w *watcher) look() {
	k, now := w.life, w.life.connection.loop.Now()
	w.timer.Reset(pingInterval)
	if k.paused {
		w.heard = now // the silence is ours
	}
	switch last := later(w.heard, w.asked); {
	case w.asked.IsZero():
		w.ask(now)
	case now.Sub(last) > pingTimeout:
		k.end(errSilent)
		return
	}
	k.mark.keep()
	c := k.connection
	if c.opts.ProbeInterval > 0 && (now.Sub(w.probed) >= c.opts.ProbeInterval || c.probes.deaf) {
		w.probed = now
		c.sendProbe()
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

// ask asks whether Redis is there, and, with Sentinel, whether it is the master.
func (w *watcher) ask(now time.Time) {
	w.asked = now
	k := w.life
	k.connection.Fence(func(lost bool) {
		if lost {
			return
		}
		w.asked, w.complete = time.Time{}, now
		if k.connection.probes.missing(now) {
			k.connection.loop.Post(func() { k.end(errDeaf) }) // others wait for the same PONG
		}
	})
	if k.connection.opts.Mode == modeSentinel && k.restored {
		k.connection.Ask(func(v any, err error) {
			if list, ok := v.([]any); err == nil && ok && len(list) > 0 && list[0] != "master" {
				k.end(errDemoted)
			}
		}, "ROLE")
	}
}

// probes are the messages of the relay to itself: what Redis acknowledges must come back.
type probes struct {
	sent     uint64    // number of the last
	echoed   uint64    // and of the last that came back
	due      uint64    // and of the first that did not, and was acknowledged
	dueSince time.Time // when it was
	deaf     bool      // the last life was, and none has come back since
}

func (p *probes) echo(payload []byte) {
	if n, err := strconv.ParseUint(string(payload), 10, 64); err == nil {
		p.echoed, p.deaf = max(p.echoed, n), false
	}
}

// acknowledged notes that Redis has taken a probe.
func (p *probes) acknowledged(number uint64) {
	if p.due <= p.echoed && p.sent >= number { // else it is of an earlier life
		p.due, p.dueSince = number, time.Now()
	}
}

// missing tells whether a probe has not come that was acknowledged long before a PING was sent.
func (p *probes) missing(pinged time.Time) bool {
	return p.due > p.echoed && pinged.Sub(p.dueSince) > probeTimeout
}

// lost forgets the probes of a life that has ended.
func (p *probes) lost(err error) {
	*p = probes{deaf: p.deaf || errors.Is(err, errDeaf)}
}

// subscribeProbe has the relay hear its own channel.
func (c *Connection) subscribeProbe() {
	k := c.life
	if c.probe == "" {
		return
	}
	c.Subscribe(resp.Message, []string{c.probe}, func(lost bool, refused error) {
		switch {
		case lost:
		case refused != nil:
			c.probes.deaf = false // that cannot be known any more
			c.log.Warn("Redis does not allow the relay's own channels: no delivery probe"+
				Advice(refused, "&relay:*"), zap.Error(refused))
		default:
			k.held = true
		}
	})
}

// sendProbe publishes to this relay through Redis.
func (c *Connection) sendProbe() {
	k := c.life
	if !k.held || !k.restored {
		return
	}
	c.probes.sent++
	number := c.probes.sent
	err := c.Publish(0, false, []byte(c.probe), strconv.AppendUint(nil, number, 10),
		AnswerFunc(func(_ resp.Value, err error) {
			switch {
			case err == nil:
				c.probes.acknowledged(number)
			case strings.HasPrefix(err.Error(), "NOPERM "):
				k.held, c.probes.deaf = false, false
				c.log.Warn("Redis does not allow the relay to publish to itself: no delivery probe"+
					Advice(err, "&relay:*"), zap.Error(err))
			}
		}))
	if err != nil {
		c.log.Debug("no probe was sent", zap.Error(err))
	}
}
