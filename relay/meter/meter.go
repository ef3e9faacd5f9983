package meter

// A token bucket and a count a second for each channel.

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// MaxChannels is how many channels a Meter follows. When more are busy at once,
	// some are forgotten and begin anew, with a full burst.
	MaxChannels = 50_000

	window     = time.Second // over which messages are counted for an alert
	alertEvery = time.Minute // between two alerts of one channel that stays noisy
	minSweep   = 1024        // channels before the first look for those to forget
)

// Rate bounds the messages of one channel. A zero switches off.
type Rate struct {
	Limit float64 // messages/s
	Burst int     // messages that may come at once; at least 1 with a Limit
	Alert float64 // messages/s
}

// Meter watches the channels that one Rate applies to, each by itself.
type Meter struct {
	// Fixed after construction.
	rate  Rate
	limit rate.Limit // rate.Inf: none
	seed  maphash.Seed

	mu       sync.Mutex          // Guards what follows.
	channels map[uint64]*channel // by the hash of the name: names may be long, and anybody makes them up
	sweepAt  int                 // channels at which to look for those to forget
}

// channel is what is remembered of one.
type channel struct {
	bucket  *rate.Limiter
	since   time.Time // when the window began
	last    time.Time // when the last message came
	count   int       // messages in the window
	alerted time.Time // when an alert was given last
}

// New returns a Meter that has seen nothing.
func New(r Rate) *Meter {
	m := &Meter{rate: r, limit: rate.Inf, seed: maphash.MakeSeed(), channels: map[uint64]*channel{}, sweepAt: minSweep}
	if r.Limit > 0 {
		m.limit = rate.Limit(r.Limit)
	}
	return m
}

// Count notes a message that comes on a channel now. A wait above 0
// says that it is over the limit, and how long until one would not be. A noise above
// 0 says that the channel has carried so many messages/s, more than Rate.Alert; it
// is said when a second of it is over, and then once a minute while it lasts.
func (m *Meter) Count(name []byte, now time.Time) (wait time.Duration, noise float64) {
	key := maphash.Bytes(m.seed, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.channels[key]
	if c == nil {
		m.makeRoom(now)
		c = &channel{bucket: rate.NewLimiter(m.limit, m.rate.Burst), since: now}
		m.channels[key] = c
	}
	if m.rate.Alert > 0 {
		noise = c.noise(m.rate.Alert, now)
	}
	return c.take(now), noise
}

// take takes a token, or returns how long until there is one.
func (c *channel) take(now time.Time) time.Duration {
	r := c.bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// noise counts a message, and returns the messages/s of a window that is over if
// they are worth an alert.
func (c *channel) noise(above float64, now time.Time) (perSecond float64) {
	if now.Sub(c.since) >= window {
		perSecond = float64(c.count) / max(window, c.last.Sub(c.since)).Seconds()
		c.since, c.count = now, 0
	}
	c.last = now
	c.count++
	if perSecond <= above || now.Sub(c.alerted) < alertEvery {
		return 0
	}
	c.alerted = now
	return perSecond
}

// makeRoom forgets channels of which nothing needs to be known any more, when
// there are twice as many as were left the last time; and any, when there are too
// many.
func (m *Meter) makeRoom(now time.Time) {
	if len(m.channels) < m.sweepAt {
		return
	}
	for name, c := range m.channels {
		if m.quiet(c, now) {
			delete(m.channels, name)
		}
	}
	if len(m.channels) >= MaxChannels {
		m.forgetSome()
	}
	m.sweepAt = min(max(minSweep, 2*len(m.channels)), MaxChannels)
}

// forgetSome forgets an eighth of the channels, so that the next look is far off.
func (m *Meter) forgetSome() {
	for name := range m.channels {
		if len(m.channels) <= MaxChannels-MaxChannels/8 {
			return
		}
		delete(m.channels, name)
	}
}

// quiet tells whether a channel is as one that was never seen.
func (m *Meter) quiet(c *channel, now time.Time) bool {
	full := m.limit == rate.Inf || c.bucket.TokensAt(now) >= float64(m.rate.Burst)
	return full && (m.rate.Alert == 0 || now.Sub(c.since) > 2*window && now.Sub(c.alerted) > alertEvery)
}

// Channels returns how many channels are remembered.
func (m *Meter) Channels() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.channels)
}

// Loosened returns r for messages that have been on their way for up to d longer
// than one another: what kept to r when it was sent keeps to that when it comes.
func (r Rate) Loosened(d time.Duration) Rate {
	if r.Limit > 0 {
		r.Burst += int(math.Min(math.Ceil(r.Limit*d.Seconds()), math.MaxInt32))
	}
	return r
}
