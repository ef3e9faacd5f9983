package policy

// Refusals: why something may not be done, in the words that clients see.

import (
	"errors"
	"fmt"
	"strconv"

	"redis-relay/relay/schema"
)

// Code is the first word of an error, for machines.
type Code string

// The codes of the relay's own errors. Others come from Redis, such as NOPERM.
const (
	Invalid      Code = "INVALID"      // the payload does not match the channel's schema
	Denied       Code = "DENIED"       // the route does not allow it
	TooLarge     Code = "TOOLARGE"     // over limits.payload, or a reply larger than may wait for the client
	RateLimit    Code = "RATELIMIT"    // over the route's rate
	UpstreamDown Code = "UPSTREAMDOWN" // Redis did not answer in time
	Busy         Code = "BUSY"         // too much waits for Redis already
)

// Refusal says why a client's command is not carried out, or a message is not passed on.
type Refusal struct {
	Code    Code
	Channel string
	Reason  string // for people: what is wrong, and what to do
	Pointer string // of INVALID: JSON pointer to the refused value; empty: the whole payload
}

// Error returns the text of the reply: code, channel, reason. INVALID has no colon behind the channel, because its
// reason may begin with a JSON pointer.
func (r *Refusal) Error() string {
	sep := ": "
	if r.Code == Invalid {
		sep = " "
	}
	return string(r.Code) + " " + Printable(r.Channel) + sep + r.Reason
}

func denied[T ~string | ~[]byte](name T, reason string) *Refusal {
	return &Refusal{Code: Denied, Channel: string(name), Reason: reason}
}

// NotValid refuses a message because of the error of its check.
func NotValid(channel []byte, err error) *Refusal {
	if errors.Is(err, schema.ErrStopped) {
		return &Refusal{Code: Busy, Channel: string(channel), Reason: "the relay is ending; nothing was sent, try again"}
	}
	r := &Refusal{Code: Invalid, Channel: string(channel), Reason: err.Error()}
	var at *schema.Error
	if errors.As(err, &at) {
		r.Pointer = at.Pointer
	}
	return r
}

const maxShown = 128 // bytes of a channel in an error or a log line

// Printable returns a channel as text for one line: quoted if need be, and cut after 128 bytes.
func Printable(channel string) string {
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

// IsLong reports whether a name is over limits.name.
func (a *access) IsLong(name []byte) bool { return len(name) > a.maxName }

// LongName refuses a name that is over limits.name. The refusal holds the beginning of the name only.
func (a *access) LongName(name []byte) *Refusal {
	start := string(name[:min(len(name), maxShown)]) + "..."
	return denied(start, fmt.Sprintf("a name of %d bytes is over limits.name (%d)", len(name), a.maxName))
}
