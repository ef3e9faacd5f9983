package respserver

// What the server needs of the relay.

import (
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// Publication is a message that a local client wants published.
type Publication struct {
	From     uint64 // the connection; messages of one connection keep their order
	By       User
	Sender   Sender // the client; nil: unknown
	Kind     resp.Kind
	Channel  []byte    // valid during the call
	Payload  []byte    // valid during the call
	Arrived  time.Time // loop.Loop.Now, when it came
	Field    []byte    // the name of the field of XADD, valid during the call; nil: it is no XADD
	Trace    []byte    // the value of XADD's field traceparent, valid during the call; nil: it has none
	Oversize int64     // bytes of a payload that was too large to be read; 0: it was read
}

// Client is what is known of a connection's client.
type Client struct {
	ID   uint64
	Name string // that the client has set; empty: none
	PID  int32  // 0: unknown
	Addr string // ip:port; empty: on the Unix socket
	User
}

// Fields returns the fields of a log line about the client: what is known.
func (c Client) Fields() []zap.Field {
	fields := []zap.Field{zap.Uint64("client", c.ID)}
	if c.Name != "" {
		fields = append(fields, zap.String("name", c.Name))
	}
	if c.Addr != "" {
		fields = append(fields, zap.String("addr", c.Addr))
	}
	if c.PID != 0 {
		fields = append(fields, zap.Int32("pid", c.PID))
	}
	if c.Known {
		fields = append(fields, zap.Uint32("uid", c.UID))
	}
	return fields
}

// Sender is the client of a publication. Identity is called only where it is needed.
type Sender interface{ Identity() Client }

// SlowClient reports a client that does not keep up.
type SlowClient struct {
	Client
	Reason       hub.Reason
	Disconnected bool   // the client is disconnected
	Missed       uint64 // messages since the last report; 0: the client is disconnected

	hub.Backlog // what waits for the client, or what waited when it was disconnected
}

// Receipt gets the outcome of a publication. The loop calls it.
type Receipt interface {
	// Checked is called once if Publish has returned checking, unless Published is called first: the check has
	// passed, and the message is sent to Redis.
	Checked()
	// Published is called once, with the number of receivers, and the ID if the message was persisted; or with the
	// error for the publisher.
	Published(receivers int64, id string, err error)
}

// The loop calls all methods, and they must not block. Each done is called once, by the loop; it may be called before
// the method returns. The text of an error that goes to a client begins with its code word, such as
// "DENIED chat:42: ...".
type (
	// Publisher publishes messages.
	Publisher interface {
		// Publish takes a message, and r gets the outcome; or it refuses the message with an error, and r gets
		// nothing. checking says that the message is still being checked: what its sender sends after it must wait
		// until Receipt.Checked.
		Publish(p Publication, r Receipt) (checking bool, err error)
		// Withdraw refuses what a connection has published and could not be sent to Redis so far.
		Withdraw(from uint64)
	}
	// Gate decides which users may listen to which names.
	Gate interface {
		// MaySubscribe returns the error for a user who may not listen to a name, or nil.
		MaySubscribe(by User, kind resp.Kind, name []byte) error
		// MayHear tells whether the user may listen to a channel by its name.
		MayHear(by User, channel []byte) bool
	}
	// SlowClientObserver is told of clients that do not keep up.
	SlowClientObserver interface {
		// ClientSlow is called when a client begins to miss messages, every ten seconds while that goes on, and when
		// the client is disconnected for it.
		ClientSlow(c SlowClient)
		// ClientStuck is called when output has waited for a client for 5 s, and then once ClientReads: the client has
		// read what waited, or is gone. Neither is called when the server is closed.
		ClientStuck(c StuckClient)
		ClientReads(c Client, stuckSince time.Time, gone bool)
	}
	// PubSubCounts answers the questions of PUBSUB for the moment of the call, as far as the user may know the
	// answer.
	PubSubCounts interface {
		Channels(by User, kind resp.Kind, pattern []byte, done func([]string, error))
		Subscribers(by User, kind resp.Kind, names []string, done func([]int64, error))
		Patterns(done func(int64, error))
	}
	// History reads persisted channels. Its errors go to the client.
	History interface {
		// Query carries out XLEN, XINFO with a subcommand, or a command that Redis will only answer with an error.
		// rest is the arguments after the channel. The answer is an int64, a string, nil or a []any of these.
		Query(command string, channel []byte, rest [][]byte, done func(any, error))
		// Range carries out XRANGE or XREVRANGE.
		Range(q stream.Range, progress stream.Progress, done func([]stream.Entry, error))
		// Read returns the entries after each position, at most count of each channel (0: all).
		Read(list []stream.Position, count int, progress stream.Progress, done func([]stream.Result, error))
		// Await is Read for a client that waits for entries. done is called with nothing when block (0: never) has
		// passed.
		Await(
			list []stream.Position, count int, block time.Duration, done func([]stream.Result, error),
		) (AwaitedRead, error)
	}
	// AwaitedRead is what History.Await has begun.
	AwaitedRead interface {
		// StopWaiting has done called soon, but not before StopWaiting returns: with the entries that exist, or with
		// nothing. It may be called again, and after done.
		StopWaiting()
		// Cancel ends the read: done is not called any more.
		Cancel()
	}
	// Overview tells about the relay.
	Overview interface {
		// Status returns what there is to know about the relay, as JSON, without the channels that the user may not
		// listen to.
		Status(by User, done func(json []byte))
	}
	// Backend is the relay.
	Backend interface {
		Publisher
		Gate
		SlowClientObserver
		PubSubCounts
		History
		Overview
		// RedisVersion returns the version of the Redis that the relay is connected to.
		RedisVersion() string
	}
)
