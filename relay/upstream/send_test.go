package upstream

// What is sent, without Redis.

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestSendPassesOver names that nobody wants any more before they were sent, however
// many: nothing else wakes who sends for the one behind them.
func TestSendPassesOver(t *testing.T) {
	s := &Subscriber{wake: make(chan struct{}, 1)}
	for _, want := range []bool{true, false} {
		for i := range 3 * batchSize {
			s.Want(resp.Message, strconv.Itoa(i), want)
		}
	}
	s.Want(resp.Message, "wanted", true)
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.send(ctx, near, func(err error) { t.Error(err) })
	}()
	defer func() {
		cancel()
		_ = far.Close()
		<-ended
	}()
	want := string(redistest.AppendCommand(nil, "subscribe", "wanted"))
	if err := far.SetReadDeadline(time.Now().Add(redistest.DefaultTimeout)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := far.Read(got); err != nil || string(got) != want {
		t.Errorf("sent %q, %v, want %q", got[:n], err, want)
	}
}
