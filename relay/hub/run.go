package hub

// A run: neighbouring frames for one topic, fanned out together.

import (
	"bytes"

	"redis-relay/relay/resp"
)

const (
	maxRun    = 64 << 10  // bytes fanned out at once, so that a full queue loses little
	pushChunk = 256 << 10 // bytes of RESP3 frames in one piece of memory
)

// run collects frames that stand next to each other in memory and go to the
// same listeners, so that a burst costs each listener one append.
type run struct {
	topic  *topic // nil: nothing is collected
	kind   resp.Kind
	name   []byte // of topic
	mode   Mode
	frames []byte // RESP2, as Redis sent them
	starts []int  // where each frame begins
	keys   []Key  // and its key; with modeLatest only

	resp3     []byte // the same as RESP3 pushes; made when somebody needs them
	chunk     []byte // memory for resp3; used again once nothing of it is kept
	chunkKept bool   // something was kept of chunk: it is filled up, and left to the collector
}

// of returns the topic of a name if the run is for it, or nil. While a run is
// collected its topic does not change.
func (r *run) topicOf(kind resp.Kind, name []byte) *topic {
	if r.topic != nil && r.kind == kind && bytes.Equal(r.name, name) {
		return r.topic
	}
	return nil
}

// extend adds a frame if it continues the run.
func (r *run) extend(t *topic, mode Mode, frame []byte) bool {
	if r.topic != t || r.mode != mode || mode&ModeOne != 0 || len(r.frames)+len(frame) > maxRun {
		return false
	}
	l := len(r.frames)
	if cap(r.frames)-l < len(frame) || &r.frames[:l+1][l] != &frame[0] {
		return false
	}
	r.starts = append(r.starts, l)
	r.frames = r.frames[:l+len(frame)]
	return true
}

func (r *run) begin(t *topic, kind resp.Kind, name []byte, mode Mode, frame []byte) {
	r.topic, r.kind, r.name, r.mode, r.frames = t, kind, name, mode, frame
	r.starts = append(r.starts[:0], 0)
	r.keys = r.keys[:0]
	r.resp3 = nil
}

// frame returns frame i of the run, given its frames in either protocol.
func (r *run) frame(frames []byte, i int) []byte {
	if i+1 < len(r.starts) {
		return frames[r.starts[i]:r.starts[i+1]]
	}
	return frames[r.starts[i]:]
}

// pushes returns the frames as RESP3: the same bytes but for the first of each.
func (r *run) pushes() []byte {
	if r.resp3 != nil {
		return r.resp3
	}
	if cap(r.chunk)-len(r.chunk) < len(r.frames) {
		r.chunk, r.chunkKept = make([]byte, 0, max(pushChunk, len(r.frames))), false
	}
	n := len(r.chunk)
	r.chunk = append(r.chunk, r.frames...)
	r.resp3 = r.chunk[n:]
	for _, i := range r.starts {
		r.resp3[i] = '>'
	}
	return r.resp3
}

// settle notes whether anything is kept of what was made since it was called last.
func (r *run) reuse(nothing bool) {
	if r.chunkKept = r.chunkKept || !nothing; !r.chunkKept {
		r.chunk = r.chunk[:0]
	}
}
