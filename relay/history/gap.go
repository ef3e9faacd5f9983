package history

// What could not be healed, and how the log says it.

import "go.uber.org/zap"

// Gap is what could not be healed.
type Gap struct {
	Channel string // empty with Pattern
	Pattern string // the channels that it matches and that were not heard before
	After   ID     // the last entry that listeners have; zero: not known
	Before  ID     // the next one they get; zero: not known
	Missing int64  // entries between the two; 0: not known
	Entry   ID     // the one that is missing, if it is in the stream
	Size    int64  // of Entry, in bytes
	Cause   string
}

// fields are what is known of a gap.
func (g *Gap) fields() (list []zap.Field) {
	for _, f := range []struct{ name, text string }{{"channel", g.Channel}, {"pattern", g.Pattern}} {
		if f.text != "" {
			list = append(list, zap.String(f.name, f.text))
		}
	}
	for _, f := range []struct {
		name string
		id   ID
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
