package tail

// What a viewer asks for.

import (
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

const (
	// DefaultRate is how many lines a second a viewer gets that does not say how many.
	DefaultRate = 1000
	// MaxRate is the most lines a second that a viewer may ask for.
	MaxRate = 10_000
	// MaxShown is how many bytes of a payload a viewer gets, unless it asks for whole payloads.
	MaxShown = 256
)

// Options say what a viewer wants to see.
type Options struct {
	Patterns [][]byte // of channels, as PSUBSCRIBE has them; none: all channels
	Rejected bool     // only messages that were refused or are invalid
	Full     bool     // whole payloads
	Rate     int      // lines a second, 1 to MaxRate
}

// ParseOptions reads the arguments of MONITOR: [MATCH pattern]... [REJECTED] [FULL] [RATE lines-per-second]. The error
// is for the client. The patterns are copies.
func ParseOptions(args [][]byte) (o Options, err error) {
	o.Rate = DefaultRate
	for i := 0; i < len(args); i++ {
		word, more := strings.ToLower(string(args[i])), i+1 < len(args)
		switch {
		case word == "rejected":
			o.Rejected = true
		case word == "full":
			o.Full = true
		case word == "match" && more:
			i++
			o.Patterns = append(o.Patterns, slices.Clone(args[i]))
		case word == "rate" && more:
			i++
			n, ok := resp.ParseInt(args[i])
			if !ok || n < 1 || n > MaxRate {
				return o, fmt.Errorf("ERR RATE is a number of lines a second, 1 to %d", MaxRate)
			}
			o.Rate = int(n)
		default:
			return o, fmt.Errorf("ERR syntax error: MONITOR [MATCH pattern]... [REJECTED] [FULL] [RATE lines-per-second]")
		}
	}
	return o, nil
}

// Args returns the options as arguments of MONITOR.
func (o *Options) Args() (args []string) {
	for _, p := range o.Patterns {
		args = append(args, "MATCH", string(p))
	}
	if o.Rejected {
		args = append(args, "REJECTED")
	}
	if o.Full {
		args = append(args, "FULL")
	}
	return append(args, "RATE", fmt.Sprint(o.Rate))
}

// matches reports whether a message is among those that are wanted.
func (o *Options) matches(m *Message) bool {
	if o.Rejected && !m.Rejected() {
		return false
	}
	return len(o.Patterns) == 0 || slices.ContainsFunc(o.Patterns, func(p []byte) bool { return glob.Match(p, m.Channel) })
}
