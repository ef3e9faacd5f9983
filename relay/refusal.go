package relay

// The errors that clients see.

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"redis-relay/relay/history"
	"redis-relay/relay/upstream"
)

// Code is the first word of an error, for machines.
type Code string

// The codes of the relay's own errors. Others come from Redis, such as NOPERM.
const (
	Invalid      Code = "INVALID"      // the payload does not match the channel's schema
	Denied       Code = "DENIED"       // the route does not allow it
	TooLarge     Code = "TOOLARGE"     // over limits.payload, or more to read than may wait for who asks
	RateLimit    Code = "RATELIMIT"    // over the route's rate
	UpstreamDown Code = "UPSTREAMDOWN" // Redis did not answer in time
	Busy         Code = "BUSY"         // too much waits for Redis already
)

// Refusal says why a command of a client was not carried out.
type Refusal struct {
	Code    Code
	Channel string
	Reason  string // for people: what is wrong and the way out
}

// Error returns the text of the reply: code, channel, reason. INVALID has no colon
// behind the channel, because its reason begins with a JSON pointer, if there is
// one.
func (r *Refusal) Error() string {
	sep := ": "
	if r.Code == Invalid {
		sep = " "
	}
	return string(r.Code) + " " + printable(r.Channel) + sep + r.Reason
}

// isLong tells whether a name is over limits.name.
func (r *Relay) isLong(name []byte) bool { return int64(len(name)) > r.limits.Name.Load() }

// longName refuses a name that is over limits.name, of which nothing keeps the whole.
func (r *Relay) longName(name []byte) *Refusal {
	start := string(name[:min(len(name), maxShown)]) + "..."
	reason := fmt.Sprintf("a name of %d bytes is over limits.name (%d)", len(name), r.limits.Name.Load())
	return &Refusal{Denied, start, reason}
}

const maxShown = 128 // bytes of a channel in an error or a log line

// printable makes a channel fit for one line of text.
func printable(channel string) string {
	cut := channel
	if len(cut) > maxShown {
		cut = cut[:maxShown] + "..."
	}
	for i := range len(cut) {
		if cut[i] <= ' ' || cut[i] > '~' {
			return strconv.QuoteToASCII(cut)
		}
	}
	return cut
}

// fromUpstream words an error of the Redis side for a client. What Redis itself
// answered is passed on as it is.
func fromUpstream(channel string, err error) error {
	switch {
	case errors.Is(err, upstream.ErrBusy):
		return &Refusal{Busy, channel, "too many publishes are waiting for Redis; try again later"}
	case errors.Is(err, upstream.ErrDown):
		return &Refusal{UpstreamDown, channel, "Redis cannot be reached; nothing was published, try again"}
	case errors.Is(err, upstream.ErrUnknown):
		reason := "Redis did not answer; the message may have been published (" + cause(err) + ")"
		return &Refusal{UpstreamDown, channel, reason}
	}
	return err
}

// notRead words an error of a question to Redis for a client: one that changes nothing,
// so that it can be asked again.
func notRead(channel string, err error) error {
	var entry *history.LargeEntry
	switch {
	case errors.As(err, &entry):
		return &Refusal{TooLarge, entry.Channel, fmt.Sprintf(
			"%v; read up to it and behind it, or XDEL %s %v on Redis", entry, history.Key(entry.Channel), entry.ID,
		)}
	case errors.Is(err, upstream.ErrTooLarge):
		return &Refusal{TooLarge, channel, err.Error() + "; read less at a time, with COUNT"}
	case errors.Is(err, upstream.ErrDown), errors.Is(err, upstream.ErrUnknown), errors.Is(err, context.DeadlineExceeded):
		return &Refusal{UpstreamDown, channel, "Redis does not answer; try again"}
	case errors.Is(err, upstream.ErrBusy):
		return &Refusal{Busy, channel, "too many questions are waiting for Redis; try again later"}
	}
	return fromUpstream(channel, err)
}

// cause returns the last error of a chain: the one with a fact in it.
func cause(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all := joined.Unwrap()
		return all[len(all)-1].Error()
	}
	return err.Error()
}
