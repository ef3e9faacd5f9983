package deadletter

// Messages on their way to Redis, which may refuse them.

import (
	"slices"
	"time"
)

// Held is a message on its way to Redis that becomes a letter if Redis refuses it. Release or Keep must be called,
// once.
type Held struct {
	writer *Writer
	letter Letter
	weight int64 // reserved; 0: there was no room
}

// Hold copies a message and reserves room for it. If there is none, Keep will count it as lost.
func (w *Writer) Hold(l Letter) *Held {
	h := &Held{writer: w, letter: l, weight: l.weight()}
	if !w.queue.reserve(h.weight) {
		h.weight, h.letter.Payload = 0, nil
		return h
	}
	h.letter.Payload = slices.Clone(l.Payload)
	return h
}

// Release forgets the message: Redis has taken it, or its publisher is to try again.
func (h *Held) Release() { h.writer.queue.free(h.weight) }

// Keep makes the message a letter.
func (h *Held) Keep(code, reason string) {
	if h.weight == 0 {
		h.writer.lostForRoom()
		return
	}
	h.letter.Code, h.letter.Reason, h.letter.Time = code, reason, time.Now()
	more := h.letter.weight() - h.weight // of the reason: bounded by what Redis answers
	h.writer.queue.free(-more)
	h.writer.push(h.letter)
}
