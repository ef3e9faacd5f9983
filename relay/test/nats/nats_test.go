package nats

// A relay with both doors open, in this process, and clients for them.

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

var (
	nop   = zap.NewNop()
	level = zap.NewAtomicLevel()
)

const patience = 30 * time.Second

// natsRelay is a running relay. Its methods belong to the test's own goroutine.
type natsRelay struct{ *harness.Relay }

// newRoute is a route for both doors, changed by edit.
func newRoute(prefix string, edit ...func(*config.Route)) config.Route {
	r := config.NewRoute(prefix)
	r.NATS = true
	for _, e := range edit {
		e(&r)
	}
	return r
}

// startRelay runs a relay with routes chat: (with the shipped schema), plain:, and
// kept: (with history), and waits until it is ready. It ends with the test.
func startRelay(t testing.TB, redis *redistest.Server, edit ...harness.Option) *natsRelay {
	t.Helper()
	bothDoors := func(c *config.Config) {
		c.NATS.Listen = "127.0.0.1:0"
		c.Routes = []config.Route{
			newRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" }),
			newRoute("plain:"),
			newRoute("barrier:"),
			newRoute("kept:", func(r *config.Route) {
				r.Policy.History, r.Policy.OnGap = &config.History{Length: 1000}, config.OnGapNotify
			}),
		}
	}
	return &natsRelay{harness.Start(t, redis, append([]harness.Option{bothDoors}, edit...)...)}
}

// nats connects a NATS client.
func (r *natsRelay) nats(opts ...nats.Option) *nats.Conn {
	r.T.Helper()
	nc, err := nats.Connect("nats://"+r.NATSAddress(), append([]nats.Option{
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.ReconnectWait(10 * time.Millisecond),
		nats.Timeout(patience), nats.ReconnectJitter(0, 0),
	}, opts...)...)
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(nc.Close)
	return nc
}

// listen subscribes and returns when the subscription is in force.
func (r *natsRelay) listen(nc *nats.Conn, subject string) *nats.Subscription {
	r.T.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		r.T.Fatal(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		r.T.Fatal(err)
	}
	r.inForce(nc)
	return sub
}

// inForce returns when Redis has confirmed what a client has subscribed to.
func (r *natsRelay) inForce(nc *nats.Conn) {
	r.T.Helper()
	if err := nc.FlushTimeout(patience); err != nil {
		r.T.Fatal(err)
	}
	r.answer(nc, "publish.barrier.x", "") // comes behind the subscriptions
	redistest.Eventually(r.T, patience, "Redis has confirmed", r.IsReady)
}

// answer sends a request and returns the body of the answer, and the error code.
func (r *natsRelay) answer(nc *nats.Conn, subject, payload string) (body, code string) {
	r.T.Helper()
	m, err := nc.Request(subject, []byte(payload), patience)
	if err != nil {
		r.T.Fatalf("request on %s: %v", subject, err)
	}
	return string(m.Data), m.Header.Get("Nats-Service-Error-Code")
}

// hear returns the payload of the next message, which must be on a subject.
func hear(t testing.TB, sub *nats.Subscription, subject string) string {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatalf("next message on %s: %v", sub.Subject, err)
	}
	if m.Subject != subject {
		t.Fatalf("got a message on %s, want one on %s", m.Subject, subject)
	}
	return string(m.Data)
}
