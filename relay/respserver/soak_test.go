package respserver_test

// Many clients that do anything, and go at any moment.

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

// anything is what a client may send, among marks.
var anything = []string{
	"PING", "PUBLISH a x", "PUBLISH closed x", "SPUBLISH a x", "SUBSCRIBE a b c", "PSUBSCRIBE a*", "SSUBSCRIBE a", "UNSUBSCRIBE a",
	"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE a x", "RESET", "HELLO 3", "HELLO 2", "CLIENT REPLY SKIP", "PUBSUB NUMSUB a b",
	"CLIENT LIST", "XREAD BLOCK 5 STREAMS h 0", "XRANGE h - +", "XADD h NOMKSTREAM * f v", "NONSENSE",
}

// TestAnythingAtOnce: marks come back in order, and nothing is left when all have gone, also if they kill
// each other, and too much waits for them.
func TestAnythingAtOnce(t *testing.T) {
	t.Run("in peace", func(t *testing.T) {
		s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Window.Store(3) })
		soak(s, anything, true)
	})
	t.Run("at war", func(t *testing.T) {
		s := serve(t, func(_ *respserver.Options, l *respserver.Limits) {
			l.Window.Store(3)
			l.Queue.Store(8 << 10)
			l.Memory.Store(1 << 10)
		})
		soak(s, append([]string{
			"CLIENT KILL TYPE pubsub", "CLIENT KILL TYPE normal SKIPME yes", "CLIENT REPLY OFF", "POST", "QUIT",
			"ECHO " + strings.Repeat("x", 5000),
		}, anything...), false)
		if s.Ended("killed") == 0 || s.Ended("memory") == 0 {
			t.Errorf("%d were killed, %d had too much", s.Ended("killed"), s.Ended("memory"))
		}
	})
}

func soak(s *server, commands []string, whole bool) {
	t := s.t
	s.holdPublications()
	stop := s.answerNowAndThen()
	var clients sync.WaitGroup
	const together, each = 6, 80
	for range together {
		clients.Go(func() {
			for range each {
				if err := talk(s.path, commands, whole); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	until(t, "all have come", func() bool { return s.Stats().Accepted == together*each })
	s.waitClients(0)
	stop()
	s.answerAll()
	until(t, "nothing is subscribed", func() bool {
		n := s.stats()
		return n.Listeners == [resp.Kinds]int{} && n.Topics == [resp.Kinds]int{}
	})
	if n := s.limits.Used(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// answerNowAndThen answers what waits, and sends messages, in some turns of the loop.
func (s *server) answerNowAndThen() (stop func()) {
	on := true
	var tick func()
	tick = func() {
		b := s.backend
		for n, f := range b.awaiting {
			delete(b.awaiting, n)
			f(nil, nil)
		}
		ranges, censuses := b.ranges, b.subscriberCounts
		b.ranges, b.subscriberCounts = nil, nil
		for _, f := range ranges {
			_ = b.progress(2, 1000) // of a session that may have ended
			f(nil, nil)
		}
		for _, f := range censuses {
			f()
		}
		b.answer()
		frame := redistest.AppendCommand(nil, "message", "a", "m")
		s.hub.Deliver(resp.Message, []byte("a"), frame, 0)
		if on {
			s.loop.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, tick)
		}
	}
	s.in(tick)
	return func() { s.in(func() { on = false }) }
}

// talk is one client's life. It returns what must not be. whole says that all marks must come, unless the client
// goes before.
func talk(path string, commands []string, whole bool) error {
	c, err := redistest.Open("unix", path)
	if err != nil {
		return err
	}
	defer c.Close()
	var b []byte
	waits := false
	marks := rand.IntN(10)
	for i := range marks {
		for range rand.IntN(5) {
			command := commands[rand.IntN(len(commands))]
			waits = waits || strings.HasPrefix(command, "XREAD BLOCK")
			b = redistest.AppendCommand(b, strings.Fields(command)...)
		}
		b = append(b, pipeline("RESET", fmt.Sprint("ECHO mark", i))...) // a RESP2 subscriber may not
	}
	if err := c.TrySendRaw(b); err != nil {
		return nil // killed, perhaps
	}
	how := rand.IntN(3)
	switch how {
	case 0:
		return nil
	case 1:
		_ = c.NetConn().(*net.UnixConn).CloseWrite()
		whole = whole && !waits // XREAD may end it
	default:
		_ = c.TrySendRaw(pipeline("QUIT"))
	}
	for next := 0; ; {
		v, err := c.TryReceive()
		switch {
		case errors.Is(err, io.EOF):
			if whole && next != marks {
				return fmt.Errorf("%d of %d marks came", next, marks)
			}
			return nil
		case err != nil && !whole && !errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		case strings.HasPrefix(v.Str, "mark"):
			if v.Str != fmt.Sprint("mark", next) {
				return fmt.Errorf("got %s, want mark%d", v.Str, next)
			}
			next++
		}
	}
}
