// This file splits a client's byte stream into commands: what a reader calls, and where it stands in its buffer.

package resp

import "slices"

// Limits of one command. Beyond them, as in Redis, no argument may be longer than 512 MiB, kept or not.
const (
	// MaxInline is the longest inline command in bytes, without its line feed. It is Redis's limit.
	MaxInline = 64 << 10
	// MaxArgs is the most arguments one command may have. Redis 7 allows 2,147,483,647, older ones as many as here.
	MaxArgs = 1 << 20
	// MaxCommand is the most bytes one command may take with its framing, without the arguments that are skipped.
	MaxCommand = 64 << 20

	MaxStrictArgs = 10       // arguments of a command, with Commands.Strict
	MaxStrictBulk = 16 << 10 // bytes of an argument, with Commands.Strict
)

// minSpace is the least room Space offers, in bytes.
const minSpace = 4 << 10

// Commands splits a client's byte stream into commands, multibulk and inline. Its zero value is ready for use.
//
// A reader fills it and empties it in turn:
//
//	n, err := conn.Read(c.Space())
//	c.Wrote(n)
//	for {
//		cmd, ok, err := c.Next() // reply to err and close; without ok, read on
//	}
//
// Commands are parsed where they lie. A command that is not whole yet costs nothing to look at again: parsing goes on
// where it stopped. Memory follows what was received, never what was announced: the buffer starts with 16 KiB and
// doubles when it is full. Next allocates nothing once the connection has sent its usual kind of command.
//
// One goroutine at a time may use it.
type Commands struct {
	// MaxBulk is the longest argument kept, in bytes; 0 means MaxCommand. A longer one is read past, not stored, and
	// reported by Command.Oversize. It may change between two calls of Next.
	MaxBulk int
	// Strict has the limits that Redis has before AUTH: MaxStrictArgs and MaxStrictBulk. It may change between two calls
	// of Next.
	Strict bool

	buf *buffer // nil while nothing is buffered and Space has not been asked for

	// Positions in buf.data: start <= pos <= end.
	start int // first byte of the command being read
	pos   int // parsed up to here
	seen  int // no end of the present line before here, if beyond pos
	end   int // bytes read

	// The command being read.
	want     int   // arguments still to come; 0 also before their number is known
	inBulk   bool  // the present argument's length is known: bulk of its bytes are kept, skip are to be read past
	bulk     int   // only with inBulk
	skip     int   // only with inBulk
	oversize int64 // becomes Command.Oversize

	err *ProtocolError // the last word, once it is set
}

// Command is one command of a client.
type Command struct {
	// Args holds the command's name and arguments, at least one. It and its bytes are valid until the next call of
	// Space or Release. Appending to either copies it.
	Args [][]byte
	// Oversize, if not 0, is the length in bytes of the largest argument that exceeded Commands.MaxBulk. Each such
	// argument is empty in Args.
	Oversize int64
}

// Space returns room to read into, never empty. It ends the life of every Command returned so far. Call it only when
// Next has asked for more, or unread commands pile up without limit.
func (c *Commands) Space() []byte {
	if c.buf == nil {
		c.buf = newBuffer(minBuffer)
	}
	c.buf.forgetArgs()
	switch size := len(c.buf.data); {
	case c.start == c.end:
		c.rewind()
	case size-c.end >= minSpace:
	case size-c.Buffered() >= minSpace:
		copy(c.buf.data, c.buf.data[c.start:c.end])
		c.shift()
	default:
		c.buf = c.buf.grow(c.buf.data[c.start:c.end])
		c.shift()
	}
	return c.buf.data[c.end:]
}

// Wrote says that n bytes were put into the last Space. It panics if Space was not that long.
func (c *Commands) Wrote(n int) {
	room := 0
	if c.buf != nil {
		room = len(c.buf.data) - c.end
	}
	if n < 0 || n > room {
		panic("resp: Wrote more than Space had room for")
	}
	c.end += n
}

// Next returns the next whole command. Without one, and without an error, it returns false: more bytes are needed.
//
// The error is a *ProtocolError: the client is to be told and the connection closed, since nobody can say where its
// next command begins. Every later call returns the same error. Commands without arguments (an empty line, *0, *-1)
// are passed over.
func (c *Commands) Next() (Command, bool, error) {
	for c.err == nil && c.start < c.end {
		whole, err := c.parse()
		if err != nil {
			c.err = err
			break
		}
		if !whole {
			return Command{}, false, nil
		}
		if cmd := c.take(); len(cmd.Args) > 0 {
			return cmd, true, nil
		}
	}
	if c.err != nil {
		return Command{}, false, c.err
	}
	return Command{}, false, nil
}

// Buffered returns how many bytes are held that belong to no command returned so far.
func (c *Commands) Buffered() int { return c.end - c.start }

// Held returns the bytes of memory in which commands wait to be whole, or to be taken; 0 if nothing is buffered.
func (c *Commands) Held() int {
	const spanSize = 8
	if c.Buffered() == 0 {
		return 0
	}
	return len(c.buf.data) + spanSize*cap(c.buf.spans)
}

// Release gives the buffer back if nothing is buffered, and otherwise does nothing. A connection that calls it before
// it waits for input holds no memory while it waits. It ends the life of every Command returned so far.
func (c *Commands) Release() {
	if c.buf == nil || c.start < c.end {
		return
	}
	c.buf.free()
	c.buf = nil
	c.start, c.pos, c.seen, c.end = 0, 0, 0, 0
}

// rewind makes all of an emptied buffer free again. A client that sends much keeps its large buffer, up to a limit.
func (c *Commands) rewind() {
	if len(c.buf.data) > maxPooled {
		c.buf.free()
		c.buf = newBuffer(minBuffer)
	}
	c.start, c.pos, c.seen, c.end = 0, 0, 0, 0
}

// shift follows a move of the unfinished command to the start of the buffer.
func (c *Commands) shift() {
	c.pos -= c.start
	c.seen -= c.start
	c.end -= c.start
	c.start = 0
}

// parse reads on in the command at start, and reports whether it is whole.
func (c *Commands) parse() (whole bool, err *ProtocolError) {
	if c.buf.data[c.start] != '*' {
		return c.parseInline()
	}
	if c.want == 0 {
		if ok, err := c.parseCount(); !ok {
			return false, err
		}
	}
	for c.want > 0 {
		if ok, err := c.parseArg(); !ok {
			return false, err
		}
	}
	return true, nil
}

// take returns the command that parse found whole, and makes ready for the next.
func (c *Commands) take() Command {
	b := c.buf
	first := len(b.args)
	b.args = slices.Grow(b.args, len(b.spans))
	for _, s := range b.spans {
		from := c.start + int(s.off)
		to := from + int(s.len)
		b.args = append(b.args, b.data[from:to:to])
	}
	b.spans = b.spans[:0]
	cmd := Command{Args: b.args[first:len(b.args):len(b.args)], Oversize: c.oversize}
	c.oversize = 0
	c.start = c.pos
	return cmd
}

// keepLimit returns the longest argument to store.
func (c *Commands) keepLimit() int {
	if c.MaxBulk > 0 {
		return min(c.MaxBulk, MaxCommand)
	}
	return MaxCommand
}
