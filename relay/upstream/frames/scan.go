package frames

// Finding the next frame in the input: a message, another push, or a reply.

import "redis-relay/relay/resp"

// Found is what Input.Next has found.
type Found uint8

// What Next finds.
const (
	Nothing     Found = iota // more bytes are needed
	Skipped                  // bytes that nobody needs
	Message                  // in Delivery, with Size
	HugeMessage              // in Delivery, with Size, and without its payload
	Push                     // another push: see Input.Last
	LongPush                 // a push with a name that is too large; it is passed over
	IntReply                 // in Number
	Reply                    // in Value
	HugeReply                // over MaxAnswer; it is passed over
)

// Next takes the next frame if it is whole. A message of over maxFrame bytes is not read into memory, unless it
// came in one piece.
func (in *Input) Next(maxFrame int) (Found, error) {
	b := in.unread()
	switch {
	case len(b) == 0:
		in.need = 1
		return Nothing, nil
	case in.skip > 0:
		return in.skipFrame(), nil
	case b[0] == '>' && !in.walk.within:
		return in.nextPush(b, maxFrame)
	case in.nextInt(b):
		return IntReply, nil
	}
	return in.nextReply(b)
}

// Last is the push that was found last. It is valid until the next read.
func (in *Input) Last() []byte { return in.chunk[in.begin-in.Size : in.begin] }

// skipFrame goes past bytes of a message that is not read.
func (in *Input) skipFrame() Found {
	n := min(in.skip, len(in.unread()))
	in.begin += n
	in.skip -= n
	if in.skip > 0 {
		return Nothing
	}
	return Skipped
}

// nextInt takes the most frequent reply by far, that to PUBLISH, if b begins with it: up to 9 digits.
func (in *Input) nextInt(b []byte) bool {
	const longest = len(":") + 9
	if b[0] != ':' || in.walk.within {
		return false
	}
	n := int64(0)
	for i := 1; i < len(b)-1 && i <= longest; i++ {
		switch c := b[i]; {
		case '0' <= c && c <= '9':
			n = 10*n + int64(c-'0')
		case c == '\r' && b[i+1] == '\n' && i > 1:
			in.begin += i + 2
			in.Number = n
			return true
		default:
			return false
		}
	}
	return false
}

// nextPush takes a message, or another push, if it is whole.
func (in *Input) nextPush(b []byte, maxFrame int) (Found, error) {
	tok, n, err := resp.ScanServer3(b, &in.Delivery)
	switch {
	case err != nil:
		return Nothing, err
	case tok == resp.IsDelivery:
		in.closeUp(n)
		in.begin += n
		in.Size = n
		return Message, nil
	case tok == resp.IsControl:
		in.begin += n
		in.Size = n
		return Push, nil
	case in.Delivery.Channel != nil && n > maxFrame && n > len(b)+2: // else the length of its payload may not be known yet
		in.skip, in.Size = n, n
		return HugeMessage, nil
	case n > max(maxFrame, MaxAnswer):
		in.tooLarge = true
		return in.nextReply(b)
	}
	in.need = n
	return Nothing, nil
}

// nextReply takes a reply if it is whole. One that is too large is passed over.
func (in *Input) nextReply(b []byte) (Found, error) {
	if !in.walk.within {
		in.kind = b[0]
	}
	n, whole, err := in.walk.walk(b[in.walked:])
	if err != nil {
		return Nothing, err
	}
	in.walked += n
	in.tooLarge = in.tooLarge || in.walk.size+in.walk.text > MaxAnswer
	if in.tooLarge {
		in.begin += in.walked
		in.walked = 0
	}
	if !whole {
		in.need = in.walked + in.walk.least()
		if in.tooLarge {
			in.need = 1
		}
		return Nothing, nil
	}
	return in.endReply(b[:in.walked])
}

// endReply takes a reply that is whole.
func (in *Input) endReply(frame []byte) (f Found, err error) {
	huge := in.tooLarge
	in.begin += in.walked
	in.walked, in.tooLarge = 0, false
	in.walk.reset()
	switch {
	case in.kind == '|': // attributes of the reply that follows
		return Skipped, nil
	case in.kind == '>': // a message for a pattern, on a channel with such a name
		return LongPush, nil
	case huge:
		return HugeReply, nil
	}
	in.Value, _, err = resp.ParseValue(frame)
	return Reply, err
}

// closeUp moves the next message, of n bytes, to the end of the last one, over replies that
// stood between them and have been taken: neighbours are queued, and kept, as one.
func (in *Input) closeUp(n int) {
	if in.edge > 0 && in.edge < in.begin {
		frame := in.chunk[in.edge : in.edge+n]
		copy(frame, in.chunk[in.begin:in.begin+n])
		_, _, _ = resp.ScanServer(frame, &in.Delivery) // it was read once already
		in.edge += n
		return
	}
	in.edge = in.begin + n
}
