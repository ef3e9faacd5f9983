package alerts

// Each kind of alert, by its real cause. Those of NATS are in relay/test/nats.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// patience bounds every wait for an alert that comes at once.
const patience = time.Minute

// raisedThenEnded fails unless an alert was told twice: when it began, and when it ended.
func raisedThenEnded(t *testing.T, told []harness.Told) {
	t.Helper()
	if len(told) != 2 {
		t.Fatalf("told %q, want a beginning and an end", harness.Story(told))
	}
	begin, end := told[0], told[1]
	if begin.State != "raised" || end.State != "ended" || begin.ID != end.ID || begin.Kind != end.Kind {
		t.Errorf("told %+v, and then %+v", begin, end)
	}
	if !begin.Until.IsZero() || !begin.Since.Equal(end.Since) || end.Until.Before(end.Since) {
		t.Errorf("raised since %v until %v, ended since %v until %v", begin.Since, begin.Until, end.Since, end.Until)
	}
	host, _ := os.Hostname()
	for _, a := range told {
		if !strings.HasPrefix(a.Text, "redis-relay on `"+host+"`: ") || a.Host != host || a.Version != "test" || a.Do == "" ||
			a.Summary == "" || a.Socket == "" || a.Runbook != "docs/operations.md#alert-"+a.Kind || a.Times < 1 {
			t.Errorf("told %+v", a)
		}
	}
}

// stands expects so many alerts of a kind to stand, and to have been raised.
func stands(r *harness.Relay, kind string, active, total int) {
	r.T.Helper()
	for series, want := range map[string]int{"active": active, "total": total} {
		if got := r.Metric(fmt.Sprintf("alerts_%s{kind=%q}", series, kind)); got != float64(want) {
			r.T.Errorf("alerts_%s of %s is %v, want %d", series, kind, got, want)
		}
	}
}

// TestRedisAway raises an alert until Redis is back. Then a gap is told, which is over at once.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	r := harness.Start(t, redis, harness.WithReceiver(rec), func(c *config.Config) { c.Redis.AlertAfter = 2 })
	stands(r, "upstream", 0, 0)
	for outage := range 2 {
		redis.Kill()
		told := rec.Await(t, patience, 2*outage+1, "upstream")
		if a := told[2*outage]; a.Cause == "" || a.Event.Attempts != 2 || !strings.Contains(a.Text, "What to do: ") {
			t.Errorf("told %+v", a)
		}
		stands(r, "upstream", 1, outage+1)
		redis.Restart()
		told = rec.Await(t, patience, 2*outage+2, "upstream")
		raisedThenEnded(t, told[2*outage:])
		gaps := rec.Await(t, patience, outage+1, "gap")
		if a := gaps[outage]; a.State != "ended" || a.Cause == "" || len(a.Event.Prefixes) == 0 || !a.Since.Equal(a.Until) {
			t.Errorf("told %+v", a)
		}
	}
	r.Stop()
	want := []string{"upstream raised", "gap ended", "upstream ended"}
	if got := harness.Story(rec.Told()); !slices.Equal(got, append(want, want...)) {
		t.Errorf("told %q", got)
	}
}

// TestShortOutage raises no alert but the gap.
func TestShortOutage(t *testing.T) {
	t.Parallel()
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	r := harness.Start(t, redis, harness.WithReceiver(rec))
	r.CutOff(redis, "default")
	rec.Await(t, patience, 1, "gap")
	r.Stop()
	if got := harness.Story(rec.Told()); !slices.Equal(got, []string{"gap ended"}) {
		t.Errorf("told %q", got)
	}
}

func TestSocketGone(t *testing.T) {
	t.Parallel()
	rec := harness.NewReceiver(t)
	r := harness.Start(t, redistest.Start(t), harness.WithReceiver(rec))
	dir := filepath.Dir(r.Socket)
	if err := os.Rename(dir, dir+".gone"); err != nil { // in one step
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir + ".gone"); err != nil {
		t.Fatal(err)
	}
	if a := rec.Await(t, patience, 1)[0]; !strings.Contains(a.Cause, r.Socket) || a.Socket != r.Socket {
		t.Errorf("told %+v", a)
	}
	stands(r, "socket", 1, 1)
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // another reason: the same alert
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "the other reason is known", func() bool {
		return r.Logs.FilterMessage("clients cannot connect; those who are connected stay").Len() == 2
	})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	raisedThenEnded(t, rec.Await(t, patience, 2))
	stands(r, "socket", 0, 1)
	r.Stop()
	if told := rec.Told(); len(told) != 2 || told[1].Kind != "socket" || told[1].Times < 2 {
		t.Errorf("told %+v", told)
	}
}

