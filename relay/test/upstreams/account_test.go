package upstreams

// The account of each of two Redises while one of them comes and goes: for every listener, sent = delivered + reported;
// and of the one that lives all is delivered.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/account"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// audited are the channels of the account: each publisher has those of one upstream. The first of an upstream has its
// listeners disconnected at a gap, the second has them told, the third heals.
var audited = []string{"m:1", "mcalm:1", "mkept:1", "e:1", "ecalm:1", "ekept:1"}

const (
	eachUpstream = 3 // channels
	publishers   = 4
)

// upstreams are in the order of audited.
var upstreams = []string{"main", "eu"}

// books is the account of a scene.
type books struct {
	*scene
	ledger    *account.Ledger
	listeners []*listener
	sent      [publishers]atomic.Int64
	acked     [publishers]atomic.Int64 // of them those that Redis has, as it said
	away      []int                    // the upstream that is lost now
}

func openBooks(t *testing.T, lost int) *books {
	t.Helper()
	lasting := []redistest.Option{redistest.WithAppendOnly(), redistest.WithArgs("--appendfsync", "no")}
	b := &books{
		scene:  &scene{main: redistest.Start(t, lasting...), eu: redistest.Start(t, lasting...)},
		ledger: account.NewLedger(publishers, len(audited)),
	}
	b.relay = harness.Start(t, b.main, harness.WithRoutes(routes()...), withEU(b.eu, hurried(upstreams[lost]), seldomProbed(1-lost)))
	b.awaitEU(t, 1)
	for _, channels := range [][]int{{0}, {3}, {0, 3}} {
		b.listeners = append(b.listeners, b.newListener("is disconnected", channels, false))
	}
	for _, channels := range [][]int{{1, 2}, {4, 5}, {1, 2, 4, 5}} {
		b.listeners = append(b.listeners, b.newListener("is told", channels, true))
	}
	return b
}

// seldomProbed has the relay not look at a Redis all the time.
func seldomProbed(upstream int) func(*config.Config) {
	return func(c *config.Config) {
		r := c.Redis
		if upstream == 1 {
			r = c.Upstreams["eu"]
		}
		r.ProbeInterval = 2 * time.Second
		if upstream == 1 {
			c.Upstreams["eu"] = r
		} else {
			c.Redis = r
		}
	}
}

// publish publishes on the channels of an upstream until ctx ends, each message when the answer to the one before is
// there. The publishers 0 and 1 do it through the relay. 2 and 3 are at their Redis, as those of other hosts are; they
// keep nothing.
func (b *books) publish(ctx context.Context, publisher int) error {
	redis := []*redistest.Server{b.main, b.eu}[publisher%2]
	for n := 0; ctx.Err() == nil; {
		network, address, channels := "unix", b.relay.Socket, eachUpstream
		if publisher >= 2 {
			network, address, channels = "tcp", redis.Addr(), eachUpstream-1
		}
		c, err := redistest.Open(network, address)
		for ; err == nil && ctx.Err() == nil; n++ {
			_, err = b.say(c, publisher, publisher%2*eachUpstream+n%channels)
			time.Sleep(200 * time.Microsecond) // a rate, not a wait
		}
		if c != nil {
			c.Close()
		}
		if err != nil && publisher < 2 {
			return err
		}
	}
	return nil
}

// say publishes one message.
func (b *books) say(c *redistest.Client, publisher, channel int) (account.ID, error) {
	now := time.Now().UnixNano()
	id := b.ledger.Send(publisher, channel, now)
	b.sent[publisher].Add(1)
	v, err := c.TryDo("PUBLISH", audited[channel], string(account.AppendPayload(nil, id, now, 20)))
	if err != nil {
		return id, fmt.Errorf("%v: %w", id, err)
	}
	return id, b.note(id, v)
}

// note enters what a publisher is told.
func (b *books) note(id account.ID, v redistest.Value) error {
	switch {
	case v.Type == ':':
		b.ledger.Reach(id, time.Now().UnixNano())
		b.ledger.Reply(id, account.Acknowledged)
		b.acked[id.Publisher].Add(1)
	case strings.Contains(v.Str, "nothing was published"):
		b.ledger.Reply(id, account.Withheld)
	case strings.HasPrefix(v.Str, "LOADING"):
		b.ledger.Reply(id, account.Refused)
	case !strings.HasPrefix(v.Str, "UPSTREAMDOWN"): // else it may have been published
		return fmt.Errorf("%v: %s", id, v)
	}
	return nil
}

// waits tells whether a listener was disconnected, and waits for an upstream that is lost.
func (b *books) waits(l *listener) bool { return !l.events && slices.ContainsFunc(b.away, l.isOn) }

