package traffic

// The table of channels, and counting.

import (
	"hash/maphash"
	"time"
)

const (
	// Capacity is how many channels a Table keeps at most.
	Capacity = 4096
	// MaxName is how many bytes of a channel's name are kept.
	MaxName = 256
)

// Options set up a Table.
type Options struct {
	Now time.Time // of the start

	// Identify returns who a sender given to Out or Refused is. It is called at most once a tick for each channel.
	Identify func(sender any) Publisher
	// HeardFor returns for how long the relay has been subscribed to a channel, by its name or a pattern.
	HeardFor func(channel []byte) time.Duration
	// Alarms are told of alerts.
	Alarms Alarms
}

// Table keeps the figures of the heaviest channels. It belongs to the loop.
type Table struct {
	opts Options // fixed after construction
	seed maphash.Seed

	index   index        // finds channels by the hash of their names
	keys    []uint64     // of each channel; 0: the place is free
	pending []pending    // of each channel
	weights []float64    // of each channel, without its pending; see doc.go
	records []record     // of each channel
	free    []uint16     // places that are free
	scratch [2][]float64 // memory for purge

	clock  clock
	gone   Figures // pending of channels that were forgotten since the last tick
	faded  Figures // totals, which fade like weights
	missed float64 // the sum of the medians that were subtracted, faded: what an unknown channel may weigh
	total  record  // all channels together
	alerts *alerts
}

// record is what is kept of a channel, up to the last tick.
type record struct {
	name      []byte // cut to MaxName
	length    int    // bytes of the whole name
	since     time.Time
	count     Figures // since then
	now       Figures // per second, over some seconds
	recent    Figures // counts that fade like weights
	last      Figures // per second, of the last interval alone: it is not in learned yet
	learned   Figures // the moving average of the rate, which starts at 0: see clock.usual
	unseen    float64 // the largest share that the channel may have had before it was admitted; fades
	largest   uint32  // bytes of the largest payload
	publisher Publisher
	published time.Time // when publisher was seen last; zero: never
	minute    [Minute]uint32
	spike     *spike // nil: none is under way
	early     uint8  // ticks in a row in which it was over the others, in the first minute
	rest      rest
}

// Publisher is a local client that has published on a channel. A zero Client: none is known.
type Publisher struct {
	Client uint64 // as in CLIENT LIST
	Name   string
	PID    int32  // 0: unknown
	UID    uint32 // if Known
	Known  bool
}

// New returns an empty Table. It finds no spikes before SetSpikes.
func New(o Options) *Table {
	t := &Table{opts: o, seed: maphash.MakeSeed(), index: make(index, slots)}
	t.clock.start(o.Now)
	t.alerts = newAlerts(t, &o)
	t.total.since = o.Now
	return t
}

// In counts messages from Redis: neighbouring ones on one channel. bytes are those of their payloads, and largest
// those of the largest payload.
func (t *Table) In(channel []byte, messages, bytes, largest int) {
	p := &t.pending[t.find(channel)]
	p.messages[InMessages] += uint32(messages)
	p.bytes[0] += uint64(bytes)
	p.largest = max(p.largest, uint32(largest))
}

// Out counts a message that a local client has published and that is sent to Redis. bytes are those of its payload.
// sender may be nil.
func (t *Table) Out(channel []byte, bytes int, sender any) {
	p := &t.pending[t.find(channel)]
	p.messages[OutMessages]++
	p.bytes[1] += uint64(bytes)
	p.largest = max(p.largest, uint32(bytes))
	if sender != nil {
		p.sender = sender
	}
}

// Refused counts a message that was refused. sender is nil if it came from Redis, or if nobody is known.
func (t *Table) Refused(channel []byte, sender any) {
	p := &t.pending[t.find(channel)]
	p.messages[Refused]++
	if sender != nil {
		p.sender = sender
	}
}

// Dropped counts messages that a listener did not get, one for each listener.
func (t *Table) Dropped(channel []byte, messages int) {
	t.pending[t.find(channel)].messages[Dropped] += uint32(messages)
}

// Len returns how many channels the Table keeps.
func (t *Table) Len() int { return len(t.keys) - len(t.free) }

// find returns the place of a channel, which it admits if it is not in the table.
func (t *Table) find(channel []byte) int {
	key := t.hash(channel)
	if at, ok := t.index.look(key); ok {
		return at
	}
	return t.admit(key, channel)
}

// hash returns the key of a channel, which is not 0.
func (t *Table) hash(channel []byte) uint64 { return max(1, maphash.Bytes(t.seed, channel)) }

// admit adds a channel to the table.
func (t *Table) admit(key uint64, channel []byte) int {
	at := t.place()
	t.keys[at] = key
	t.index.enter(key, at)
	r := &t.records[at]
	*r = record{
		name: append(r.name[:0], channel[:min(len(channel), MaxName)]...), length: len(channel),
		since: t.clock.now, unseen: t.missed,
	}
	return at
}

// place returns a place that is free. If there is none, the lightest channels are forgotten.
func (t *Table) place() (at int) {
	if len(t.free) == 0 && len(t.keys) == Capacity {
		t.purge()
	}
	if last := len(t.free) - 1; last >= 0 {
		at, t.free = int(t.free[last]), t.free[:last]
		return at
	}
	t.keys = append(t.keys, 0)
	t.pending = append(t.pending, pending{})
	t.weights = append(t.weights, 0)
	t.records = append(t.records, record{})
	return len(t.keys) - 1
}