// broken and fixed are configurations with one mistake, and with none.
const broken, fixed = "limits: {payload: much}\n", "limits: {payload: 100}\n"

// startFromFile starts a relay whose configuration load replaces.
func startFromFile(t *testing.T, rec *harness.Receiver) (r *harness.Relay, load func(text string)) {
	t.Helper()
	dir := t.TempDir()
	path := harness.WriteFile(t, dir, "relay.yaml", fixed)
	harness.WriteFile(t, dir, "schemas/x.json", "{}")
	r = harness.Start(t, redistest.Start(t), harness.WithFile(t, path), harness.WithReceiver(rec))
	return r, func(text string) {
		t.Helper()
		harness.WriteFile(t, dir, "relay.yaml", text)
		if err := r.Reload(); (err != nil) != (text == broken) {
			t.Fatalf("reload: %v", err)
		}
	}
}

func TestRefusedReload(t *testing.T) {
	t.Parallel()
	rec := harness.NewReceiver(t)
	r, load := startFromFile(t, rec)
	load(fixed) // ends nothing
	load(broken)
	if a := rec.Await(t, patience, 1)[0]; !strings.Contains(a.Cause, "limits.payload") {
		t.Errorf("told %+v", a)
	}
	load(broken)
	stands(r, "reload", 1, 1)
	load(fixed)
	raisedThenEnded(t, rec.Await(t, patience, 2))
	load(fixed)
	r.Stop()
	if told := rec.Told(); len(told) != 2 || told[1].Kind != "reload" || told[1].Times < 2 {
		t.Errorf("told %+v", told)
	}
}

// TestStuckReader raises an alert for as long as messages are dropped for it; and none for one that is disconnected at
// once, which is told in one message.
func TestStuckReader(t *testing.T) {
	t.Parallel()
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	r := harness.Start(t, redis, harness.WithReceiver(rec), func(c *config.Config) { c.Limits.Queue, c.Limits.QueueAge = 256*config.KiB, 0 },
		harness.WithRoutes(
			harness.NewRoute("drop:", func(r *config.Route) { r.Policy.Slow = config.SlowDrop }), config.NewRoute("end:")))
	stuck := r.Stuck("stuck", "drop:1")
	payload := strings.Repeat("x", 32<<10)
	flood := func(channel string, until func() bool) {
		t.Helper()
		for n := 0; !until(); n++ {
			if n == 10_000 {
				t.Fatal("everybody keeps up")
			}
			redis.MustDo("PUBLISH", channel, payload)
		}
	}
	flood("drop:1", func() bool { return len(rec.Told("slow_listener")) > 0 })
	a := rec.Told("slow_listener")[0]
	if a.Event.Name != "stuck" || int(a.Event.PID) != os.Getpid() || a.Event.Reason != "dropped" || a.State != "raised" ||
		!strings.Contains(a.Text, "name `stuck`") {
		t.Errorf("told %+v", a)
	}
	began := time.Now()
	flood("drop:1", func() bool { // for so long that it is reported again
		time.Sleep(50 * time.Millisecond) // the pace of the channel
		return time.Since(began) > 11*time.Second
	})
	stands(r, "slow_listener", 1, 1)
	if n := len(rec.Told("slow_listener")); n != 1 {
		t.Errorf("%d messages while it goes on, want 1", n)
	}
	told := rec.Await(t, patience, 2, "slow_listener")
	raisedThenEnded(t, told)
	if told[1].Times < 2 || told[1].Until.Sub(told[1].Since) < 20*time.Second {
		t.Errorf("told %+v", told[1])
	}
	stands(r, "slow_listener", 0, 1)
	stuck.Close()

	ended := r.Stuck("ended", "end:1")
	flood("end:1", func() bool { return r.Metric(`disconnects_total{reason="slow"}`) > 0 })
	ended.Closed()
	if a := rec.Await(t, patience, 3, "slow_listener")[2]; a.State != "ended" || a.Event.Name != "ended" || !a.Event.Disconnected || !a.Since.Equal(a.Until) {
		t.Errorf("told %+v", a)
	}
	r.Stop()
	if n := len(rec.Told("slow_listener")); n != 3 {
		t.Errorf("told %q", harness.Story(rec.Told("slow_listener")))
	}
}

