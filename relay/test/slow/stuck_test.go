package slow

// A client that does not read is told of some seconds later, long before it is disconnected; and that this is over.

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/status"
	"redis-relay/relay/test/harness"
)

const patience = time.Minute

const stuckLine, readsLine = "a client does not read, or too slowly", "no output waits any more for a client that did not read"

// stuckScene is a relay with traffic on two channels, and somebody whom alerts are posted to.
type stuckScene struct {
	t        *testing.T
	relay    *harness.Relay
	receiver *harness.Receiver
	events   *redistest.Client
	began    time.Time // when somebody stopped reading
	posted   int       // alerts that have begun or ended
}

func newStuckScene(t *testing.T, opts ...harness.Option) *stuckScene {
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	large := func(c *config.Config) { c.Limits.Queue, c.Limits.QueueAge = 64*config.MiB, 0 }
	r := harness.Start(t, redis, append([]harness.Option{harness.WithReceiver(rec), large}, opts...)...)
	s := &stuckScene{t: t, relay: r, receiver: rec, events: r.Subscribe(relay.EventsChannel), began: time.Now()}
	s.events.SetTimeout(patience)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for c := redistest.Dial(t, "unix", redis.Socket()); ; time.Sleep(10 * time.Millisecond) {
			select {
			case <-done:
				return
			default:
			}
			for _, m := range [][]string{
				{"PUBLISH", "busy:1", strings.Repeat("x", 4<<10)}, {"PUBLISH", "busy:1", "m"}, {"PUBLISH", "idle:1", "m"},
			} {
				if _, err := c.TryDo(m...); err != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-ended
	})
	return s
}

// standing returns the alerts about stuck readers in the status.
func (s *stuckScene) standing() (list []status.Alert) {
	s.t.Helper()
	var now status.Status
	if err := json.Unmarshal([]byte(s.relay.Dial().Do("RELAY", "STATUS").Str), &now); err != nil {
		s.t.Fatal(err)
	}
	for _, a := range now.Alerts {
		if a.Kind == "stuck_reader" {
			list = append(list, a)
		}
	}
	return list
}

// told waits for the beginning.
func (s *stuckScene) told(name string) relay.Event {
	s.t.Helper()
	e := harness.Event(s.t, s.events, "alert")
	if e.Kind != "stuck_reader" || e.Name != name || e.Client == 0 || int(e.PID) != os.Getpid() || e.UID == nil ||
		int(*e.UID) != os.Getuid() || e.Channel != "busy:1" || e.Queued < 64<<10 || e.Waited < 5 || e.Waited > 11 { // long before 12, at which it may be disconnected
		s.t.Errorf("told %+v", e)
	}
	s.posted++
	s.receiver.Await(s.t, patience, s.posted, "stuck_reader")
	if took := e.Time.Sub(s.began); took > 12*time.Second && !harness.RaceDetector {
		s.t.Errorf("told after %v", took)
	}
	return e
}

// ended waits for the end.
func (s *stuckScene) ended(begun relay.Event, cause string) {
	s.t.Helper()
	e := harness.Event(s.t, s.events, "alert_end")
	if e.Kind != "stuck_reader" || e.Client != begun.Client || e.Name != begun.Name || e.Cause != cause || e.Since == nil ||
		begun.Time.Sub(*e.Since).Abs() > time.Second {
		s.t.Errorf("told %+v", e)
	}
	s.posted++
	all := s.receiver.Await(s.t, patience, s.posted, "stuck_reader")
	first, last := all[len(all)-2], all[len(all)-1]
	if first.State != "raised" || last.State != "ended" || first.ID != last.ID || first.Event.Client != begun.Client ||
		!strings.Contains(first.Text, "channel `busy:1`") || !strings.Contains(first.Text, "iB wait for it") {
		s.t.Errorf("posted %+v, %+v", first, last)
	}
	if list := s.standing(); len(list) != 0 {
		s.t.Errorf("%+v stand", list)
	}
}

// TestAStuckReaderIsToldEarly, and once, by every way there is; and its end when it has read what waited.
func TestAStuckReaderIsToldEarly(t *testing.T) {
	t.Parallel()
	s := newStuckScene(t)
	stuck := s.relay.Dial()
	for _, words := range [][]string{{"CLIENT", "SETNAME", "stuck"}, {"SUBSCRIBE", "idle:1"}, {"PSUBSCRIBE", "b*:1"}} {
		stuck.Do(words...)
	}
	e := s.told("stuck")
	if list := s.standing(); len(list) != 1 || list[0].About.Client != e.Client || list[0].About.Channel != "busy:1" {
		t.Errorf("%+v stand", list)
	}
	lines := s.relay.Logs.FilterMessage(stuckLine).All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	said := lines[0].ContextMap()
	for _, field := range []string{"client", "name", "pid", "uid", "channel", "queued_bytes", "for"} {
		if said[field] == nil || said[field] == "" {
			t.Errorf("the line has no %s: %v", field, said)
		}
	}
	time.Sleep(3 * time.Second) // it goes on, and nothing more is told
	if n, m := len(s.receiver.Told()), s.relay.Metric(`alerts_active{kind="stuck_reader"}`); n != 1 || m != 1 {
		t.Errorf("posted %d times; %v alerts stand", n, m)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, stuck.NetConn())
	}()
	s.ended(e, "it has read what waited")
	if n := s.relay.Logs.FilterMessage(readsLine).Len(); n != 1 {
		t.Errorf("%d lines of the end", n)
	}
	stuck.Close()
	<-done
}

// TestAStuckReaderThatHangsUp ends its alert.
func TestAStuckReaderThatHangsUp(t *testing.T) {
	t.Parallel()
	s := newStuckScene(t)
	stuck := s.relay.Stuck("hangs-up", "busy:1")
	e := s.told("hangs-up")
	stuck.Close()
	s.ended(e, "its connection has ended")
	s.over()
}

// TestAStuckReaderThatIsDisconnected: that ends its alert, too.
func TestAStuckReaderThatIsDisconnected(t *testing.T) {
	t.Parallel()
	s := newStuckScene(t, func(c *config.Config) { c.Limits.QueueAge = 12 * time.Second })
	stuck := s.relay.Stuck("too-old", "busy:1")
	e := s.told("too-old")
	if slow := harness.Event(t, s.events, "slow_listener"); slow.Client != e.Client || slow.Reason != "age" {
		t.Errorf("told %+v", slow)
	}
	s.ended(e, "its connection has ended")
	stuck.Closed()
	s.over()
}

// over expects that one alert has begun, and that it has ended.
func (s *stuckScene) over() {
	s.t.Helper()
	if begun, active := s.relay.Metric(`alerts_total{kind="stuck_reader"}`), s.relay.Metric(`alerts_active{kind="stuck_reader"}`); begun != 1 || active != 0 {
		s.t.Errorf("%v begun, %v stand", begun, active)
	}
}
