//go:build !linux

package respserver

// arrivals knows nothing here: publishers wait only for commands that have been
// read.
type arrivals struct{}

func newArrivals() (*arrivals, error) { return &arrivals{}, nil }

func (*arrivals) set(int, uint64, bool)        {}
func (*arrivals) unread(ids []uint64) []uint64 { return ids[:0] }
func (*arrivals) close() error                 { return nil }
