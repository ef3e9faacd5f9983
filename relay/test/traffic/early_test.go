package traffic

// A bot loop that runs when the relay starts, and starts at which nothing is wrong.

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// life publishes over a relay until it is ended: so many messages on each channel, again and again. Those of one round
// are sent at once, so that a busy machine carries them, too.
func life(
	t *testing.T, r *harness.Relay, name string, channels map[string]int, every time.Duration,
) (end func()) {
	t.Helper()
	c := r.Dial()
	c.Do("CLIENT", "SETNAME", name)
	var round []byte
	messages := 0
	for channel, n := range channels {
		for range n {
			round = redistest.AppendCommand(round, "PUBLISH", channel, "m")
			messages++
		}
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for ; ; time.Sleep(every) {
			select {
			case <-done:
				return
			default:
			}
			if err := c.TrySendRaw(round); err != nil {
				return
			}
			for range messages {
				if _, err := c.TryReceive(); err != nil {
					return
				}
			}
		}
	})
	end = sync.OnceFunc(func() {
		close(done)
		all.Wait()
	})
	t.Cleanup(end)
	return end
}

// rooms are ordinary channels.
func rooms(n int) map[string]int {
	list := map[string]int{}
	for i := range n {
		list[fmt.Sprint("chat:room-", i)] = 1
	}
	return list
}

// TestABotFromTheStart of the relay is told in its first seconds, with its publisher, and so is its end; by event, webhook
// and figures. That it takes ten seconds is held in relay/traffic, in false time: here a busy machine has longer, and far
// less than the minute after which a relay knows what is usual.
func TestABotFromTheStart(t *testing.T) {
	t.Parallel() // it waits
	rec := harness.NewReceiver(t)
	r := harness.Start(t, redistest.Start(t), harness.WithReceiver(rec), harness.WithRoutes())
	began := time.Now()
	events := r.Subscribe("relay:events")
	r.Subscribe("chat:room-0")
	life(t, r, "chat-web", rooms(5), 200*time.Millisecond)
	end := life(t, r, "bot", map[string]int{"chat:room-42": 50}, 20*time.Millisecond)
	events.SetTimeout(2 * time.Minute)
	e := harness.Event(t, events, "alert")
	if took := e.Time.Sub(began); took > 40*time.Second {
		t.Errorf("told after %v", took)
	}
	if e.Kind != "spike" || e.Channel != "chat:room-42" || e.Direction != "outbound" || e.Name != "bot" || e.PID == 0 ||
		e.UID == nil || e.Rate < 400 || e.Usual != 0 {
		t.Errorf("told %+v", e)
	}
	rec.Await(t, time.Minute, 1, "spike")
	end()
	if e = harness.Event(t, events, "alert_end"); e.Channel != "chat:room-42" || e.Peak < 400 {
		t.Errorf("told %+v", e)
	}
	all := rec.Await(t, time.Minute, 2, "spike")
	if all[0].State != "raised" || all[1].State != "ended" || all[0].ID != all[1].ID || all[0].Event.Name != "bot" {
		t.Errorf("posted %+v", all)
	}
	if begun, active := r.Metric(`alerts_total{kind="spike"}`), r.Metric(`alerts_active{kind="spike"}`); begun != 1 || active != 0 {
		t.Errorf("%v begun, %v active", begun, active)
	}
}

// TestAFleetThatStarts with its normal load raises nothing in its first seconds.
func TestAFleetThatStarts(t *testing.T) {
	t.Parallel() // it waits
	redis := redistest.Start(t)
	first, second := harness.Start(t, redis, harness.WithRoutes()), harness.Start(t, redis, harness.WithRoutes())
	for _, r := range []*harness.Relay{first, second} {
		r.Dial().Do("PSUBSCRIBE", "*")
		life(t, r, "chat-web", rooms(20), 100*time.Millisecond)
		life(t, r, "ticker", map[string]int{"prices": 40, "chat:lobby": 10}, 50*time.Millisecond)
	}
	const quiet = 12 * time.Second // more than a bot loop is given
	time.Sleep(quiet)
	for _, r := range []*harness.Relay{first, second} {
		if c := find(t, r.Dial(), "prices"); c.Rate.Received < 100 {
			t.Fatalf("too little passes for a test: %+v", c)
		}
		if n := r.Metric(`alerts_total{kind="spike"}`); n != 0 {
			t.Errorf("%v spikes", n)
		}
	}
}
