package nats

// One suite for both doors: what is promised to a Redis client on the socket is
// promised to a NATS client.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// door is one of the two ways to reach a relay.
type door interface {
	// listen connects a client that listens to a channel; when it returns Redis has
	// confirmed.
	listen(r *natsRelay, channel string) ear
	// listenStuck is listen for a client that never reads.
	listenStuck(r *natsRelay, channel string) ear
	// publisher connects a client that publishes.
	publisher(r *natsRelay) mouth
}

type ear interface {
	// hear returns the payload of the next message, or why there is none.
	hear() ([]byte, error)
	// closed waits until the relay has disconnected the client.
	closed(t *testing.T)
	close()
}

type mouth interface {
	// publish returns the number of receivers, or the code word of the error.
	publish(channel string, payload []byte) (receivers int, code string)
	// send does not wait for the answer.
	send(channel string, payload []byte)
}

var doors = map[string]door{"socket": socketDoor{}, "nats": natsDoor{}}

type socketDoor struct{}

type socketEar struct{ *redistest.Client }

func (socketDoor) listen(r *natsRelay, channel string) ear {
	c := r.Dial()
	c.Send("SUBSCRIBE", channel)
	if v := c.Receive(); len(v.Elems) != 3 || v.Elems[1].Str != channel {
		r.T.Fatalf("SUBSCRIBE was answered %s", v)
	}
	return socketEar{c}
}

func (d socketDoor) listenStuck(r *natsRelay, channel string) ear { return d.listen(r, channel) }

func (e socketEar) hear() (payload []byte, err error) {
	err = e.ReadMessages(1, func(_, p []byte) { payload = slices.Clone(p) })
	return payload, err
}

func (e socketEar) closed(*testing.T) { e.Closed() }
func (e socketEar) close()            { e.Close() }

type socketMouth struct{ *redistest.Client }

func (socketDoor) publisher(r *natsRelay) mouth { return socketMouth{r.Dial()} }

func (m socketMouth) publish(channel string, payload []byte) (int, string) {
	v := m.Do("PUBLISH", channel, string(payload))
	code, _, _ := strings.Cut(strings.TrimPrefix(v.String(), "-"), " ")
	if strings.HasPrefix(v.String(), ":") {
		code = ""
	}
	return int(v.Int), code
}

func (m socketMouth) send(channel string, payload []byte) {
	if err := m.TrySend("PUBLISH", channel, string(payload)); err != nil {
		panic(err)
	}
}

type natsDoor struct{}

type natsEar struct {
	nc  *nats.Conn
	sub *nats.Subscription
}

func (natsDoor) listen(r *natsRelay, channel string) ear {
	nc := r.nats(nats.NoReconnect())
	subject, err := natsbridge.Subject([]byte(channel))
	if err != nil {
		r.T.Fatal(err)
	}
	return natsEar{nc, r.listen(nc, subject)}
}

func (e natsEar) hear() ([]byte, error) {
	m, err := e.sub.NextMsg(patience)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func (e natsEar) closed(t *testing.T) {
	redistest.Eventually(t, patience, "the NATS client is disconnected", e.nc.IsClosed)
}

func (e natsEar) close() { e.nc.Close() }

// stuckEar is a NATS client that has subscribed and does not read any more.
type stuckEar struct{ conn net.Conn }

func (natsDoor) listenStuck(r *natsRelay, channel string) ear {
	conn, err := net.Dial("tcp", r.NATSAddress())
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = conn.Close() })
	subject, err := natsbridge.Subject([]byte(channel))
	if err != nil {
		r.T.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", subject)
	for text := ""; !strings.HasSuffix(text, "PONG\r\n"); {
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			r.T.Fatal(err)
		}
		text += string(b[:n])
	}
	r.inForce(r.nats())
	return stuckEar{conn}
}

func (e stuckEar) hear() ([]byte, error) { return nil, errors.New("it does not read") }
func (e stuckEar) close()                { _ = e.conn.Close() }

func (e stuckEar) closed(t *testing.T) {
	b := make([]byte, 64<<10)
	_ = e.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		_, err := e.conn.Read(b)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the NATS client is still connected")
		}
		if err != nil {
			return
		}
	}
}

type natsMouth struct {
	r  *natsRelay
	nc *nats.Conn
}

