// This file holds the read buffers and the pools that lend them to connections with input.

package resp

import (
	"math/bits"
	"sync"
)

const (
	minBufferBits = 14 // 16 KiB: the buffer a connection starts with
	maxPooledBits = 20 // 1 MiB: larger buffers are left to the garbage collector
	minBuffer     = 1 << minBufferBits
	maxPooled     = 1 << maxPooledBits

	// maxKeptArgs is the longest argument list whose arrays are used again: 4096 take 128 KiB.
	maxKeptArgs = 4096
)

// buffer is the memory of one connection that has input: its bytes, and the arrays that describe the arguments in
// them. An idle connection has none.
type buffer struct {
	data  []byte
	spans []span   // arguments of the command being read, relative to its first byte
	args  [][]byte // arguments of all commands returned since the last read
}

// span is an argument's place, from the first byte of its command. MaxCommand keeps both within 32 bits.
type span struct{ off, len uint32 }

// bufferPools[i] holds buffers of minBuffer<<i bytes.
var bufferPools [maxPooledBits - minBufferBits + 1]sync.Pool

// newBuffer returns a buffer of size bytes, a power of two of at least minBuffer. It may hold old bytes.
func newBuffer(size int) *buffer {
	if size <= maxPooled {
		if b, ok := bufferPools[poolIndex(size)].Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{data: make([]byte, size)}
}

// free gives b, which describes no command any more, back. Neither b nor its args may be used afterwards.
func (b *buffer) free() {
	b.forgetArgs()
	if len(b.data) <= maxPooled {
		bufferPools[poolIndex(len(b.data))].Put(b)
	}
}

// grow returns a buffer twice the size that holds data at its start and the spans of b, which it frees.
func (b *buffer) grow(data []byte) *buffer {
	larger := newBuffer(2 * len(b.data))
	copy(larger.data, data)
	larger.spans, b.spans = b.spans, larger.spans
	b.free()
	return larger
}

// forgetArgs empties the argument list, whose arguments all lie in data, and drops arrays that became huge.
func (b *buffer) forgetArgs() {
	b.args = b.args[:0]
	if cap(b.args) > maxKeptArgs {
		b.args = nil
	}
	if len(b.spans) == 0 && cap(b.spans) > maxKeptArgs {
		b.spans = nil
	}
}

// poolIndex returns which pool holds buffers of size bytes.
func poolIndex(size int) int {
	return bits.Len(uint(size)) - 1 - minBufferBits
}
