package respserver

// XADD and its options.

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// The errors of XADD, in the words of Redis.
const (
	errTrimTwice  = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errMaxLen     = "ERR The MAXLEN argument must be >= 0."
	errLimit      = "ERR The LIMIT argument must be >= 0."
	errLimitAlone = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	errLimitExact = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	errXAddArgs   = "ERR wrong number of arguments for 'xadd' command"
)

// addition is the arguments of XADD. MAXLEN, MINID and LIMIT are checked and then ignored: history.length decides how
// much is kept.
type addition struct {
	onlyIfThere bool     // NOMKSTREAM
	rest        [][]byte // the ID, the fields and their values
}

// publication returns the message and the trace, or the error for XADD that has other fields.
func (a *addition) publication(channel []byte) (p Publication, problem string) {
	p = Publication{Kind: resp.Message, Channel: channel, Field: a.rest[1], Payload: a.rest[2]}
	if len(a.rest) == 5 {
		switch first, second := string(a.rest[1]), string(a.rest[3]); {
		case first == second:
		case second == stream.TraceField:
			p.Trace = a.rest[4]
		case first == stream.TraceField:
			p.Field, p.Payload, p.Trace = a.rest[3], a.rest[4], a.rest[2]
		}
	}
	switch {
	case len(a.rest) != 3 && p.Trace == nil:
		return p, fmt.Sprintf("ERR %s: XADD takes one field, whose value is the message, and %s beside it",
			channel, stream.TraceField)
	case len(p.Field) == 0 || strings.ContainsAny(string(p.Field), " \r\n"):
		return p, fmt.Sprintf("ERR %s: the name of the field must not be empty or contain spaces", channel)
	case p.Trace != nil && !stream.MayBeTrace(p.Trace):
		return p, fmt.Sprintf("ERR %s: %s is too long, or no text without spaces", channel, stream.TraceField)
	}
	return p, ""
}

// xadd publishes a persisted message. It accepts one field, whose value is the message, the publisher's span beside it,
// and no ID but "*".
func xadd(c *session, args [][]byte) {
	channel := args[1]
	a, problem := parseXAdd(args[2:])
	switch {
	case problem != "":
		c.replies.err(problem)
	case len(a.rest) < 3 || len(a.rest)%2 == 0:
		c.replies.err(errXAddArgs)
	case string(a.rest[0]) != "*":
		c.replies.err(fmt.Sprintf("ERR %s: XADD takes \"*\" for the ID: Redis gives the IDs", channel))
	default:
		addPublication(c, channel, &a)
	}
}

// addPublication goes on with XADD when its ID is right.
func addPublication(c *session, channel []byte, a *addition) {
	p, problem := a.publication(channel)
	switch {
	case problem != "":
		c.replies.err(problem)
	case a.onlyIfThere:
		addIfThere(c, p)
	default:
		publishOne(c, p)
	}
}

// parseXAdd parses the options before the ID. Its errors are those of Redis.
func parseXAdd(args [][]byte) (a addition, problem string) {
	trims, about, limited := false, false, false
	for ; len(args) > 0; args = args[1:] {
		word, more := lower(args[0]), len(args) > 1
		switch {
		case (word == "maxlen" || word == "minid") && more:
			if trims {
				return a, errTrimTwice
			}
			trims = true
			if len(args) > 2 && (string(args[1]) == "~" || string(args[1]) == "=") {
				about = string(args[1]) == "~"
				args = args[1:]
			}
			if problem := threshold(word, args[1]); problem != "" {
				return a, problem
			}
			args = args[1:]
		case word == "limit" && more:
			n, ok := resp.ParseInt(args[1])
			switch {
			case !ok:
				return a, errNotInteger
			case n < 0:
				return a, errLimit
			}
			limited, args = true, args[1:]
		case word == "nomkstream":
			a.onlyIfThere = true
		case limited && !trims:
			return a, errLimitAlone
		case limited && !about:
			return a, errLimitExact
		default:
			a.rest = args
			return a, ""
		}
	}
	return a, errXAddArgs
}

// threshold returns the error for the argument of MAXLEN or MINID, or nothing.
func threshold(option string, value []byte) string {
	if option == "minid" {
		if !isStreamID(value) {
			return errStreamID
		}
		return ""
	}
	switch n, ok := resp.ParseInt(value); {
	case !ok:
		return errNotInteger
	case n < 0:
		return errMaxLen
	}
	return ""
}

const errStreamID = "ERR Invalid stream ID specified as stream command argument"

// isStreamID tells whether a text is an ID, or its first part.
func isStreamID(text []byte) bool {
	ms, seq, both := strings.Cut(string(text), "-")
	return isUint64(ms) && (!both || isUint64(seq))
}

func isUint64(s string) bool {
	n := uint64(0)
	for _, c := range []byte(s) {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return false
		}
		n = 10*n + d
	}
	return s != "" && len(s) <= 20
}

// addIfThere is XADD NOMKSTREAM: the session is paused until it is known whether the stream exists.
func addIfThere(c *session, p Publication) {
	if !mayListen(c, resp.Message, p.Channel) {
		return
	}
	r := &publishReply{session: c, wantsID: true}
	if !c.replies.muted && !c.out.Reserve(&r.slot) {
		return
	}
	p.Channel, p.Field = bytes.Clone(p.Channel), bytes.Clone(p.Field)
	p.Payload, p.Trace = bytes.Clone(p.Payload), bytes.Clone(p.Trace)
	proto := c.proto
	c.pauses.begin(waitsForAnswer)
	c.srv.backend.Query("XINFO STREAM", p.Channel, nil, func(_ any, err error) {
		defer c.unpause(waitsForAnswer)
		switch {
		case err == nil && c.out.Closed(): // the client may be trying again
		case err == nil:
			_ = c.submit(p, r)
		case strings.HasPrefix(err.Error(), "ERR no such key"):
			r.slot.Complete(resp.AppendNull(nil, proto))
		default:
			r.slot.Complete(resp.AppendError(nil, err.Error()))
		}
	})
}
