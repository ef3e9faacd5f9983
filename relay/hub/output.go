package hub

// The bytes that go out over one connection, as slices.

const (
	minTail  = 128  // bytes: a handful of replies
	maxTail  = 8192 // bytes: more memory than this is given back once it is written
	maxSpare = 256  // slices whose array is kept for the next batch
)

// output is the bytes of one connection that can be written, in order. Slices are kept as they are; small
// ones are copied to the tail where that saves memory.
type output struct {
	batch  [][]byte // is being written
	array  [][]byte // the whole array of batch
	ready  [][]byte // is written after batch
	spare  [][]byte // the array of an earlier batch, to be used again
	tail   []byte   // memory for copies
	latest latest   // finds the messages in ready that newer ones replace
}

// add appends b to what is ready.
func (o *output) add(b []byte) { o.ready = join(o.ready, b) }

// pending tells whether anything is still to be written.
func (o *output) pending() bool { return len(o.batch) > 0 || len(o.ready) > 0 }

// next makes what is ready the batch. The batch before must be written. It reports false if nothing was ready.
func (o *output) next() bool {
	if len(o.ready) == 0 {
		return false
	}
	o.ready = o.latest.seal(o.ready)
	o.array, o.batch = o.ready, o.ready
	o.ready, o.spare = o.spare, nil
	return true
}

// wrote removes the first n bytes of the batch.
func (o *output) wrote(n int) {
	if o.batch = skip(o.batch, n); len(o.batch) == 0 {
		o.recycle()
	}
}

// recycle forgets the slices of a batch that was written, and keeps its array.
func (o *output) recycle() {
	clear(o.array)
	if cap(o.array) <= maxSpare {
		o.spare = o.array[:0]
	}
	o.array, o.batch = nil, nil
}

// copy copies b to the tail, where join finds it next to the copy before.
func (o *output) copy(b []byte) []byte {
	if cap(o.tail)-len(o.tail) < len(b) {
		o.tail = make([]byte, 0, max(minTail, min(2*cap(o.tail), maxTail), len(b)))
	}
	n := len(o.tail)
	o.tail = append(o.tail, b...)
	return o.tail[n:]
}

// trim gives memory back. Nothing may refer to the tail any more.
func (o *output) trim() {
	if o.tail = o.tail[:0]; cap(o.tail) > maxTail {
		o.tail = nil
	}
}

// join appends b to list. If b directly follows the last slice in the same memory, as neighbouring frames of
// one read do, that slice grows instead: a burst becomes one slice.
func join(list [][]byte, b []byte) [][]byte {
	if len(b) == 0 {
		return list
	}
	if n := len(list); n > 0 {
		last := list[n-1]
		if l := len(last); cap(last)-l >= len(b) && &last[:l+1][l] == &b[0] {
			list[n-1] = last[:l+len(b)]
			return list
		}
	}
	return append(list, b)
}

// skip drops the first n bytes of list.
func skip(list [][]byte, n int) [][]byte {
	for len(list) > 0 && n >= len(list[0]) {
		n -= len(list[0])
		list = list[1:]
	}
	if n > 0 {
		list[0] = list[0][n:]
	}
	return list
}

func size(list [][]byte) (n int) {
	for _, b := range list {
		n += len(b)
	}
	return n
}
