package upstream

// Memory for bytes from Redis. They are read into chunks, of which the sink may keep slices. A chunk of which
// nothing is kept is used again; another is left to the garbage collector, which frees it with its last slice.

import "redis-relay/relay/resp"

const (
	chunkSize  = 256 << 10 // bytes read into one piece of memory
	minRead    = 16 << 10  // bytes of room below which a new chunk is begun
	burst      = 128 << 10 // bytes of messages after which listeners are served, also in a flood
	frameExtra = 64 << 10  // bytes a frame may have beyond its payload: names and lengths
)

// input is the bytes from Redis, and the frames in them. scan.go finds the frames.
type input struct {
	chunk     []byte // from begin on: bytes not yet taken
	begin     int
	edge      int  // the end of the last message delivered from chunk; 0: none was
	kept      bool // the sink keeps slices of chunk
	delivered int  // bytes of messages since written
	need      int  // bytes that the next frame has at least

	// The frame that next has found.
	d      resp.Delivery // of a message
	size   int           // bytes, of a message or a push
	number int64         // a reply
	value  resp.Value    // a reply

	skip int // bytes of a refused message still to come

	// Of a reply that is not whole yet.
	walk     walker
	walked   int  // bytes from begin on
	kind     byte // its first byte
	tooLarge bool // it is not kept
}

// room is where to read to: never empty.
func (in *input) room() []byte {
	in.makeRoom()
	return in.chunk[len(in.chunk):cap(in.chunk)]
}

// grow says that n bytes were read into room.
func (in *input) grow(n int) { in.chunk = in.chunk[:len(in.chunk)+n] }

// unread is the bytes that no frame has taken yet.
func (in *input) unread() []byte { return in.chunk[in.begin:] }

// written says that all delivered messages were written, and whether none of their frames are kept.
func (in *input) written(reusable bool) {
	if in.delivered > 0 {
		in.delivered = 0
		in.kept = in.kept || !reusable
	}
}

// makeRoom goes back to the start of the chunk when nothing in it is needed any
// more. If there is little room left it moves the needed bytes to the start, or
// to a new chunk. A chunk that was made for a large frame is not used again.
func (in *input) makeRoom() {
	rest := in.chunk[in.begin:]
	short := cap(in.chunk)-len(in.chunk) < minRead || in.need > cap(in.chunk)-in.begin
	free := in.delivered == 0 && !in.kept && cap(in.chunk) == chunkSize && in.need <= chunkSize-minRead
	switch {
	case free && (short || len(rest) == 0):
		in.chunk = append(in.chunk[:0], rest...)
	case short:
		in.chunk = append(make([]byte, 0, max(chunkSize, in.need+minRead, 2*len(rest))), rest...)
		in.kept, in.delivered = false, 0 // the delivered messages lie in the old one
	default:
		return
	}
	in.begin, in.edge = 0, 0
}
