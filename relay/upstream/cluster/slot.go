package cluster

// Which slot a name is in.

import "bytes"

// Slots is how many slots a cluster has.
const Slots = 16384

// Slot returns the slot of a channel, or of a key: that of the text in its first braces, if there is one, or else of
// all of it.
func Slot(name []byte) int {
	if _, rest, found := bytes.Cut(name, []byte("{")); found {
		if tag, _, closed := bytes.Cut(rest, []byte("}")); closed && len(tag) > 0 {
			name = tag
		}
	}
	return int(crc16(name)) % Slots
}

// crc16 is CRC-16/XMODEM.
func crc16(text []byte) (sum uint16) {
	for _, c := range text {
		sum = sum<<8 ^ crcTable[byte(sum>>8)^c]
	}
	return sum
}

var crcTable = makeTable()

func makeTable() (table [256]uint16) {
	for i := range table {
		sum := uint16(i) << 8 //nolint:gosec // below 256
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
		table[i] = sum
	}
	return table
}
