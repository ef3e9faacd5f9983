package upstream

// What a Connection calls: the Sink for messages, the Owner for its state, and Answers.

import (
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/cluster"
)

// Sink takes the messages. The loop calls it. A sink never changes what it is given. It may keep a frame
// until Connection.Resume, and for ever if it says so there.
type Sink interface {
	// Deliver takes a message. d itself is only valid during the call; its frame is that of RESP2.
	Deliver(d *resp.Delivery)
	// TooLarge takes a message of which only the names are there: with a payload that
	// large, its frame of size bytes was not read into memory.
	TooLarge(d *resp.Delivery, size int64)
}

// Owner is told what becomes of the connection. The loop calls it.
type Owner interface {
	// Connected says that a session has begun. The owner subscribes to all names that it wants and then calls
	// Connection.Restored; until then nothing else is sent.
	Connected()
	// Lost says that the session has ended, and with it every subscription. Commands in flight get their
	// answers after it.
	Lost(err error)
	// Up follows Restored. subscriptions is how many there are on Redis.
	Up(subscriptions int, outage Outage)
	// Down is called once an outage, behind Lost.
	Down(err error)
	// BusLoss says that messages may be missing though the session goes on. It is called with a cluster, and with
	// Sentinel for messages that were published on a former master.
	BusLoss(gap BusGap)
	// Waiting is called when the very first attempt fails, and every 10 s while there is no connection. It
	// gives the length of the outage so far, and its cause.
	Waiting(outage time.Duration, err error)
	// Alert is called once an outage, after Options.AlertAfter failed attempts in a row.
	Alert(attempts int, err error)
}

// BusGap says that messages published at another server may be missing.
type BusGap = cluster.Gap

// Outage is a time for which not all wanted names were subscribed. It is zero for the time since the start.
type Outage struct {
	Took time.Duration // since the loss
	// Since is when Redis last answered a PING: all messages published before have come. Later ones may be
	// lost, even if some came: those may have waited behind the PING's answer.
	Since time.Time
	// Until is from when on no message is lost. If the master has changed it lies in the future:
	// publishers that do not know the new master yet publish on the old one.
	Until time.Time
}

// Answer takes the result of a command, once, in the loop. v and its memory are valid during the call.
// An error that Redis answered is a ReplyError.
type Answer interface{ Answer(v resp.Value, err error) }

// AnswerFunc is a function as an Answer.
type AnswerFunc func(v resp.Value, err error)

// Answer calls f.
func (f AnswerFunc) Answer(v resp.Value, err error) { f(v, err) }
