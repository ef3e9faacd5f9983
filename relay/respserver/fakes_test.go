package respserver_test

// A Redis and a relay for the server under test, which do what the test says.

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
)

// upstream is the hub's Redis. It belongs to the loop. It answers at once, unless it is mute:
// then when the test calls server.answer.
type upstream struct {
	loop    *loop.Loop
	mute    bool
	asked   []func()
	refuses map[string]error // once
	never   map[string]error // ever
}

func (u *upstream) ask(f func()) {
	u.asked = append(u.asked, f)
	if !u.mute {
		u.loop.Post(u.answer)
	}
}

// answer answers all that was asked.
func (u *upstream) answer() {
	for len(u.asked) > 0 {
		f := u.asked[0]
		u.asked = u.asked[1:]
		f()
	}
}

func (u *upstream) Subscribe(_ resp.Kind, names []string, done func(bool, error)) {
	u.ask(func() {
		for _, name := range names {
			if err := cmp.Or(u.refuses[name], u.never[name]); err != nil {
				done(false, err)
				return
			}
		}
		done(false, nil)
	})
}

func (u *upstream) Unsubscribe(_ resp.Kind, _ []string, done func(bool, error)) {
	u.ask(func() { done(false, nil) })
}

func (u *upstream) Fence(_ resp.Kind, _ []string, done func(bool)) { u.ask(func() { done(false) }) }

// Learn finds out nothing.
func (*upstream) Learn([]string, func()) bool { return false }

func (*upstream) IsFull() bool { return false }

func (*upstream) AwaitRoom(func()) {}

func (u *upstream) AwaitDelivered(_ resp.Kind, _ []string, done func()) { done() }
func (u *upstream) Released(resp.Kind, string)                          {}
func (u *upstream) Interrupted(resp.Kind, string)                       {}
func (u *upstream) Refused(_ resp.Kind, name string, _ error)           { delete(u.refuses, name) }

// backend is the relay of the server under test. It belongs to the loop. It answers publications at once, unless hold
// is set.
type backend struct {
	hold             bool // do not answer publications
	check            bool // check them for ever
	held             []publication
	seen             []string // payloads
	withdrawn        int      // publications withdrawn
	awaits           int      // ever
	awaiting         map[int]func([]stream.Result, error)
	stopped          []int // of awaiting: these wait no longer
	ranges           []func([]stream.Entry, error)
	progress         stream.Progress // of the last range
	subscriberCounts []func()        // if keep
	listings         []func()        // if keep
}

// publication is one that is not answered.
type publication struct {
	respserver.Receipt
	from uint64
}

var (
	errClosed = errors.New("DENIED this channel is closed")
	errDown   = errors.New("ERR Redis cannot be reached")
)

func (b *backend) Publish(p respserver.Publication, r respserver.Receipt) (checking bool, err error) {
	if string(p.Channel) == "closed" {
		return false, errClosed
	}
	if p.Oversize > 0 {
		return false, fmt.Errorf("TOOLARGE %d", p.Oversize)
	}
	b.seen = append(b.seen, string(p.Payload))
	if b.hold || b.check {
		b.held = append(b.held, publication{r, p.From})
		return b.check, nil
	}
	r.Published(1, "", nil)
	return false, nil
}

func (b *backend) Withdraw(from uint64) {
	list := b.held
	b.held = nil
	for _, k := range list {
		if k.from == from {
			b.withdrawn++
			k.Published(0, "", errDown)
		} else {
			b.held = append(b.held, k)
		}
	}
}

// answer answers the publications that are held, each with its number.
func (b *backend) answer() {
	held := b.held
	b.held = nil
	for i, r := range held {
		r.Published(int64(i), "", nil)
	}
}

func (b *backend) MaySubscribe(_ respserver.User, _ resp.Kind, name []byte) error {
	if string(name) == "closed" {
		return errClosed
	}
	return nil
}

func (b *backend) MayHear(_ respserver.User, channel []byte) bool { return string(channel) != "closed" }

func (b *backend) Channels(_ respserver.User, _ resp.Kind, _ []byte, done func([]string, error)) {
	if b.hold {
		b.listings = append(b.listings, func() { done([]string{"a"}, nil) })
		return
	}
	done(nil, errClosed)
}

func (b *backend) Subscribers(_ respserver.User, _ resp.Kind, names []string, done func([]int64, error)) {
	if b.hold {
		b.subscriberCounts = append(b.subscriberCounts, func() { done(make([]int64, len(names)), nil) })
		return
	}
	done(nil, errClosed)
}

func (b *backend) ClientSlow(respserver.SlowClient)               {}
func (b *backend) ClientStuck(respserver.StuckClient)             {}
func (b *backend) ClientReads(respserver.Client, time.Time, bool) {}
func (b *backend) RedisVersion() string                           { return "7.9.9" }

func (b *backend) Status(_ respserver.User, done func([]byte)) { done([]byte(`{}`)) }
func (b *backend) Patterns(done func(int64, error))            { done(0, errClosed) }

func (b *backend) Query(_ string, _ []byte, _ [][]byte, done func(any, error)) { done(int64(7), nil) }

func (b *backend) Range(_ stream.Range, held stream.Progress, done func([]stream.Entry, error)) {
	b.progress, b.ranges = held, append(b.ranges, done)
}

func (b *backend) Read(
	_ []stream.Position, _ int, _ stream.Progress, done func([]stream.Result, error),
) {
	done(nil, nil)
}

func (b *backend) Await(
	_ []stream.Position, _ int, _ time.Duration, done func([]stream.Result, error),
) (respserver.AwaitedRead, error) {
	b.awaits++
	b.awaiting[b.awaits] = done
	return awaited{b, b.awaits}, nil
}

// awaited is one XREAD of those that wait. The backend has no entries for it.
type awaited struct {
	backend *backend
	number  int
}

func (a awaited) Cancel()      { delete(a.backend.awaiting, a.number) }
func (a awaited) StopWaiting() { a.backend.stopped = append(a.backend.stopped, a.number) }
