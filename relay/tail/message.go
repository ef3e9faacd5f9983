package tail

// What is shown of a message.

import "time"

// The commands of a Message. A message that history adds by XADD, or by PUBLISH, has its client's command.
const (
	Publish  = "publish"
	SPublish = "spublish"
	XAdd     = "xadd"
	Received = "message" // from Redis
	SMessage = "smessage"
)

// OK is the verdict on a message that passes. Any other verdict is the code of the error.
const OK = "ok"

// leftOut is the command of a line that tells what was left out.
const leftOut = "left_out"

// Message is a message on its way through the relay.
type Message struct {
	Time    time.Time
	Command string // one of those above
	Source  string // where it comes from, as MONITOR has addresses: unix:PATH, ip:port, nats:0 or redis:0
	Channel []byte
	Payload []byte
	Size    int // of the whole payload in bytes; Payload may have less
	Route   string
	Verdict string // OK, or the code of the error
	Reason  string // of the error, for people
	Passes  bool   // the message is INVALID, and its route lets it pass
	Kind    []byte // nil: none
	Client
}

// Client is the local publisher of a message. Fields that are not known are zero.
type Client struct {
	ID   uint64
	Name string
	PID  int32
	UID  *uint32
}

// Inbound reports whether the message comes from Redis.
func (m *Message) Inbound() bool { return m.Command == Received || m.Command == SMessage }

// Rejected reports whether the message was refused, or is invalid and passes all the same.
func (m *Message) Rejected() bool { return m.Verdict != OK }

// Line is one line that a viewer gets.
type Line struct {
	Message
	LeftOut uint64 // > 0: the line tells of so many messages that were left out, not of one message
	Cause   Cause  // why they were left out
}

// Cause is why messages are left out.
type Cause string

// The causes.
const (
	OverRate Cause = "rate"  // more lines, or bytes, a second than the viewer may get
	TooSlow  Cause = "queue" // the viewer does not read fast enough
)