func (natsDoor) publisher(r *natsRelay) mouth { return natsMouth{r, r.nats()} }

func (m natsMouth) subject(channel string) string {
	subject, err := natsbridge.Subject([]byte(channel))
	if err != nil {
		panic(err)
	}
	return "publish." + subject
}

func (m natsMouth) publish(channel string, payload []byte) (int, string) {
	body, code := m.r.answer(m.nc, m.subject(channel), string(payload))
	var answer struct{ Receivers int }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		panic(err)
	}
	return answer.Receivers, code
}

func (m natsMouth) send(channel string, payload []byte) {
	if err := m.nc.Publish(m.subject(channel), payload); err != nil {
		panic(err)
	}
}

// eachDoor runs a test at both doors, with a relay of its own.
func eachDoor(t *testing.T, test func(t *testing.T, d door, r *natsRelay, redis *redistest.Server),
	edit ...harness.Option,
) {
	for name, d := range doors {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			test(t, d, startRelay(t, redis, edit...), redis)
		})
	}
}

const (
	validChat   = `{"type":"typing","userId":"ann","roomId":"42"}`
	invalidChat = `{"type":"typing","userId":7,"roomId":"42"}`
)

// expect hears one message.
func expect(t *testing.T, e ear, want string) {
	t.Helper()
	if got, err := e.hear(); err != nil || string(got) != want {
		t.Fatalf("heard %.200q, %v; want %.200q", got, err, want)
	}
}

