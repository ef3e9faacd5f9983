package alerts

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
)

// diary is what a board has told.
type diary struct {
	mu  sync.Mutex
	all []Alert // guarded by mu
}

func (d *diary) note(a Alert) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, a)
}

// last is what was told last.
func (d *diary) last() Alert {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return Alert{}
	}
	return d.all[len(d.all)-1]
}

// says compares what was told since the last call with "kind state channel" and so on.
func (d *diary) says(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var got []string
	for _, a := range d.all {
		got = append(got, strings.TrimSpace(fmt.Sprint(a.Kind, " ", a.State, " ", a.Event.Channel)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	d.all = nil
}

func now(e notice.Event) notice.Event {
	e.Time = time.Now()
	return e
}

func TestAnAlertIsRaisedOnceAndEndedOnce(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	b.Observe(notice.UpstreamUp, now(notice.Event{})) // ends nothing
	d.says(t)
	first := now(notice.Event{Cause: "refused", Attempts: 5})
	b.Observe(notice.UpstreamAlert, first)
	b.Observe(notice.UpstreamAlert, now(notice.Event{Cause: "timeout"}))
	b.Observe(notice.UpstreamDown, now(notice.Event{})) // raises none
	d.says(t, "upstream raised")
	list := b.Standing()
	if len(list) != 1 || list[0].Times != 2 || list[0].Event.Cause != "timeout" || !list[0].Since.Equal(first.Time) ||
		!list[0].Until.IsZero() || list[0].Text == "" || list[0].Do == "" {
		t.Errorf("%+v stand", list)
	}
	if c := b.Count("upstream"); c != (Count{1, 1}) {
		t.Errorf("counted %+v", c)
	}
	up := now(notice.Event{})
	b.Observe(notice.UpstreamUp, up)
	b.Observe(notice.UpstreamUp, up)
	if end := d.last(); !end.Until.Equal(up.Time) || end.ID != list[0].ID || end.Once || end.Times != 2 {
		t.Errorf("ended as %+v", end)
	}
	d.says(t, "upstream ended")
	if c := b.Count("upstream"); c != (Count{0, 1}) || len(b.Standing()) != 0 {
		t.Errorf("counted %+v, %+v stand", c, b.Standing())
	}
}

// TestAnAlertOfAChannelEnds although the notice that ends it does not name the publisher.
func TestAnAlertOfAChannelEnds(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	defer b.Close()
	bot := notice.Who{Client: 7, Name: "bot"}
	b.Observe(notice.SpikeAlert, now(notice.Event{Channel: "a", Direction: monitor.Outbound, Who: bot}))
	b.Observe(notice.SpikeEnd, now(notice.Event{Channel: "a", Direction: monitor.Outbound}))
	d.says(t, "spike raised a", "spike ended a")
	if n := b.Count("spike").Standing; n != 0 {
		t.Errorf("%d alerts stand", n)
	}
}

// TestAlertsDiffer by kind, channel, direction and client.
func TestAlertsDiffer(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	for range 2 {
		b.Observe(notice.RateAlert, now(notice.Event{Channel: "a", Direction: monitor.Inbound}))
		b.Observe(notice.RateAlert, now(notice.Event{Channel: "a", Direction: monitor.Outbound}))
		b.Observe(notice.RateAlert, now(notice.Event{Channel: "b", Direction: monitor.Inbound}))
		b.Observe(notice.SlowListener, now(notice.Event{Who: notice.Who{Client: 1}}))
		b.Observe(notice.SlowListener, now(notice.Event{Who: notice.Who{Client: 2}}))
		b.Observe(notice.SocketDown, now(notice.Event{}))
		b.Observe(notice.ReloadRefused, now(notice.Event{}))
	}
	b.Close()
	d.says(t, "rate raised a", "rate raised a", "rate raised b", "slow_listener raised", "slow_listener raised",
		"socket raised", "reload raised")
	ids := map[uint64]bool{}
	for _, a := range b.Standing() {
		ids[a.ID] = true
	}
	if len(ids) != 7 {
		t.Errorf("%d alerts have an ID of their own, want 7", len(ids))
	}
}

// TestAnAlertOfAClient is of that client, whichever channel the notices name.
func TestAnAlertOfAClient(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	for _, client := range []uint64{1, 2, 1} {
		b.Observe(notice.StuckReader, now(notice.Event{Channel: "a", Who: notice.Who{Client: client}}))
	}
	d.says(t, "stuck_reader raised a", "stuck_reader raised a")
	b.Observe(notice.StuckReaderEnd, now(notice.Event{Who: notice.Who{Client: 2}}))
	d.says(t, "stuck_reader ended a")
	if list := b.Standing(); len(list) != 1 || list[0].Event.Client != 1 {
		t.Errorf("%+v stand", list)
	}
}

func TestSilenceEndsAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		b := NewBoard(d.note)
		slow := func() { b.Observe(notice.SlowListener, now(notice.Event{Who: notice.Who{Client: 1}, Messages: 3})) }
		began := time.Now()
		for range 5 {
			slow()
			time.Sleep(10 * time.Second)
		}
		d.says(t, "slow_listener raised")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		d.says(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if end := d.last(); end.Times != 5 || end.Until.Sub(began) != 55*time.Second {
			t.Errorf("ended as %+v", end)
		}
		d.says(t, "slow_listener ended")
		slow()
		d.says(t, "slow_listener raised")
		b.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		d.says(t)
	})
}

// TestADisconnectEndsAnAlert: nothing more can be reported of the client.
func TestADisconnectEndsAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		b := NewBoard(d.note)
		e := notice.Event{Who: notice.Who{Client: 1}, Messages: 3}
		b.Observe(notice.SlowListener, now(e))
		e.Disconnected = true
		b.Observe(notice.SlowListener, now(e))
		if end := d.last(); end.Once || end.Times != 2 || !end.Event.Disconnected {
			t.Errorf("ended as %+v", end)
		}
		d.says(t, "slow_listener raised", "slow_listener ended")
		e.Client = 2
		b.Observe(notice.SlowListener, now(e))
		if end := d.last(); !end.Once || !end.Until.Equal(end.Since) {
			t.Errorf("ended as %+v", end)
		}
		d.says(t, "slow_listener ended")
		time.Sleep(time.Minute)
		d.says(t)
		if c := b.Count("slow_listener"); c != (Count{0, 2}) {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestSomeAreOverAtOnce(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	for range 2 {
		b.Observe(notice.HistoryGap, now(notice.Event{Channel: "a"}))
		b.Observe(notice.NATSRefused, now(notice.Event{Pattern: "b*"}))
	}
	d.says(t, "gap ended a", "refused ended", "gap ended a", "refused ended")
	if n := len(b.Standing()); n != 0 || b.Count("gap") != (Count{0, 2}) {
		t.Errorf("%d stand; counted %+v", n, b.Count("gap"))
	}
}

// TestABoardIsBounded, for each kind, and what an alert keeps, too.
func TestABoardIsBounded(t *testing.T) {
	var d diary
	b := NewBoard(d.note)
	defer b.Close()
	for i := range uint64(2 * maxStanding) {
		b.Observe(notice.SlowListener, now(notice.Event{Who: notice.Who{Client: i + 1}}))
	}
	long := strings.Repeat("é", 1<<20)
	b.Observe(notice.UpstreamAlert, now(notice.Event{Cause: long}))
	if n := len(d.all); n != maxStanding+1 { // no timer has fired yet
		t.Errorf("%d were told, want %d", n, maxStanding+1)
	}
	if c, n := b.Count("slow_listener"), b.Ignored(); c != (Count{maxStanding, maxStanding}) || n != maxStanding {
		t.Errorf("counted %+v, %d ignored", c, n)
	}
	last := b.Standing()[maxStanding]
	if got := last.Event.Cause; len(got) > maxText+3 || !strings.HasPrefix(long, strings.TrimSuffix(got, "…")) {
		t.Errorf("a cause of %d bytes is kept: ...%q", len(got), got[len(got)-6:])
	}
	d.all = nil
	for _, client := range []uint64{maxStanding + 5, 5, maxStanding + 6, maxStanding + 7} {
		b.Observe(notice.SlowListener, now(notice.Event{Who: notice.Who{Client: client}, Disconnected: client == 5}))
	}
	d.says(t, "slow_listener ended", "slow_listener raised")
}

// TestNamesAreToldApart, however long what they have in common.
func TestNamesAreToldApart(t *testing.T) {
	b := NewBoard(nil)
	defer b.Close()
	long := strings.Repeat("x", 4*maxText)
	for _, name := range []string{long + "1", long + "2", long + "1"} {
		b.Observe(notice.RateAlert, now(notice.Event{Channel: name}))
	}
	if n := len(b.Standing()); n != 2 {
		t.Errorf("%d stand, want 2", n)
	}
}

// TestABoardIsForMany goroutines: each alert is told as raised and then as ended, as often.
func TestABoardIsForMany(t *testing.T) {
	balance, wrong := 0, 0
	b := NewBoard(func(a Alert) {
		if a.State == Raised {
			balance++
		} else {
			balance--
		}
		if balance < 0 || balance > 1 {
			wrong++
		}
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				b.Observe(notice.SocketDown, notice.Event{Time: time.Now()})
				b.Standing()
				b.Observe(notice.SocketUp, notice.Event{Time: time.Now()})
			}
		})
	}
	all.Wait()
	if balance != 0 || wrong > 0 {
		t.Errorf("%d stand in the end, %d changes make no sense", balance, wrong)
	}
}
