package notice

// The messages on the relay's own channels.

import (
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
)

// Event is a message on relay:events. Fields that do not apply are absent.
type Event struct {
	Event string    `json:"event"` // one of those that schemas/events.json describes
	Time  time.Time `json:"time"`
	Cause string    `json:"cause,omitempty"`

	// Of gap: what may be missing. Of upstream_up: Since only.
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Prefixes []string   `json:"prefixes,omitempty"` // "" stands for the channels that no route covers

	// Of alert, for a channel that carries more than rate.alert: what comes from Redis,
	// or what local clients publish.
	Direction monitor.Direction `json:"direction,omitempty"`
	Rate      float64           `json:"rate,omitempty"` // messages/s

	// Of a gap in a channel with history that could not be healed: after which entry,
	// before which, and how many; or which pattern's unknown channels. Channel and
	// Missing also of a gap in a single channel without, Channel also of alert.
	Channel string `json:"channel,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	After   string `json:"after,omitempty"`
	Before  string `json:"before,omitempty"`
	Missing int64  `json:"missing,omitempty"`
	Entry   string `json:"entry,omitempty"` // that is missing, and in the stream
	Size    int64  `json:"size,omitempty"`  // of entry, in bytes

	Who                 // of slow_listener, and what became of it:
	Reason       Reason `json:"reason,omitempty"`
	Disconnected bool   `json:"disconnected,omitempty"`
	Messages     uint64 `json:"messages,omitempty"` // that it missed since the last event
	Queued       int    `json:"queued,omitempty"`   // bytes of output that wait
	Kept         int    `json:"kept,omitempty"`     // bytes for its subscriptions and commands

	Subscriptions int `json:"subscriptions,omitempty"` // of upstream_up: confirmed by Redis
	Attempts      int `json:"attempts,omitempty"`      // of alert, for Redis: failed in a row
}

// Reason says why a client misses messages, or is disconnected, in one word.
type Reason string

// Who is a local client.
type Who struct {
	Client uint64  `json:"client,omitempty"` // as in CLIENT LIST
	Name   string  `json:"name,omitempty"`
	PID    int32   `json:"pid,omitempty"`
	UID    *uint32 `json:"uid,omitempty"`
}

// fields are those of a line in the log.
func (w *Who) fields() []zap.Field {
	if w.Client == 0 {
		return nil
	}
	fields := []zap.Field{zap.Uint64("client", w.Client), zap.String("name", w.Name), zap.Int32("pid", w.PID)}
	if w.UID != nil {
		fields = append(fields, zap.Uint32("uid", *w.UID))
	}
	return fields
}

// Reject is a message on relay:rejects.
type Reject struct {
	Time      time.Time         `json:"time"`
	Direction monitor.Direction `json:"direction"`
	Channel   string            `json:"channel"`
	Route     string            `json:"route"`
	Code      policy.Code       `json:"code"`
	Reason    string            `json:"reason"`
	Size      int               `json:"size"` // of the payload in bytes; 0: not known
	Who                         // has published it; absent if that is not a client of the socket

	LetThrough bool `json:"let_through,omitempty"` // it is INVALID, and the route says invalid: log
}
