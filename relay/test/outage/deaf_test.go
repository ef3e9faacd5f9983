package outage

// A connection that answers everything and delivers nothing.

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/test/harness"
)

// swallower stands between a relay and Redis, and can keep all messages to itself. It knows them in RESP3:
// the connection that reads, and does not subscribe, speaks RESP2.
type swallower struct {
	net.Listener
	redis     string
	swallows  atomic.Bool
	swallowed atomic.Int64
}

func newSwallower(t *testing.T, redis string) *swallower {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{Listener: ln, redis: redis}
	var conns errgroup.Group
	conns.Go(func() error {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return nil // closed below
			}
			conns.Go(func() error { return s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		_ = conns.Wait() // connections end with their relay
	})
	return s
}

func (s *swallower) serve(client net.Conn) error {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", s.redis)
	if err != nil {
		return err
	}
	var up errgroup.Group
	up.Go(func() error {
		_, err := io.Copy(server, client)
		_ = server.Close()
		return err
	})
	s.filter(client, server)
	_ = client.Close()
	return up.Wait()
}

// filter hands on what Redis sends, frame by frame.
func (s *swallower) filter(client io.Writer, server io.Reader) {
	var text []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		text = append(text, buf[:n]...)
		for {
			var d resp.Delivery
			token, n, err := resp.ScanServer3(text, &d)
			if err != nil {
				return
			}
			if token == resp.Incomplete {
				break
			}
			if token == resp.IsDelivery {
				text[0] = '>' // the scan has made it RESP2
			}
			if token == resp.IsDelivery && s.swallows.Load() {
				s.swallowed.Add(1)
			} else if _, err := client.Write(text[:n]); err != nil {
				return
			}
			text = text[n:]
		}
	}
}

// TestDeafConnection is found by the probe and replaced, listeners learn of it, and
// the relay is not ready before a message has come back.
func TestDeafConnection(t *testing.T) {
	t.Parallel() // it waits for deadlines
	redis := redistest.Start(t)
	between := newSwallower(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+between.Addr().String()), harness.WithRoutes(),
		func(c *config.Config) { c.Redis.ProbeInterval = 100 * time.Millisecond })
	events, sub := r.Subscribe("relay:events"), r.Subscribe("c")
	redis.MustDo("PUBLISH", "c", "m")
	sub.Expect(t, "[message c m]")

	between.swallows.Store(true)
	redis.MustDo("PUBLISH", "c", "swallowed")
	events.SetTimeout(30 * time.Second)
	if e := harness.Event(t, events, "upstream_down"); !strings.Contains(e.Cause, "did not deliver") {
		t.Errorf("the cause is %q", e.Cause)
	}
	sub.Closed()
	redistest.Eventually(t, redistest.DefaultTimeout, "the next connection", func() bool {
		return r.Metric("upstream_connections_total") > 1
	})
	if status, body := r.Get("/readyz"); status == 200 || between.swallowed.Load() == 0 {
		t.Errorf("ready while nothing is delivered: %s", body)
	}

	between.swallows.Store(false)
	redistest.Eventually(t, 30*time.Second, "ready again", r.IsReady)
	sub = r.Subscribe("c")
	redis.MustDo("PUBLISH", "c", "m")
	sub.Expect(t, "[message c m]")
}
