package deadletter

// The letter, and its form as an entry of a stream.

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"redis-relay/relay/stream"
)

// Letter is a refused message, with what is known of it.
type Letter struct {
	Stream string // the key of the stream that keeps it, without the prefix of all names at Redis

	Time      time.Time
	Direction string // Inbound or Outbound
	Channel   string // as local clients call it
	Route     string // its name
	Schema    string // of the route; empty: none
	Code      string // why it was refused, for machines
	Reason    string // and for people
	Pointer   string // of an invalid message: JSON pointer to the refused value; empty: the whole payload
	Payload   []byte // nil: it was too large to be read
	Size      int    // of the payload in bytes, also if it was not read
	Shard     bool   // on a shard channel
	Field     string // of XADD; empty: it was published
	Entry     string // of a message that was read from a stream: its ID there; empty: it was not
	Relay     string // the host of the relay that refused it
	Publisher
}

// Publisher is who published a message, as far as it is known.
type Publisher struct {
	Client uint64 // as in CLIENT LIST; 0: not a client of the relay's
	Name   string
	PID    int32
	UID    *uint32
}

// The directions.
const (
	Inbound  = "inbound"  // from Redis
	Outbound = "outbound" // published on the relay's host
)

// The fields of an entry.
const (
	fieldTime      = "time" // milliseconds since 1970
	fieldDirection = "direction"
	fieldChannel   = "channel"
	fieldRoute     = "route"
	fieldSchema    = "schema"
	fieldCode      = "code"
	fieldReason    = "reason"
	fieldPointer   = "pointer"
	fieldSize      = "size"
	fieldShard     = "shard" // 1, or absent
	fieldField     = "field"
	fieldEntry     = "entry"
	fieldRelay     = "relay"
	fieldClient    = "client"
	fieldName      = "name"
	fieldPID       = "pid"
	fieldUID       = "uid"
	fieldPayload   = stream.DefaultField
)

// overhead is what a letter takes in memory beside its texts, in bytes, about.
const overhead = 512

// weight is how many bytes of memory the letter takes, about.
func (l *Letter) weight() int64 {
	return int64(overhead + len(l.Payload) + len(l.Channel) + len(l.Reason) + len(l.Name) + len(l.Field) + len(l.Pointer))
}

// IsWhole tells whether all bytes of the message are there.
func (l *Letter) IsWhole() bool { return l.Payload != nil }

// fields returns the letter as names and values in turn. Those that are empty are left out.
func (l *Letter) fields() (list []any) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, name, value)
		}
	}
	add(fieldCode, l.Code)
	add(fieldReason, l.Reason)
	add(fieldPointer, l.Pointer)
	add(fieldDirection, l.Direction)
	add(fieldChannel, l.Channel)
	add(fieldRoute, l.Route)
	add(fieldSchema, l.Schema)
	add(fieldTime, strconv.FormatInt(l.Time.UnixMilli(), 10))
	add(fieldSize, strconv.Itoa(l.Size))
	if l.Shard {
		add(fieldShard, "1")
	}
	add(fieldField, l.Field)
	add(fieldEntry, l.Entry)
	add(fieldRelay, l.Relay)
	if l.Client != 0 {
		add(fieldClient, strconv.FormatUint(l.Client, 10))
	}
	add(fieldName, l.Name)
	if l.PID != 0 {
		add(fieldPID, strconv.Itoa(int(l.PID)))
	}
	if l.UID != nil {
		add(fieldUID, strconv.FormatUint(uint64(*l.UID), 10))
	}
	if l.IsWhole() {
		list = append(list, fieldPayload, l.Payload)
	}
	return list
}

// Parse reads the fields of an entry of a stream, given its key as in Letter. Unknown fields are ignored.
func Parse(key string, fields map[string]string) Letter {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(fields[name], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	l := Letter{
		Stream: key, Time: time.UnixMilli(number(fieldTime)), Direction: fields[fieldDirection],
		Channel: fields[fieldChannel], Route: fields[fieldRoute], Schema: fields[fieldSchema], Code: fields[fieldCode],
		Reason: fields[fieldReason], Pointer: fields[fieldPointer], Size: int(number(fieldSize)),
		Shard: fields[fieldShard] == "1", Field: fields[fieldField],
		Entry: fields[fieldEntry], Relay: fields[fieldRelay],
		Publisher: Publisher{Client: uint64(number(fieldClient)), Name: fields[fieldName], PID: int32(number(fieldPID))},
	}
	if text, ok := fields[fieldUID]; ok {
		if uid, err := strconv.ParseUint(text, 10, 32); err == nil {
			known := uint32(uid)
			l.UID = &known
		}
	}
	if payload, ok := fields[fieldPayload]; ok {
		l.Payload = []byte(payload)
	}
	return l
}

// How long the fleet remembers that a letter was written.
const (
	seenFor      = time.Minute
	seenForEntry = time.Hour // of a message that was read from a stream: relays read it at different times
)

// digest names what a whole fleet hears as one, in letters and digits; empty: no other relay has this letter. It is the
// same at each relay that refuses the same bytes on the same channel for the same reason.
func (l *Letter) digest() (name string, remember time.Duration) {
	if l.Direction != Inbound {
		return "", 0
	}
	h := sha256.New()
	for _, text := range []string{l.Code, l.Channel, l.Entry, strconv.Itoa(l.Size)} {
		_, _ = h.Write(append([]byte(text), 0))
	}
	_, _ = h.Write(l.Payload)
	remember = seenFor
	if l.Entry != "" {
		remember = seenForEntry
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), remember
}