// TestEveryPair publishes at both doors of two relays and at Redis, at the same
// time, and listens at all of them: everybody hears each message once, each
// publisher's in its order, byte for byte.
func TestEveryPair(t *testing.T) {
	const each = 500
	redis := redistest.Start(t)
	relays := []*natsRelay{startRelay(t, redis), startRelay(t, redis)}
	body := make([]byte, 256)
	for i := range body {
		body[i] = byte(i)
	}
	for _, channel := range []string{"plain:a b:%:\xff", "kept:1"} {
		t.Run(strconv.Quote(channel), func(t *testing.T) {
			var ears []ear
			var mouths []mouth
			for _, r := range relays {
				for _, d := range doors {
					ears, mouths = append(ears, d.listen(r, channel)), append(mouths, d.publisher(r))
				}
			}
			var all errgroup.Group
			for p, m := range mouths {
				all.Go(func() error {
					for i := range each {
						m.send(channel, fmt.Appendf(nil, "%d %d %s", p, i, body))
					}
					return nil
				})
			}
			for n, e := range ears {
				all.Go(func() error { return hearsAll(n, e, len(mouths), each, body) })
			}
			if err := all.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// hearsAll expects a number of messages of each publisher, in order.
func hearsAll(n int, e ear, publishers, each int, body []byte) error {
	next := make([]int, publishers)
	for range publishers * each {
		got, err := e.hear()
		if err != nil {
			return fmt.Errorf("listener %d after %v: %w", n, next, err)
		}
		var p, i int
		if _, err := fmt.Sscanf(string(got[:min(len(got), 16)]), "%d %d ", &p, &i); err != nil || p >= publishers {
			return fmt.Errorf("listener %d heard %q", n, got)
		}
		if want := fmt.Appendf(nil, "%d %d %s", p, next[p], body); string(want) != string(got) {
			return fmt.Errorf("listener %d heard message %d of publisher %d, want %d", n, i, p, next[p])
		}
		next[p]++
	}
	return nil
}

func TestReceiversAreCounted(t *testing.T) {
	redis := redistest.Start(t)
	r, neighbour := startRelay(t, redis), startRelay(t, redis)
	for _, d := range doors {
		d.listen(r, "plain:1")
		d.listen(r, "plain:1")
		d.listen(neighbour, "plain:1")
		d.listen(r, "plain:2")
	}
	for name, d := range doors {
		m := d.publisher(r)
		for channel, want := range map[string]int{"plain:1": 5, "plain:2": 2, "plain:3": 0} { // a neighbour counts as one
			if got, code := m.publish(channel, []byte("m")); got != want || code != "" {
				t.Errorf("%s, %s: %d receivers, code %q; want %d", name, channel, got, code, want)
			}
		}
	}
	r.listen(r.nats(), "plain.>") // a pattern, for those who count
	for _, relay := range []*natsRelay{r, neighbour} {
		raw := relay.Dial()
		// On 2, one listens by name: then all are counted. A relay that answers late is not.
		redistest.Eventually(t, patience, "all are counted", func() bool {
			return raw.Do("PUBSUB", "NUMSUB", "plain:2", "plain:3").String() == "[plain:2 3 plain:3 0]"
		})
		raw.Send("PUBSUB", "NUMSUB", "relay:events")
		raw.Expect(t, "[relay:events 0]")
	}
}

// TestOverlappingSubscriptionsAreCounted listens to channels by their names and by
// wildcards. Each is counted before its first message and after it, for nats-server's own
// count differs there.
func TestOverlappingSubscriptionsAreCounted(t *testing.T) {
	r := startRelay(t, redistest.Start(t))
	nc, raw := r.nats(), r.Dial()
	var last *nats.Subscription
	for _, subject := range []string{"plain.>", "plain.>", "plain.*", "plain.1", "plain.2", "plain.1"} {
		last = r.listen(nc, subject)
	}
	counted := func(want string) {
		t.Helper()
		raw.Send("PUBSUB", "NUMSUB", "plain:1", "plain:2", "plain:3")
		raw.Expect(t, "[plain:1 "+want+" plain:2 4 plain:3 0]")
		for range 2 {
			if body, _ := r.answer(nc, "publish.plain.1", "m"); body != `{"receivers":`+want+`}` {
				t.Errorf("answered %s, want %s", body, want)
			}
		}
	}
	counted("5")
	if err := last.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	r.inForce(nc)
	counted("4")
}

func TestRejects(t *testing.T) {
	edit := func(c *config.Config) {
		c.Limits.Payload = 1000
		c.Routes = append(c.Routes,
			newRoute("shut:", func(r *config.Route) { r.Publish = false }),
			newRoute("open:", func(r *config.Route) { r.Schema, r.Invalid = "chat.json", config.InvalidLog }))
	}
	eachDoor(t, func(t *testing.T, d door, r *natsRelay, redis *redistest.Server) {
		chat, open, rejects := d.listen(r, "chat:42"), d.listen(r, "open:1"), d.listen(r, "relay:rejects")
		m := d.publisher(r)
		for _, tt := range []struct{ channel, payload, code string }{
			{"chat:42", invalidChat, "INVALID"},
			{"chat:42", strings.Repeat(" ", 1000) + validChat, "TOOLARGE"},
			{"shut:1", "m", "DENIED"},
			{"relay:events", "m", "DENIED"},
			{"relay:x", "m", "DENIED"},
		} {
			if _, code := m.publish(tt.channel, []byte(tt.payload)); code != tt.code {
				t.Errorf("%s %.40s: code %q, want %s", tt.channel, tt.payload, code, tt.code)
			}
			if got, err := rejects.hear(); !strings.Contains(string(got), `"code":"`+tt.code+`"`) {
				t.Errorf("relay:rejects: %s, %v; want %s", got, err, tt.code)
			}
		}
		redis.MustDo("PUBLISH", "chat:42", invalidChat)
		if got, err := rejects.hear(); !strings.Contains(string(got), `"direction":"inbound"`) {
			t.Errorf("relay:rejects: %s, %v", got, err)
		}
		if _, code := m.publish("open:1", []byte(invalidChat)); code != "" {
			t.Errorf("invalid: log answers %q", code)
		}
		expect(t, open, invalidChat)
		m.publish("chat:42", []byte(validChat))
		expect(t, chat, validChat)
	}, edit)
}

func TestClosedForListening(t *testing.T) {
	edit := func(c *config.Config) {
		c.Routes = append(c.Routes, newRoute("dark:", func(r *config.Route) { r.Subscribe = false }))
	}
	eachDoor(t, func(t *testing.T, d door, r *natsRelay, redis *redistest.Server) {
		if n, code := d.publisher(r).publish("dark:1", []byte("m")); n != 0 || code != "" {
			t.Errorf("got %d, %q", n, code)
		}
	}, edit)
}

// TestInterestFollows has Redis subscribed exactly while somebody listens, also when
// a client dies.
func TestInterestFollows(t *testing.T) {
	eachDoor(t, func(t *testing.T, d door, r *natsRelay, redis *redistest.Server) {
		for range 3 {
			first, second := d.listen(r, "plain:1"), d.listen(r, "plain:1")
			if got := redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String(); got != "[plain:1 1]" {
				t.Errorf("while two listen: %s", got)
			}
			first.close()
			redis.MustDo("PUBLISH", "plain:1", "m")
			expect(t, second, "m")
			second.close()
			redistest.Eventually(t, patience, "nobody listens", func() bool {
				return redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String() == "[plain:1 0]"
			})
		}
	})
}

// TestGap loses the connection to Redis: who is on a route with on_gap: disconnect is
// disconnected, the others learn of it by an event, and hear again.
func TestGap(t *testing.T) {
	for name, d := range doors {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			proxy := redistest.NewProxy(t, redis.Addr())
			r := startRelay(t, redis, func(c *config.Config) {
				c.Redis.URL = "redis://" + proxy.Addr()
				c.Routes = append(c.Routes, newRoute("calm:", func(r *config.Route) { r.Policy.OnGap = config.OnGapNotify }))
			})
			loud, calm, kept := d.listen(r, "plain:1"), d.listen(r, "calm:1"), d.listen(r, "kept:1")
			events, m := d.listen(r, "relay:events"), d.publisher(r)
			proxy.Refuse(true)
			proxy.Cut()
			loud.closed(t)
			other := redistest.Dial(t, "tcp", redis.Addr())
			other.Send("PUBLISH", "calm:1", "lost")
			other.Receive()
			proxy.Refuse(false)
			for want := []string{"upstream_down", "gap", "upstream_up"}; len(want) > 0; {
				got, err := events.hear()
				if len(want) == 3 && strings.Contains(string(got), `"event":"upstream_up"`) {
					continue // the one of the start
				}
				if err != nil || !strings.Contains(string(got), `"event":"`+want[0]+`"`) {
					t.Fatalf("event %s, %v; want %s", got, err, want[0])
				}
				want = want[1:]
			}
			redistest.Eventually(t, patience, "publishing works again", func() bool {
				_, code := m.publish("calm:1", []byte("after"))
				return code == ""
			})
			expect(t, calm, "after")
			m.publish("kept:1", []byte("healed"))
			expect(t, kept, "healed")
		})
	}
}

// TestSlowReader floods a client that does not read: it is disconnected, and nobody
// else waits or misses anything.
func TestSlowReader(t *testing.T) {
	const flood, size = 2000, 64 << 10
	series := map[string]string{
		"socket": `disconnects_total{reason="slow"}`, "nats": `nats_disconnects_total{reason="slow"}`,
	}
	for name, d := range doors {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			r := startRelay(t, redis)
			stuck := d.listenStuck(r, "plain:1")
			readers := []ear{socketDoor{}.listen(r, "plain:1"), natsDoor{}.listen(r, "plain:1")}
			heard := make([]chan struct{}, len(readers)) // each has its own: one may be ahead of the other
			var all errgroup.Group
			for n, e := range readers {
				heard[n] = make(chan struct{}, flood)
				all.Go(func() error {
					defer close(heard[n]) // nobody waits for one that has failed
					for i := range flood {
						got, err := e.hear()
						if err != nil || len(got) != size || !strings.HasPrefix(string(got), strconv.Itoa(i)+" ") {
							return fmt.Errorf("reader %d, message %d: %.20q, %w", n, i, got, err)
						}
						heard[n] <- struct{}{}
					}
					return nil
				})
			}
			pub := redistest.Dial(t, "tcp", redis.Addr())
			for i := range flood {
				text := strconv.Itoa(i) + " "
				pub.Send("PUBLISH", "plain:1", text+strings.Repeat("x", size-len(text)))
				pub.Receive()
				if i >= 32 { // who reads is never slow
					for _, one := range heard {
						<-one
					}
				}
			}
			if err := all.Wait(); err != nil {
				t.Fatal(err)
			}
			stuck.closed(t)
			if n := r.Metric(series[name]); n != 1 {
				t.Errorf("%s is %v, want 1", series[name], n)
			}
		})
	}
}

