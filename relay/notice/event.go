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
	Event string    `json:"event,omitempty"` // one of those that schemas/events.json describes
	Time  time.Time `json:"time"`
	Cause string    `json:"cause,omitempty"`

	// Of what concerns one upstream: its name. Absent if there is only one.
	Upstream string `json:"upstream,omitempty"`

	// Of gap: the time and the channels of which messages may be missing. Of upstream_up and alert_end: Since only. Of
	// alert, with CredentialsKind: Until only.
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Prefixes []string   `json:"prefixes,omitempty"` // "" stands for the channels that no route covers

	// Of alert, for a channel that carries too much, and of alert_end: inbound from Redis, or outbound from local clients.
	// Who is a publisher on this host, if one is known.
	Kind      string            `json:"kind,omitempty"` // rate: more than rate.alert. spike: far more than usual
	Direction monitor.Direction `json:"direction,omitempty"`
	Rate      float64           `json:"rate,omitempty"`     // messages/s
	Usual     float64           `json:"usual,omitempty"`    // messages/s; absent: the channel is new
	Peak      float64           `json:"peak,omitempty"`     // of alert_end: the most messages/s
	LeftOut   int               `json:"left_out,omitempty"` // channels of which nothing is told

	// Of a gap in a channel with history that could not be healed: the entries around it, and the number of missing
	// ones; or the pattern whose unknown channels are concerned. Channel and Missing also occur in a gap of a single
	// channel without history, and Channel in alert and alert_end.
	Channel string `json:"channel,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	After   string `json:"after,omitempty"`
	Before  string `json:"before,omitempty"`
	Missing int64  `json:"missing,omitempty"`
	Entry   string `json:"entry,omitempty"` // an entry that is missing, though it is in the stream
	Size    int64  `json:"size,omitempty"`  // the size of Entry in bytes

	// Of slow_listener: the client, and what happened to it. Of alert: a publisher, or, with StuckKind, the client.
	Who
	Reason       Reason `json:"reason,omitempty"`
	Disconnected bool   `json:"disconnected,omitempty"`
	Messages     uint64 `json:"messages,omitempty"` // missed since the last event
	Queued       int    `json:"queued,omitempty"`   // bytes of output that wait
	Kept         int    `json:"kept,omitempty"`     // bytes that its subscriptions and commands take

	Waited float64 `json:"waited_seconds,omitempty"` // of alert, for a client that does not read: age of the oldest byte

	Subscriptions int `json:"subscriptions,omitempty"` // of upstream_up: subscriptions that Redis has confirmed
	Attempts      int `json:"attempts,omitempty"`      // of alert, for Redis or credentials: those that failed in a row
}

// Reason says why a client misses messages, or is disconnected, in one word.
type Reason string

// Who identifies a local client.
type Who struct {
	Client uint64  `json:"client,omitempty"` // as in CLIENT LIST
	Name   string  `json:"name,omitempty"`
	PID    int32   `json:"pid,omitempty"`
	UID    *uint32 `json:"uid,omitempty"`
}

// fields returns what is known of the client as fields of a log line.
func (w *Who) fields() []zap.Field {
	if w.Client == 0 {
		return nil
	}
	fields := []zap.Field{zap.Uint64("client", w.Client)}
	if w.Name != "" {
		fields = append(fields, zap.String("name", w.Name))
	}
	if w.PID != 0 {
		fields = append(fields, zap.Int32("pid", w.PID))
	}
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
	Who                         // the publisher; absent if it is not a client of the socket

	LetThrough bool `json:"let_through,omitempty"` // the message is INVALID, and its route says invalid: log
}

// Message is what is known of a message that is refused.
type Message struct {
	Payload []byte // nil: nobody has read it
	Size    int    // of the payload in bytes; 0: not known
	By      Who    // the publisher; zero if it is not a client of the socket
}

// Read describes a message of an unknown publisher whose payload was read.
func Read(payload []byte) Message { return Message{Payload: payload, Size: len(payload)} }
