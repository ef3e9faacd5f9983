package traffic

// Spikes, in the time that they take.

import (
	"io"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestBotLoop is told once with its publisher, at once, and its end once. That it takes two seconds at most is held in
// relay/traffic, in false time.
func TestBotLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	t.Parallel() // it waits
	const warmUp = 65 * time.Second
	r := harness.Start(t, redistest.Start(t))
	events, pub := r.Subscribe("relay:events"), r.Dial()
	listener := r.Subscribe("bots:42").NetConn()
	began := time.Now()                                  // the relay has heard the channel since then
	go func() { _, _ = io.Copy(io.Discard, listener) }() // one who does not read is told of, too
	pub.Send("CLIENT", "SETNAME", "bot")
	pub.Expect(t, "+OK")
	for time.Since(began) < warmUp { // the usual pace of the channel
		harness.PublishReplies(t, pub, "bots:42", "m", ":1")
		time.Sleep(500 * time.Millisecond)
	}
	loop := time.Now()
	for r.Metric(`alerts_total{kind="spike"}`) == 0 {
		if time.Since(loop) > time.Minute {
			t.Fatal("no alert is raised")
		}
		burst(t, pub, "bots:42", 100, ":1")
	}
	told := alerts(t, events, 1)
	if len(told) != 2 {
		t.Fatalf("told %+v", told)
	}
	e := told[0]
	if took := e.Time.Sub(loop); took > 10*time.Second {
		t.Errorf("told after %v", took)
	}
	if e.Event != "alert" || e.Kind != "spike" || e.Channel != "bots:42" || e.Direction != "outbound" || e.Rate < 50 ||
		e.Usual < 0.5 || e.Usual > e.Rate/8 || e.Name != "bot" || e.UID == nil {
		t.Errorf("told %+v", e)
	}
	if e = told[1]; e.Kind != "spike" || e.Channel != "bots:42" || e.Peak < 50 || e.Since == nil {
		t.Errorf("told %+v", e)
	}
	if n := r.Metric(`alerts_active{kind="spike"}`); n != 0 {
		t.Errorf("%v alerts are active", n)
	}
}