// TestHistoryGap: what the stream does not have any more is told, in one message.
func TestHistoryGap(t *testing.T) {
	t.Parallel()
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithReceiver(rec),
		harness.WithRoutes(harness.Diary("kept:", 5)))
	sub, pub := r.Subscribe("kept:1"), r.Dial()
	pub.Send("PUBLISH", "kept:1", "first")
	pub.Expect(t, ":1")
	sub.Receive()
	proxy.Stall(true)
	other := harness.Start(t, redis, harness.WithRoutes(harness.Diary("kept:", 5)))
	for range 300 {
		other.Dial().Do("PUBLISH", "kept:1", "missed")
	}
	proxy.Cut()
	proxy.Stall(false)
	redistest.Eventually(t, patience, "the gap is told", func() bool {
		return slices.ContainsFunc(rec.Told("gap"), func(a harness.Told) bool { return a.Event.Channel == "kept:1" })
	})
	for _, a := range rec.Told() {
		if a.Kind == "gap" && a.Event.Channel == "kept:1" && (a.State != "ended" || a.Cause == "" || !strings.Contains(a.Text, "channel `kept:1`")) {
			t.Errorf("told %+v", a)
		}
	}
}

// TestANoisyChannel raises an alert when it is over rate.alert, and ends it when it is quiet.
func TestANoisyChannel(t *testing.T) {
	t.Parallel()
	rec := harness.NewReceiver(t)
	r := harness.Start(t, redistest.Start(t), harness.WithReceiver(rec),
		harness.WithRoutes(harness.NewRoute("r:", func(r *config.Route) { r.Policy.Rate.Alert = 20 })))
	pub := r.Dial()
	pub.Do("CLIENT", "SETNAME", "bot")
	burst(pub, 60, "r:1")
	if a := rec.Await(t, patience, 1)[0]; a.Kind != "rate" || a.Event.Channel != "r:1" || a.Event.Name != "bot" ||
		int(a.Event.PID) != os.Getpid() || a.Event.UID == nil || a.Event.Rate <= 20 {
		t.Errorf("told %+v", a)
	}
	stands(r, "rate", 1, 1)
	raisedThenEnded(t, rec.Await(t, patience, 2))
	stands(r, "rate", 0, 1)
	r.Stop()
	if n := len(rec.Told()); n != 2 {
		t.Errorf("told %q", harness.Story(rec.Told()))
	}
}

// burst publishes n messages on each channel, in one write: however busy the machine is, they come at once.
func burst(pub *redistest.Client, n int, channels ...string) {
	var all []byte
	for _, channel := range channels {
		for range n {
			all = redistest.AppendCommand(all, "PUBLISH", channel, "m")
		}
	}
	pub.SendRaw(all)
	for range n * len(channels) {
		pub.Receive()
	}
}

// TestNoisyChannels: a flood of them raises ten alerts a minute. The others are told of together when it is over.
func TestNoisyChannels(t *testing.T) {
	t.Parallel()
	rec := harness.NewReceiver(t)
	r := harness.Start(t, redistest.Start(t), harness.WithReceiver(rec),
		harness.WithRoutes(harness.NewRoute("r:", func(r *config.Route) { r.Policy.Rate.Alert = 1 })))
	pub := r.Dial()
	const channels, alerts = 300, 10
	var names []string
	for n := range channels {
		names = append(names, fmt.Sprintf("r:%d", n))
	}
	burst(pub, 10, names...)
	told := rec.Await(t, patience, alerts)[:alerts]
	seen := map[string]bool{}
	for _, a := range told {
		if a.Kind != "rate" || a.State != "raised" || a.Event.Rate == 0 || seen[a.ID] || seen[a.Event.Channel] {
			t.Errorf("told %+v", a)
		}
		seen[a.ID], seen[a.Event.Channel] = true, true
	}
	stands(r, "rate", alerts, alerts)
	if n := r.Metric(`rate_alerts_total{route="r:"}`); n < channels {
		t.Errorf("%v channels were found noisy, want %d", n, channels)
	}
}
