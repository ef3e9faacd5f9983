package upstream

// The probe: messages of the relay to itself, by which it notices a Redis that delivers nothing.

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

// probeTimeout is for a message that Redis acknowledged to be on its way back.
const probeTimeout = 5 * time.Second

var errDeaf = errors.New("Redis acknowledged a probe, answered a later PING and did not deliver the probe")

// prober sends numbered messages to itself. Those that Redis acknowledges must come back.
type prober struct {
	// Fixed after construction.
	channel string // known to this run of the relay only; empty: there are no probes
	log     *zap.Logger

	subscribed bool      // the session has the channel, and may publish on it
	sent       uint64    // number of the last probe
	sentAt     time.Time // when it was published
	echoed     uint64    // number of the last probe that came back
	due        uint64    // number of the first probe that was acknowledged and has not come back
	dueSince   time.Time // when it was acknowledged
	deaf       bool      // the last session ended with errDeaf, and no probe has come back since
}

// subscribe subscribes the channel in a new session.
func (p *prober) subscribe(c *Connection) {
	if p.channel == "" {
		return
	}
	c.Subscribe(resp.Message, []string{p.channel}, func(lost bool, refused error) {
		switch {
		case lost:
		case refused != nil:
			p.deaf = false // that cannot be known any more
			p.log.Warn("Redis does not allow the relay's own channels: no delivery probe"+
				Advice(refused, p.rule()), zap.Error(refused))
		default:
			p.subscribed = true
		}
	})
}

// rule lets the relay use its own channels.
func (p *prober) rule() string {
	prefix, _, _ := strings.Cut(p.channel, "relay:")
	return "&" + prefix + "relay:*"
}

// send publishes a probe, if the session is restored.
func (p *prober) send(c *Connection) {
	if !p.subscribed || !c.Ready() {
		return
	}
	p.sent++
	p.sentAt = time.Now()
	number := p.sent
	err := c.Publish(0, false, []byte(p.channel), strconv.AppendUint(nil, number, 10),
		AnswerFunc(func(_ resp.Value, err error) {
			switch {
			case err == nil:
				p.acknowledged(number)
			case strings.HasPrefix(err.Error(), "NOPERM "):
				p.subscribed, p.deaf = false, false
				p.log.Warn("Redis does not allow the relay to publish to itself: no delivery probe"+
					Advice(err, p.rule()), zap.Error(err))
			}
		}))
	if err != nil {
		p.log.Debug("no probe was sent", zap.Error(err))
	}
}

// echo takes a probe that came back.
func (p *prober) echo(c *Connection, payload []byte) {
	n, err := strconv.ParseUint(string(payload), 10, 64)
	if err != nil {
		c.bus.heard(string(payload))
		return
	}
	if n == p.sent && n > p.echoed && c.opts.RoundTrip != nil {
		c.opts.RoundTrip(time.Since(p.sentAt))
	}
	p.echoed, p.deaf = max(p.echoed, n), false
}

// acknowledged notes that Redis has taken a probe.
func (p *prober) acknowledged(number uint64) {
	if p.due <= p.echoed && p.sent >= number { // else it is of an earlier session
		p.due, p.dueSince = number, time.Now()
	}
}

// overdue tells whether a probe has not come back that was acknowledged long before a PING was sent.
func (p *prober) overdue(pinged time.Time) bool {
	return p.due > p.echoed && pinged.Sub(p.dueSince) > probeTimeout
}

// lost forgets the probes of a session that has ended.
func (p *prober) lost(err error) {
	*p = prober{channel: p.channel, log: p.log, deaf: p.deaf || errors.Is(err, errDeaf)}
}
