package order_test

// How long many UNSUBSCRIBEs take that leave together.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

const (
	manyNames       = 2000
	slowestMultiple = 20  // of redis-server's time; a round trip for each would be 50 times as much, at least
	races           = 100 // at most, of which the fastest counts: on a busy machine nearly all are slow
)

// TestPipelinedUnsubscribes ends many subscriptions by as many commands, which leave at once. The relay may
// not spend a round trip to Redis on each. It is timed in turns with redis-server.
func TestPipelinedUnsubscribes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		others int // connections that go on listening to the same
	}{{"the only listener", 0}, {"one of two listeners", 1}} {
		t.Run(tt.name, func(t *testing.T) {
			redis := redistest.Start(t, redistest.Reference())
			r := startRelay(t, redistest.Start(t))
			direct, relayed := newLeaver(t, redis.Socket(), tt.others), newLeaver(t, r.Socket, tt.others)
			best := [2]time.Duration{time.Hour, time.Hour}
			for n := 0; n < races && (n < 3 || best[1] > slowestMultiple*best[0]); n++ {
				best[0] = min(best[0], direct.race())
				best[1] = min(best[1], relayed.race())
			}
			t.Logf("%d UNSUBSCRIBEs: redis-server %v, relay %v", manyNames, best[0], best[1])
			if best[1] > slowestMultiple*best[0] {
				t.Errorf("the relay took %v, more than %d times redis-server's %v", best[1], slowestMultiple, best[0])
			}
		})
	}
}

// leaver is a connection that subscribes to many names and ends that again.
type leaver struct {
	t            *testing.T
	conn         net.Conn
	join, leave  []byte // commands
	joined, left []byte // their confirmations
}

func newLeaver(t *testing.T, socket string, others int) *leaver {
	t.Helper()
	l := &leaver{t: t, conn: redistest.Dial(t, "unix", socket).NetConn()}
	for i := range manyNames {
		name := fmt.Sprintf("room:%d", i)
		l.join = redistest.AppendCommand(l.join, "SUBSCRIBE", name)
		l.leave = redistest.AppendCommand(l.leave, "UNSUBSCRIBE", name)
		l.joined = fmt.Appendf(l.joined, "*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:%d\r\n", len(name), name, i+1)
		l.left = fmt.Appendf(l.left, "*3\r\n$11\r\nunsubscribe\r\n$%d\r\n%s\r\n:%d\r\n", len(name), name, manyNames-1-i)
	}
	for range others {
		other := *l
		other.conn = redistest.Dial(t, "unix", socket).NetConn()
		other.confirmed(l.join, l.joined)
	}
	return l
}

// race returns how long the last confirmation of UNSUBSCRIBE took to come.
func (l *leaver) race() time.Duration {
	l.t.Helper()
	l.confirmed(l.join, l.joined)
	began := time.Now()
	l.confirmed(l.leave, l.left)
	return time.Since(began)
}

// confirmed sends commands and reads what must be the answer.
func (l *leaver) confirmed(pipeline, want []byte) {
	l.t.Helper()
	_ = l.conn.SetDeadline(time.Now().Add(redistest.DefaultTimeout)) // where it fails, reading says why
	if _, err := l.conn.Write(pipeline); err != nil {
		l.t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(l.conn, got); err != nil || !bytes.Equal(got, want) {
		l.t.Fatalf("got %q (%v), want %q", got[:n], err, want)
	}
}