// TestEnd stops the relay: publishes under way are answered, clients disconnected.
func TestEnd(t *testing.T) {
	eachDoor(t, func(t *testing.T, d door, r *natsRelay, redis *redistest.Server) {
		e := d.listen(r, "plain:1")
		r.Stop()
		e.closed(t)
	})
}

// limits.name holds for NATS clients, too.
func TestLongNames(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) { c.Limits.Name = 16 })
	nc := r.nats()
	long := "plain." + strings.Repeat("x", 20)
	if body, code := r.answer(nc, "publish."+long, "m"); code != "DENIED" || !strings.Contains(body, "limits.name (16)") {
		t.Errorf("publish: %s %s", code, body)
	}
	if body, code := r.answer(nc, "history."+long, "{}"); code != "DENIED" || !strings.Contains(body, "limits.name (16)") {
		t.Errorf("history: %s %s", code, body)
	}
	r.listen(nc, long)
	r.listen(nc, "plain.x")
	if got := redis.MustDo("PUBSUB", "NUMSUB", "plain:"+strings.Repeat("x", 20), "plain:x").Elems; got[1].Int != 0 || got[3].Int != 1 {
		t.Errorf("Redis is asked for %v", got)
	}
	if n := r.Metric(`nats_refused_total{reason="closed"}`); n != 1 {
		t.Errorf("%v subscriptions are counted as refused", n)
	}
}

