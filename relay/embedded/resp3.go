package embedded

// Replies of the engine in the form of RESP3, where the engine has the form of RESP2 only.

import (
	"bytes"
	"strconv"

	"redis-relay/relay/resp"
)

// shapes lists the commands whose arrays have another form in RESP3. The reply passed to a function is an array.
var shapes = map[string]func(args []string, reply []byte) []byte{
	"xread":            streamsByName,
	"xreadgroup":       streamsByName,
	"spop":             set,
	"sinter":           set,
	"sunion":           set,
	"sdiff":            set,
	"zrange":           scoredPairs,
	"zrevrange":        scoredPairs,
	"zrangebyscore":    scoredPairs,
	"zrevrangebyscore": scoredPairs,
	"zinter":           scoredPairs,
	"zunion":           scoredPairs,
	"zdiff":            scoredPairs,
	"zrandmember":      scoredPairs,
	"zpopmin":          popped,
	"zpopmax":          popped,
	"zscan":            scoresAsStrings,
}

// inRESP3 returns the engine's reply to a command in the form of RESP3.
func inRESP3(name string, args []string, reply []byte) []byte {
	switch shape := shapes[name]; {
	case string(reply) == "*-1\r\n":
		return resp.AppendNullArray(reply[:0], resp.RESP3)
	case shape == nil || len(reply) == 0 || reply[0] != '*':
		return reply
	default:
		return shape(args, reply)
	}
}

// streamsByName makes an array of pairs, each a stream's name and its entries, a map.
func streamsByName(_ []string, reply []byte) []byte {
	_, n, rest := head(reply)
	out := resp.AppendMap(make([]byte, 0, len(reply)), resp.RESP3, n)
	for range n {
		_, _, pair := head(rest)
		rest = after(after(pair))
		out = append(out, pair[:len(pair)-len(rest)]...)
	}
	return out
}

func set(_ []string, reply []byte) []byte {
	reply[0] = '~'
	return reply
}

// scoredPairs makes an array of pairs of a flat one that has a score behind each member.
func scoredPairs(_ []string, reply []byte) []byte {
	_, n, rest := head(reply)
	if n == 0 || after(rest)[0] != ',' { // without scores
		return reply
	}
	out := resp.AppendArray(make([]byte, 0, len(reply)+4*n), n/2)
	for range n / 2 {
		next := after(after(rest))
		out = append(resp.AppendArray(out, 2), rest[:len(rest)-len(next)]...)
		rest = next
	}
	return out
}

// popped is scoredPairs if a count was given. Otherwise one flat pair is right.
func popped(args []string, reply []byte) []byte {
	if len(args) < 3 {
		return reply
	}
	return scoredPairs(args, reply)
}

// scoresAsStrings makes strings of the scores in the reply to ZSCAN.
func scoresAsStrings(_ []string, reply []byte) []byte {
	_, _, rest := head(reply)
	_, n, rest := head(after(rest)) // behind the cursor
	out := append(make([]byte, 0, 2*len(reply)), reply[:len(reply)-len(rest)]...)
	for range n {
		next := after(rest)
		value := rest[:len(rest)-len(next)]
		if value[0] == ',' {
			out = resp.AppendBulk(out, value[1:len(value)-2])
		} else {
			out = append(out, value...)
		}
		rest = next
	}
	return out
}

// head splits a value behind its first line. n is the number in that line, if there
// is one: a length or a count.
func head(b []byte) (kind byte, n int, rest []byte) {
	end := bytes.IndexByte(b, '\n')
	n, _ = strconv.Atoi(string(b[1 : end-1])) // 0 for texts, which have nothing behind the line
	return b[0], n, b[end+1:]
}

// after returns what follows the value at the start of b, which must be whole and
// hold no null of RESP2.
func after(b []byte) []byte {
	kind, n, rest := head(b)
	switch kind {
	case '$', '=':
		return rest[n+len("\r\n"):]
	case '%':
		n *= 2
	case '*', '~':
	default:
		return rest
	}
	for range n {
		rest = after(rest)
	}
	return rest
}
