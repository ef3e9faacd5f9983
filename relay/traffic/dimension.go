package traffic

// What is counted of each channel.

// Dimension is one of the figures that are kept of each channel.
type Dimension int

// The dimensions.
const (
	InMessages  Dimension = iota // messages from Redis
	OutMessages                  // messages of local clients, sent to Redis
	Refused                      // messages refused in either direction, and invalid ones that were let through
	Dropped                      // messages that one listener did not get
	InBytes                      // payloads from Redis
	OutBytes                     // payloads of local clients, sent to Redis

	Dimensions = 6 // how many there are
)

// messageDimensions are those that count messages; they come first.
const messageDimensions = 4

// names are the dimensions for users.
var names = [Dimensions]string{"in", "out", "refused", "dropped", "in_bytes", "out_bytes"}

// String returns the name of a dimension for users.
func (d Dimension) String() string { return names[d] }

// ParseDimension finds a dimension by its name.
func ParseDimension(name string) (d Dimension, ok bool) {
	for d, n := range names {
		if n == name {
			return Dimension(d), true
		}
	}
	return 0, false
}

// Figures holds one number for each dimension.
type Figures [Dimensions]float64

// pending is what happened on a channel since the last tick. It fits into one cache line, and is all that a message
// touches.
type pending struct {
	messages [messageDimensions]uint32
	largest  uint32 // bytes of the largest payload
	bytes    [2]uint64
	sender   any // the last local publisher; see Options.Identify
}

// of returns the figure of one dimension.
func (p *pending) of(d int) float64 {
	if d < messageDimensions {
		return float64(p.messages[d])
	}
	return float64(p.bytes[d-messageDimensions])
}

// addTo adds p to totals.
func (p *pending) addTo(totals *Figures) {
	for d := range totals {
		totals[d] += p.of(d)
	}
}

// share returns the sum of p's shares. unit is the share of one message or byte.
func (p *pending) share(unit *Figures) (weight float64) {
	for d := range unit {
		weight += p.of(d) * unit[d]
	}
	return weight
}
