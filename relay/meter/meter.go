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

	window   = time.Second      // over which messages are counted for an alert; see Meter.window
	calm     = 10 * time.Second // that a channel must be at or below Rate.Alert for, until it is not noisy any more
	minSweep = 1024             // channels before the first look for those to forget
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
	rate   Rate
	limit  rate.Limit // rate.Inf: none
	window time.Duration
	most   int // messages in a window that are not noise
	seed   maphash.Seed

	mu       sync.Mutex          // Guards what follows.
	channels map[uint64]*channel // by the hash of the name: names may be long, and anybody makes them up
	sweepAt  int                 // channels at which to look for those to forget
}

// channel is what is remembered of one.
type channel struct {
	bucket *rate.Limiter
	since  time.Time // when the window began
	count  int       // messages in the window
	noisy  time.Time // when a message over Rate.Alert came last; zero: never
	peak   int       // the most messages in a window since the channel is noisy
}

// New returns a Meter that has seen nothing.
func New(r Rate) *Meter {
	m := &Meter{
		rate: r, limit: rate.Inf, window: window,
		seed: maphash.MakeSeed(), channels: map[uint64]*channel{}, sweepAt: minSweep,
	}
	if r.Limit > 0 {
		m.limit = rate.Limit(r.Limit)
	}
	if r.Alert > 0 && r.Alert < 1 { // a second would be too short for even one message
		m.window = time.Duration(min(float64(time.Second)/r.Alert, float64(24*time.Hour)))
	}
	m.most = int(math.Min(r.Alert*m.window.Seconds(), math.MaxInt32))
	return m
}

// Count notes a message that comes on a channel now. A wait above 0
// says that it is over the limit, and how long until one would not be. A noise above
// 0 says that the channel carries more than Rate.Alert: so many messages/s, as far as
// the present second is over. It is said once, by the first message that is too much,
// until the channel has been at or below Rate.Alert for 10 s: see Noisy.
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
		noise = m.noise(c, now)
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

// noise counts a message, and returns the messages/s so far if with it the channel becomes noisy.
func (m *Meter) noise(c *channel, now time.Time) (perSecond float64) {
	if now.Sub(c.since) >= m.window {
		c.since, c.count = now, 0
	}
	c.count++
	if c.count <= m.most {
		return 0
	}
	if !c.isNoisy(now) {
		perSecond, c.peak = m.perSecond(c.count), 0
	}
	c.noisy, c.peak = now, max(c.peak, c.count)
	return perSecond
}

// perSecond returns the rate of so many messages in a window.
func (m *Meter) perSecond(count int) float64 { return float64(count) / m.window.Seconds() }

func (c *channel) isNoisy(now time.Time) bool { return !c.noisy.IsZero() && now.Sub(c.noisy) < calm }

// Noisy tells whether a channel carries more than Rate.Alert, or did so in the last 10 s. peak is the most messages/s
// that it has carried since it does.
func (m *Meter) Noisy(name []byte, now time.Time) (noisy bool, peak float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.channels[maphash.Bytes(m.seed, name)]
	if c == nil {
		return false, 0
	}
	return c.isNoisy(now), m.perSecond(c.peak)
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
	return full && (m.rate.Alert == 0 || now.Sub(c.since) > m.window && !c.isNoisy(now))
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
