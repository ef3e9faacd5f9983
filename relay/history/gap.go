package history

// Gaps that stay, and how they are told.

import (
	"go.uber.org/zap"

	"redis-relay/relay/stream"
)

// Gap is messages that listeners miss for good.
type Gap struct {
	Channel string    // empty if Pattern is set
	Pattern string    // the gap is in channels that it matches and that had no listener before
	After   stream.ID // the last entry that listeners have, never a position between entries; zero: it is not known
	Before  stream.ID // the next entry that they get; zero: it is not known
	Missing int64     // entries in between; 0: it is not known
	Entry   stream.ID // the missing entry, if it is in the stream
	Size    int64     // bytes of Entry
	Cause   string
}

// gaps tells of them.
type gaps struct {
	*given
	count uint64 // told, ever
}

func (s *gaps) tell(g Gap) {
	s.count++
	s.log.Warn("messages are missing", g.fields()...)
	s.local.Missed(g)
}

// fields is the known facts of a gap, for the log.
func (g *Gap) fields() (list []zap.Field) {
	for _, f := range []struct{ name, text string }{{"channel", g.Channel}, {"pattern", g.Pattern}} {
		if f.text != "" {
			list = append(list, zap.String(f.name, f.text))
		}
	}
	for _, f := range []struct {
		name string
		id   stream.ID
	}{{"after", g.After}, {"before", g.Before}, {"entry", g.Entry}} {
		if !f.id.IsZero() {
			list = append(list, zap.Stringer(f.name, f.id))
		}
	}
	for _, f := range []struct {
		name string
		n    int64
	}{{"size", g.Size}, {"missing", g.Missing}} {
		if f.n != 0 {
			list = append(list, zap.Int64(f.name, f.n))
		}
	}
	return append(list, zap.String("cause", g.Cause))
}
