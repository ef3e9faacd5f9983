package upstream

// Memory for what Redis sends. It is read into chunks, of which the sink may keep slices: a chunk of which
// nothing is kept is used again; another is left to the collector, which frees it with its last slice.

import "redis-relay/relay/resp"

const (
	chunkSize  = 256 << 10 // bytes read into one piece of memory
	minRead    = 16 << 10  // bytes of room below which a new chunk is begun
	burst      = 128 << 10 // bytes of messages after which listeners are served, also in a flood
	frameExtra = 64 << 10  // bytes a frame may have beyond its payload: names and lengths
)

type input struct {
	chunk  []byte // from begin on: bytes not yet taken
	begin  int
	edge   int  // the end of the last message handed on from chunk; 0: none was
	kept   bool // the sink keeps slices of chunk
	skip   int  // bytes of a refused frame still to come
	handed int  // bytes of messages since settle
	need   int  // bytes that the next frame has at least
	d      resp.Delivery

	// Of a reply that is not whole yet.
	walk   walker
	walked int  // bytes from begin on
	kind   byte // its first
	drop   bool // it is too large, and passed over
}

// room is where to read to: never empty.
func (in *input) room() []byte {
	in.makeRoom()
	return in.chunk[len(in.chunk):cap(in.chunk)]
}

// wrote says that n bytes were read.
func (in *input) wrote(n int) { in.chunk = in.chunk[:len(in.chunk)+n] }

// rest is what was read and not taken.
func (in *input) rest() []byte { return in.chunk[in.begin:] }

// settle says whether nothing is kept of what was handed on.
func (in *input) settle(free bool) {
	if in.handed > 0 {
		in.handed = 0
		in.kept = in.kept || !free
	}
}

// makeRoom goes back to the start of the chunk when nothing in it is needed any
// more. When there is little room left it moves what is needed to the start, or
// to a new chunk. One that was made for a large frame is not used again.
func (in *input) makeRoom() {
	rest := in.chunk[in.begin:]
	short := cap(in.chunk)-len(in.chunk) < minRead || in.need > cap(in.chunk)-in.begin
	free := in.handed == 0 && !in.kept && cap(in.chunk) == chunkSize && in.need <= chunkSize-minRead
	switch {
	case free && (short || len(rest) == 0):
		in.chunk = append(in.chunk[:0], rest...)
	case short:
		in.chunk = append(make([]byte, 0, max(chunkSize, in.need+minRead, 2*len(rest))), rest...)
		in.kept, in.handed = false, 0 // what was handed on lies in the old one
	default:
		return
	}
	in.begin, in.edge = 0, 0
}

// closeUp moves the message of n bytes that comes next to the end of the one before, over the replies that
// stood between them, and have been taken: neighbours are queued, and kept, as one.
func (in *input) closeUp(n int) {
	if in.edge > 0 && in.edge < in.begin {
		frame := in.chunk[in.edge : in.edge+n]
		copy(frame, in.chunk[in.begin:in.begin+n])
		_, _, _ = resp.ScanServer(frame, &in.d) // was read once already
		in.edge += n
		return
	}
	in.edge = in.begin + n
}

// pass goes past bytes of a frame that is not read, and reports whether it is behind us.
func (in *input) pass() bool {
	n := min(in.skip, len(in.rest()))
	in.begin += n
	in.skip -= n
	return in.skip == 0
}
