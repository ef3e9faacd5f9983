package frames

// Memory for bytes from Redis. They are read into chunks, of which the sink may keep slices. A chunk of which
// nothing is kept is used again; another is left to the garbage collector, which frees it with its last slice.

import "redis-relay/relay/resp"

// MaxAnswer is how many bytes a reply may have: those on the wire, and 32 for each value in it.
const MaxAnswer = 64 << 20

const (
	// ChunkSize is how many bytes are read into one piece of memory.
	ChunkSize = 256 << 10

	minRead = 16 << 10 // bytes of room below which a new chunk is begun
)

// Input is the bytes from Redis, and the frames in them. scan.go finds the frames. The zero Input is empty.
type Input struct {
	// Delivered is the bytes of messages that were delivered since Written was called. The caller adds to it.
	Delivered int

	chunk []byte // from begin on: bytes not yet taken
	begin int
	edge  int  // the end of the last message delivered from chunk; 0: none was
	kept  bool // the sink keeps slices of chunk
	need  int  // bytes that the next frame has at least

	// The frame that Next has found.
	Delivery resp.Delivery // of a message
	Size     int           // bytes, of a message or a push
	Number   int64         // a reply
	Value    resp.Value    // a reply

	skip int // bytes of a refused message still to come

	// Of a reply that is not whole yet.
	walk     walker
	walked   int  // bytes from begin on
	kind     byte // its first byte
	tooLarge bool // it is not kept
}

// Room is where to read to: never empty.
func (in *Input) Room() []byte {
	in.makeRoom()
	return in.chunk[len(in.chunk):cap(in.chunk)]
}

// Grow says that n bytes were read into room.
func (in *Input) Grow(n int) { in.chunk = in.chunk[:len(in.chunk)+n] }

// Chunk is the memory that is being read into, for those who measure; nil: none yet.
func (in *Input) Chunk() []byte { return in.chunk }

// unread is the bytes that no frame has taken yet.
func (in *Input) unread() []byte { return in.chunk[in.begin:] }

// Written says that all delivered messages were written, and whether none of their frames are kept.
func (in *Input) Written(reusable bool) {
	if in.Delivered > 0 {
		in.Delivered = 0
		in.kept = in.kept || !reusable
	}
}

// makeRoom goes back to the start of the chunk when nothing in it is needed any
// more. If there is little room left it moves the needed bytes to the start, or
// to a new chunk. A chunk that was made for a large frame is not used again.
func (in *Input) makeRoom() {
	rest := in.chunk[in.begin:]
	short := cap(in.chunk)-len(in.chunk) < minRead || in.need > cap(in.chunk)-in.begin
	free := in.Delivered == 0 && !in.kept && cap(in.chunk) == ChunkSize && in.need <= ChunkSize-minRead
	switch {
	case free && (short || len(rest) == 0):
		in.chunk = append(in.chunk[:0], rest...)
	case short:
		in.chunk = append(make([]byte, 0, max(ChunkSize, in.need+minRead, 2*len(rest))), rest...)
		in.kept, in.Delivered = false, 0 // the delivered messages lie in the old one
	default:
		return
	}
	in.begin, in.edge = 0, 0
}
