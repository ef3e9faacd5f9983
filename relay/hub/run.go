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

// run collects frames that follow each other in memory and go to the same listeners, so that a burst costs each
// listener one append.
type run struct {
	topic  *topic // nil: nothing is collected
	of     *registry
	kind   resp.Kind
	name   []byte // of topic
	mode   Mode
	frames []byte // RESP2, as Redis sent them
	starts []int  // where each frame begins
	keys   []Key  // the key of each frame; with modeLatest only

	missedBy int   // listeners that do not get the run
	missed   []int // of each frame: listeners that do not get it, beside missedBy; nil: none

	resp3     []byte // the frames as RESP3 pushes; nil: no listener has needed them
	chunk     []byte // memory for resp3; used again once nothing refers to it
	chunkKept bool   // something refers to chunk: it is filled up, and then left to the garbage collector
}

// topicOf returns the topic of a name in a registry if the run is for that topic, or nil. The hub does not forget the
// topic of a run before the run is fanned out.
func (r *run) topicOf(of *registry, kind resp.Kind, name []byte) *topic {
	if r.topic != nil && r.of == of && r.kind == kind && bytes.Equal(r.name, name) {
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

func (r *run) begin(of *registry, t *topic, kind resp.Kind, name []byte, mode Mode, frame []byte) {
	r.of, r.topic, r.kind, r.name, r.mode, r.frames = of, t, kind, name, mode, frame
	r.starts = append(r.starts[:0], 0)
	r.keys = r.keys[:0]
	r.resp3 = nil
	r.missedBy, r.missed = 0, r.missed[:0]
}

// frame returns frame i of the run, given its frames in either protocol.
func (r *run) frame(frames []byte, i int) []byte {
	if i+1 < len(r.starts) {
		return frames[r.starts[i]:r.starts[i+1]]
	}
	return frames[r.starts[i]:]
}

// pushes returns the frames as RESP3. Only the first byte of each frame differs.
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

// reuse uses chunk again from its start, unless something may still refer to it.
func (r *run) reuse(reusable bool) {
	if r.chunkKept = r.chunkKept || !reusable; !r.chunkKept {
		r.chunk = r.chunk[:0]
	}
}
