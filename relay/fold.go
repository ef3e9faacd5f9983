package relay

// Names that two kinds of subscription share at Redis.

import (
	"redis-relay/relay/names"
	"redis-relay/relay/resp"
)

// fold has SUBSCRIBE and SSUBSCRIBE of a channel be one subscription to a shard channel. It belongs to the loop.
type fold struct {
	command uint64 // number of the last one
	wanted  map[string]*folded
}

// folded is a channel that is subscribed, or about to be.
type folded struct {
	wire string             // what Redis calls it
	by   [resp.Kinds]uint64 // the last command that subscribed it, of each kind; 0: that kind is not wanted
}

// add notes that channels are subscribed, and returns what Redis calls them, and the number of the command.
func (f *fold) add(m *names.Map, kind resp.Kind, channels []string) (wires []string, command uint64) {
	if f.wanted == nil {
		f.wanted = map[string]*folded{}
	}
	f.command++
	for _, channel := range channels {
		is := f.wanted[channel]
		if is == nil {
			is = &folded{wire: m.Of("", channel)}
			f.wanted[channel] = is
		}
		is.by[kind] = f.command
		wires = append(wires, is.wire)
	}
	return wires, f.command
}

// remove notes that channels are unsubscribed, and returns what Redis calls those that no kind wants any more.
func (f *fold) remove(kind resp.Kind, channels []string) (gone []string) {
	for _, channel := range channels {
		if is := f.wanted[channel]; is != nil {
			is.by[kind] = 0
			if is.by == [resp.Kinds]uint64{} {
				delete(f.wanted, channel)
				gone = append(gone, is.wire)
			}
		}
	}
	return gone
}

// refused notes that Redis has refused a command. What was subscribed by a later one stays.
func (f *fold) refused(kind resp.Kind, channels []string, command uint64) {
	for _, channel := range channels {
		if is := f.wanted[channel]; is != nil && is.by[kind] == command {
			f.remove(kind, []string{channel})
		}
	}
}

// wires returns what Redis calls channels.
func (f *fold) wires(channels []string) (wires []string) {
	for _, channel := range channels {
		if is := f.wanted[channel]; is != nil {
			wires = append(wires, is.wire)
		}
	}
	return wires
}

// has tells whether a channel is wanted.
func (f *fold) has(channel string) bool { return f.wanted[channel] != nil }

// of returns the commands by which a channel is wanted, of each kind.
func (f *fold) of(channel string) (by [resp.Kinds]uint64) {
	if is := f.wanted[channel]; is != nil {
		by = is.by
	}
	return by
}

// rename takes other names over. It returns the names at Redis that are wanted instead of others, and the channels by
// those who hear them.
func (f *fold) rename(m *names.Map) (wanted, unwanted []string, moved []resp.Name) {
	for channel, is := range f.wanted {
		wire := m.Of("", channel)
		if wire == is.wire {
			continue
		}
		wanted, unwanted = append(wanted, wire), append(unwanted, is.wire)
		is.wire = wire
		for kind, by := range is.by {
			if by > 0 {
				moved = append(moved, resp.Name{Kind: resp.Kind(kind), Text: channel})
			}
		}
	}
	return wanted, unwanted, moved
}
