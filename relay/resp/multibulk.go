// This file reads a multibulk command, *<count> and then $<length> and bytes for each argument, as far as it has come.

package resp

import "bytes"

// parseCount reads the line that says how many arguments follow. None make a whole command too.
func (c *Commands) parseCount() (ok bool, err *ProtocolError) {
	n, ok, err := c.length('*', errCountLine, errCount)
	if !ok {
		return false, err
	}
	if n > MaxArgs {
		return false, errCount
	}
	if c.Strict && n > MaxStrictArgs {
		return false, errStrictCount
	}
	c.want = int(max(n, 0))
	return true, nil
}

// parseArg reads on in one argument, and reports whether it is whole.
func (c *Commands) parseArg() (whole bool, err *ProtocolError) {
	if !c.inBulk {
		if ok, err := c.parseBulkLength(); !ok {
			return false, err
		}
	}
	if c.skip > 0 && !c.discard() {
		return false, nil
	}
	if c.end-c.pos < c.bulk+2 {
		return false, nil
	}
	c.buf.spans = append(c.buf.spans, span{off: uint32(c.pos - c.start), len: uint32(c.bulk)})
	c.pos += c.bulk + 2 // Redis does not look at the two bytes of the line end either
	c.inBulk = false
	c.want--
	return true, nil
}

// parseBulkLength reads the line that says how long the next argument is. An oversize one counts as empty from here
// on, with bytes to discard before its line end.
func (c *Commands) parseBulkLength() (ok bool, err *ProtocolError) {
	n, ok, err := c.length('$', errBulkLine, errBulkLength)
	if !ok {
		return false, err
	}
	if n < 0 || n > maxBulk {
		return false, errBulkLength
	}
	if c.Strict && n > MaxStrictBulk {
		return false, errStrictBulk
	}
	c.bulk, c.skip = int(n), 0
	if c.bulk > c.keepLimit() {
		c.bulk, c.skip = 0, int(n)
		c.oversize = max(c.oversize, n)
	}
	if c.pos-c.start+c.bulk+2 > MaxCommand {
		return false, errCommandLength
	}
	c.inBulk = true
	return true, nil
}

// discard removes the bytes to skip from the buffer as far as they have come, and reports whether that was all.
func (c *Commands) discard() (done bool) {
	n := min(c.skip, c.end-c.pos)
	copy(c.buf.data[c.pos:], c.buf.data[c.pos+n:c.end])
	c.end -= n
	c.skip -= n
	return c.skip == 0
}

// length reads a line that holds kind and a number.
func (c *Commands) length(kind byte, tooLong, invalid *ProtocolError) (n int64, ok bool, err *ProtocolError) {
	line, ok, err := c.line('\r', tooLong)
	if !ok || c.seen+2 > c.end {
		return 0, false, err
	}
	if first := c.buf.data[c.pos]; first != kind {
		return 0, false, expected(kind, first)
	}
	if n, ok = ParseInt(line[1:]); !ok {
		return 0, false, invalid
	}
	c.pos += len(line) + 2 // Redis takes any byte for the line feed
	return n, true, nil
}

// line returns the bytes from pos up to the next end byte, if that has come. What was searched once is not again.
func (c *Commands) line(end byte, tooLong *ProtocolError) (line []byte, ok bool, err *ProtocolError) {
	from := max(c.seen, c.pos)
	i := bytes.IndexByte(c.buf.data[from:c.end], end)
	if i < 0 {
		c.seen = c.end
	} else {
		c.seen = from + i
	}
	if c.seen-c.pos > MaxInline {
		return nil, false, tooLong
	}
	return c.buf.data[c.pos:c.seen], i >= 0, nil
}