// What NATS clients listen to counts with what is kept for those on the socket: beyond
// limits.memory the client with the most goes, and nobody else.
func TestSubscriptionsAreCounted(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) { c.Limits.Memory, c.Limits.Queue = 8<<20, 1<<20 })
	kept := func() float64 { return r.Metric("nats_subscription_bytes") }
	small := r.nats(nats.NoReconnect())
	sub := r.listen(small, "plain.x")
	redistest.Eventually(t, patience, "it is counted", func() bool { return kept() > 1000 })
	// A client that is closed while it subscribes may leave its last subject with the server; see disconnectLargest.
	const leftover, own = 3 * 10_000, 3_000 // bytes, at most: a long subject of each, and the client that stays

	for name, subject := range map[string]func(i int) string{
		"channels": func(i int) string { return fmt.Sprintf("plain.%d.%s", i, strings.Repeat("x", 900)) },
		"inboxes":  func(i int) string { return fmt.Sprintf("_INBOX.%d.%s", i, strings.Repeat("x", 900)) },
		"the same": func(int) string { return "plain.same" },
	} {
		t.Run(name, func(t *testing.T) {
			kicked := r.Metric(`nats_disconnects_total{reason="memory"}`)
			conn, err := net.Dial("tcp", r.NATSAddress())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			_, err = io.WriteString(conn, "CONNECT {\"verbose\":false}\r\n")
			for i := 0; i < 30_000 && err == nil; i++ { // it may be gone by now
				_, err = fmt.Fprintf(conn, "SUB %s %d\r\n", subject(i), i+1)
			}
			redistest.Eventually(t, patience, "it is disconnected", func() bool {
				return r.Metric(`nats_disconnects_total{reason="memory"}`) == kicked+1
			})
			redistest.Eventually(t, patience, "nothing of it is left", func() bool { return kept() < leftover+own })
		})
	}
	redis.MustDo("PUBLISH", "plain:x", "m")
	if got := hear(t, sub, "plain.x"); got != "m" {
		t.Errorf("heard %q", got)
	}
	before := kept()
	small.Close()
	redistest.Eventually(t, patience, "its subscription is not counted any more", func() bool { return kept() < before-1000 })
}

// TestLastValueIsForTheSocket: NATS clients get nothing first, and their subscriptions keep what is known.
func TestLastValueIsForTheSocket(t *testing.T) {
	r := startRelay(t, redistest.Start(t), func(c *config.Config) {
		c.Routes = append(c.Routes, newRoute("last:", func(r *config.Route) { r.Last = true }))
	})
	nc := r.nats()
	early := r.listen(nc, "last.1")
	r.answer(nc, "publish.last.1", "m")
	hear(t, early, "last.1")
	late := r.listen(r.nats(), "last.1")
	r.silent(nc, early, late)
	c := r.Dial()
	c.Send("SUBSCRIBE", "last:1")
	c.Expect(t, "[subscribe last:1 1]", "[message last:1 m]")
	r.silent(nc, early, late)
}
