package respserver

// What the door needs of the relay behind it.

import (
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// Publication is a message that a local client wants published.
type Publication struct {
	From     uint64 // the connection; what one publishes keeps its order
	By       User
	Sender   Sender // who published it; nil: that is not known
	Kind     resp.Kind
	Channel  []byte // valid during the call
	Payload  []byte // valid during the call
	Field    []byte // of XADD, valid during the call; nil: it is none
	Oversize int64  // > 0: the length in bytes of a payload too large to be read
}

// Client says which connection it is.
type Client struct {
	ID   uint64
	Name string // as the client has set it
	PID  int32  // 0: not known
	User
}

// Fields are those of a line in the log: what is known.
func (c Client) Fields() []zap.Field {
	fields := []zap.Field{zap.Uint64("client", c.ID)}
	if c.Name != "" {
		fields = append(fields, zap.String("name", c.Name))
	}
	if c.PID != 0 {
		fields = append(fields, zap.Int32("pid", c.PID))
	}
	if c.Known {
		fields = append(fields, zap.Uint32("uid", c.UID))
	}
	return fields
}

// Sender says who it is, which few publications need to say.
type Sender interface{ Identity() Client }

// SlowClient is a client that did not keep up.
type SlowClient struct {
	Client
	Reason       hub.Reason
	Disconnected bool   // it is disconnected
	Missed       uint64 // messages since the last time; 0: it is disconnected

	hub.Backlog // what there is for it, or was
}

// Receipt is told what became of a publication, by the loop.
type Receipt interface {
	// Checked follows once if Publish has said checking, unless Published comes first: the message was
	// handed on.
	Checked()
	// Published gives the number of receivers, and the ID if the message was
	// persisted; or the error for the publisher. It is called once.
	Published(receivers int64, id string, err error)
}

// The text of an error that goes to a client begins with its code word, such as
// "DENIED chat:42: ...". Everything is called by the loop, and must not block; what is called done is called
// once, by the loop, perhaps before the method returns.
type (
	// Publisher hands messages on.
	Publisher interface {
		// Publish refuses a message, or takes it; then the receipt follows. checking says that the message is
		// still being checked: what the sender sends behind it must wait until Receipt.Checked.
		Publish(p Publication, r Receipt) (checking bool, err error)
		// TakeBack refuses what was taken from a connection and could not be sent so far.
		Withdraw(from uint64)
	}
	// Gate decides who may listen.
	Gate interface {
		// MaySubscribe returns why a user may not listen to a name, or nil.
		MaySubscribe(by User, kind resp.Kind, name []byte) error
	}
	// Witness hears of clients that do not keep up.
	SlowClientObserver interface {
		// Behind is called when a client begins to miss messages, every ten seconds while
		// it goes on, and when it is disconnected for it.
		ClientSlow(c SlowClient)
	}
	// Census answers the questions of PUBSUB, as far as the user who asks may know, for the moment at which
	// they are asked.
	PubSubCounts interface {
		Channels(by User, kind resp.Kind, pattern []byte, done func([]string, error))
		Subscribers(by User, kind resp.Kind, names []string, done func([]int64, error))
		Patterns(done func(int64, error))
	}
	// History answers for persisted channels. An error is worded for the client.
	History interface {
		// Query carries out XLEN or XINFO with a subcommand, or a command of which Redis will only
		// say what is wrong with it; rest is what follows the channel. The answer is an
		// int64, a string, nil or a []any of these.
		Query(command string, channel []byte, rest [][]byte, done func(any, error))
		// Range carries out XRANGE or XREVRANGE.
		Range(q Range, held ReadProgress, done func([]Entry, error))
		// Read returns what there is behind each position, at most count entries of each
		// channel (0: all).
		Read(list []Position, count int, held ReadProgress, done func([]Stream, error))
		// Await is Read for a client that waits: done is called with nothing when
		// block (0: never) has passed. cancel gives up: done is not called any more.
		Await(list []Position, count int, block time.Duration, done func([]Stream, error)) (cancel func(), err error)
	}
	// Backend is the relay behind the door.
	Backend interface {
		Publisher
		Gate
		SlowClientObserver
		PubSubCounts
		History
		// RedisVersion is the version of the Redis behind the relay.
		RedisVersion() string
	}
)
