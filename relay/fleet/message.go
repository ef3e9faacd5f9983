package fleet

// The messages between relays. Names are any bytes, so both messages are
// binary: numbers are varints, and a text follows its length.

import (
	"encoding/binary"

	"redis-relay/relay/resp"
)

// appendQuestion writes a question: the asking run, the number that it gave the question, and the names.
func appendQuestion(b []byte, runID string, number uint64, names []resp.Name) []byte {
	b = binary.AppendUvarint(appendText(b, runID), number)
	for _, n := range names {
		b = appendText(append(b, byte(n.Kind)), n.Text)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// answerTo makes the answer to a question: its number, and the share of each name in
// turn. ok is false if question is malformed.
func answerTo(question []byte, share func(kind resp.Kind, name []byte) int64) (runID string, answer []byte, ok bool) {
	asker, rest, ok := cutText(question)
	number, n := binary.Uvarint(rest)
	if !ok || n <= 0 {
		return "", nil, false
	}
	answer = binary.AppendUvarint(nil, number)
	for rest = rest[n:]; len(rest) > 0; {
		var text []byte
		kind := resp.Kind(rest[0])
		if text, rest, ok = cutText(rest[1:]); !ok || kind != resp.Message && kind != resp.SMessage {
			return "", nil, false
		}
		answer = binary.AppendVarint(answer, share(kind, text))
	}
	return string(asker), answer, true
}

// ownQuestion returns the number of a question, and whether this run asked it.
func ownQuestion(question []byte, runID string) (number uint64, own bool) {
	asker, rest, ok := cutText(question)
	if !ok || string(asker) != runID {
		return 0, false
	}
	number, n := binary.Uvarint(rest)
	return number, n > 0
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, nil, false
	}
	b = b[n:]
	return b[:length], b[length:], true
}

// parseAnswer returns the number of the question and a share for each of its names.
func parseAnswer(b []byte) (number uint64, shares []int64, ok bool) {
	number, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	for b = b[n:]; len(b) > 0; b = b[n:] {
		var share int64
		if share, n = binary.Varint(b); n <= 0 {
			return 0, nil, false
		}
		shares = append(shares, share)
	}
	return number, shares, true
}
