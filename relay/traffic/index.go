package traffic

// The index: where a channel is in the table.

const slots = 2 * Capacity // of an index

// index is a hash table, by the keys of channels, with open addressing. It has slots places, half of them free.
type index []slot

// slot is a place in an index.
type slot struct {
	key uint64 // 0: empty
	at  uint16 // place in Table.keys
}

// look finds a channel by its key.
func (x index) look(key uint64) (at int, ok bool) {
	for i := key % slots; ; i = (i + 1) % slots {
		switch s := &x[i]; s.key {
		case key:
			return int(s.at), true
		case 0:
			return 0, false
		}
	}
}

// enter adds a channel.
func (x index) enter(key uint64, at int) {
	i := key % slots
	for x[i].key != 0 {
		i = (i + 1) % slots
	}
	x[i] = slot{key, uint16(at)}
}

// clear forgets all channels.
func (x index) clear() { clear(x) }