// flows waits until so many more messages of an upstream are at Redis, and all its listeners have heard later ones.
func (b *books) flows(t *testing.T, upstream int, more int64) {
	t.Helper()
	from := b.acked[upstream].Load()
	redistest.Eventually(t, redistest.DefaultTimeout, "messages are published", func() bool {
		return b.acked[upstream].Load() >= from+more
	})
	before := map[*listener][6]int64{}
	for _, l := range b.listeners {
		var now [6]int64
		for i := range now {
			now[i] = l.heard[i].Load()
		}
		before[l] = now
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "messages are heard", func() bool {
		for _, l := range b.listeners {
			for _, c := range l.channels {
				if c/eachUpstream == upstream && !b.waits(l) && l.heard[c].Load() <= before[l][c] {
					return false
				}
			}
		}
		return true
	})
}

// lastOf publishes one more message on each channel and waits until all have heard it: all before it has come.
func (b *books) lastOf(t *testing.T) {
	t.Helper()
	c := b.relay.Dial()
	for channel, name := range audited {
		id, err := b.say(c, channel/eachUpstream, channel)
		if err != nil {
			t.Fatalf("the last message on %s: %v", name, err)
		}
		for _, l := range b.listeners {
			if slices.Contains(l.channels, channel) {
				redistest.Eventually(t, redistest.DefaultTimeout, l.ear.Name+" has heard all", func() bool {
					return l.heard[channel].Load() == int64(id.Number)+1
				})
			}
		}
	}
}

func TestAccountOfEachUpstream(t *testing.T) {
	for lost, victim := range upstreams {
		t.Run(victim+" comes and goes", func(t *testing.T) {
			t.Parallel()
			b := openBooks(t, lost)
			b.run(t, lost)
			b.reckon(t, lost)
		})
	}
}

// run has one Redis killed and stopped, under load.
func (b *books) run(t *testing.T, lost int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var hearing, publishing errgroup.Group
	defer func() {
		stop()
		for _, l := range b.listeners {
			l.stop()
		}
		if err := hearing.Wait(); err != nil {
			t.Error(err)
		}
	}()
	for _, l := range b.listeners {
		hearing.Go(l.listen)
	}
	for publisher := range publishers {
		publishing.Go(func() error { return b.publish(ctx, publisher) })
	}
	redis, victim := [2]*redistest.Server{b.main, b.eu}[lost], upstreams[lost]
	for upstream := range 2 {
		b.flows(t, upstream, 100)
	}
	for _, way := range []string{"killed", "stopped", "killed"} {
		takeAway(redis, way)
		b.away = []int{lost}
		b.flows(t, 1-lost, 200)
		awaitReady(t, b.relay, victim, 0)
		b.flows(t, 1-lost, 200) // and is heard before the lost one is back: nothing waits for that
		bringBack(redis, way)
		b.away = nil
		awaitReady(t, b.relay, victim, 1)
		for upstream := range 2 {
			b.flows(t, upstream, 100)
		}
	}
	stop()
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	b.lastOf(t)
}

// reckon holds what was heard against what was sent.
func (b *books) reckon(t *testing.T, lost int) {
	t.Helper()
	totals, faults := b.ledger.AuditReplies(func(account.ID) bool { return true })
	report(t, faults)
	t.Logf("%+v", totals)
	for _, l := range b.listeners {
		report(t, b.ledger.AuditEar(l.ear))
		sum := b.ledger.Audit(&account.Account{
			Name: l.ear.Name, Ears: []*account.Ear{l.ear}, Agreement: account.Agreement{Notified: l.events},
		})
		report(t, sum.Faults)
		t.Logf("%s: due %d, delivered %d, gap %d, cut %d", l.ear.Name, sum.Due, sum.Delivered, sum.Gap, sum.Cut)
		if !l.isOn(lost) && (sum.Delivered != sum.Due || l.cuts.Load() > 0) {
			t.Errorf("%s heard %d of %d, and was disconnected %d times", l.ear.Name, sum.Delivered, sum.Due, l.cuts.Load())
		}
		if n := l.gaps[upstreams[1-lost]]; n > 0 || l.events && l.gaps[upstreams[lost]] == 0 {
			t.Errorf("%s was told of the gaps %v", l.ear.Name, l.gaps)
		}
	}
	if sent, acked := b.sent[1-lost].Load(), b.acked[1-lost].Load(); sent != acked {
		t.Errorf("of %d messages for the other Redis %d were acknowledged", sent, acked)
	}
}

func report(t *testing.T, faults account.Faults) {
	t.Helper()
	for _, text := range faults.First {
		t.Error(text)
	}
}
