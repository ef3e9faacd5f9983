package events

// One connection to one node, from its beginning to its end.

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/resp"
)

const (
	interval = time.Second     // between two PINGs
	silence  = 5 * time.Second // without any answer, before the connection is given up
)

// Change is what a node is asked for. Its numbers grow.
type Change struct {
	Number   int
	Channels []string
	Patterns []string
	End      bool // these are not wanted any more
}

// Listener is told what comes, in order.
type Listener interface {
	// Message takes an event.
	Message(d *resp.Delivery)
	// Confirmed says that the node has carried out all changes up to a number, and that all events before a time have
	// come.
	Confirmed(number int, complete time.Time)
}

// Listen makes a connection by a client that dials once, asks for what the first change says and then for those that
// come, and tells a listener what it hears. It returns why the connection ended, or nil when ctx has ended.
func Listen(ctx context.Context, client *redis.Client, first Change, changes <-chan Change, l Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // ends what is under way
	defer stop()
	sub := client.Subscribe(ctx)
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{}) // closed when nobody asks any more
	defer func() {
		cancel()
		_ = sub.Close()
		<-asked
	}()
	if err := ask(ctx, sub, first); err != nil {
		close(asked)
		return err
	}
	go func() {
		defer close(asked)
		keepAsking(ctx, sub, first.Number, changes)
	}()
	return hear(ctx, sub, l)
}

// keepAsking asks for changes, and for a sign of life, until ctx or the connection ends.
func keepAsking(ctx context.Context, sub *redis.PubSub, number int, changes <-chan Change) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			number = c.Number
			err = ask(ctx, sub, c)
		case <-ticker.C:
			err = ping(ctx, sub, number)
		}
		if err != nil { // whoever hears the connection learns it, too
			return
		}
	}
}

// ask sends a change, and a PING whose answer comes behind its confirmations.
func ask(ctx context.Context, sub *redis.PubSub, c Change) error {
	channels, patterns := sub.Subscribe, sub.PSubscribe
	if c.End {
		channels, patterns = sub.Unsubscribe, sub.PUnsubscribe
	}
	if len(c.Channels) > 0 {
		if err := channels(ctx, c.Channels...); err != nil {
			return err
		}
	}
	if len(c.Patterns) > 0 {
		if err := patterns(ctx, c.Patterns...); err != nil {
			return err
		}
	}
	return ping(ctx, sub, c.Number)
}

func ping(ctx context.Context, sub *redis.PubSub, number int) error {
	return sub.Ping(ctx, strconv.Itoa(number)+" "+strconv.FormatInt(time.Now().UnixNano(), 10))
}

// hear tells what comes until the connection ends. What Redis refuses it refuses to the subscriber connection, too.
func hear(ctx context.Context, sub *redis.PubSub, l Listener) error {
	for {
		v, err := sub.ReceiveTimeout(ctx, silence)
		var refused redis.Error
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused):
			continue
		case err != nil:
			return err
		}
		switch v := v.(type) {
		case *redis.Message:
			if IsChannel(v.Channel) {
				l.Message(delivery(v))
			}
		case *redis.Pong:
			if number, at, ok := strings.Cut(v.Payload, " "); ok {
				n, _ := strconv.Atoi(number)
				sent, _ := strconv.ParseInt(at, 10, 64)
				l.Confirmed(n, time.Unix(0, sent))
			}
		}
	}
}

// delivery is a message as the subscriber connection would have it.
func delivery(m *redis.Message) *resp.Delivery {
	d := &resp.Delivery{Channel: []byte(m.Channel), Payload: []byte(m.Payload)}
	if m.Pattern == "" {
		d.Frame = resp.AppendMessage(nil, resp.RESP2, d.Kind.String(), d.Channel, d.Payload)
		return d
	}
	d.Kind, d.Pattern = resp.PMessage, []byte(m.Pattern)
	d.Frame = resp.AppendMessage(nil, resp.RESP2, d.Kind.String(), d.Pattern, d.Channel, d.Payload)
	return d
}
