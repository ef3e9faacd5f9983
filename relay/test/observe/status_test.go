package observe

// The status as JSON: over HTTP, and over the socket.

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const patience = time.Minute

// state is the part of the status that the tests look at.
type state struct {
	PID    int
	Ready  bool
	Redis  struct{ Up bool }
	Total  flow
	Rate   flow
	Routes []struct {
		Name  string
		Total flow
	}
	Seconds []struct {
		At   int64
		Rate flow
	}
	Clients struct {
		Connected int
		List      []struct {
			Name          string
			PID           int
			Subscriptions int
			Queued        int     `json:"queued_bytes"`
			QueuedFor     float64 `json:"queued_seconds"`
		}
	}
	Rejects  []struct{ Channel, Direction, Code, Reason, Payload string }
	Events   []struct{ Event, Text string }
	Alerts   []struct{ Kind, Text string }
	Channels []struct {
		Name, Route string
		Total       flow
		Publisher   struct{ Name string }
		Listeners   int
		Mean        float64 `json:"mean_bytes"`
	}
	Config struct {
		Changes []string
		Refused string
		Cause   string
	}
}

type flow struct{ Received, Delivered, Published, Refused, Dropped float64 }

func parse(t *testing.T, text string) (s state) {
	t.Helper()
	harness.DocumentedStatus(t, text)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v in %.500s", err, text)
	}
	return s
}

// overHTTP asks the API.
func overHTTP(t *testing.T, r *harness.Relay) state {
	t.Helper()
	code, body := r.Get("/api/v1/status?seconds=3")
	if code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	return parse(t, body)
}

// overSocket asks by RELAY STATUS.
func overSocket(t *testing.T, c *redistest.Client) state {
	t.Helper()
	return parse(t, c.Do("RELAY", "STATUS").Str)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	sub, pub := r.Subscribe("chat:1", "free:1"), r.Dial()
	sub.Do("CLIENT", "SETNAME", "listener")
	for range 5 {
		pub.Do("PUBLISH", "free:1", "m")
	}
	pub.Do("PUBLISH", "chat:1", "no JSON")
	for name, ask := range map[string]func() state{
		"http":   func() state { return overHTTP(t, r) },
		"socket": func() state { return overSocket(t, pub) },
	} {
		redistest.Eventually(t, patience, name+" has counted all", func() bool {
			s := ask()
			return s.Total.Received == 5 && s.Total.Delivered == 5 && s.Total.Published == 5 && s.Total.Refused == 1
		})
		s := ask()
		if !s.Ready || !s.Redis.Up || s.PID != os.Getpid() || s.Clients.Connected != 2 {
			t.Errorf("%s: %+v", name, s)
		}
		if len(s.Rejects) != 1 || s.Rejects[0].Channel != "chat:1" || s.Rejects[0].Code != "INVALID" || s.Rejects[0].Reason == "" {
			t.Errorf("%s: rejects %+v", name, s.Rejects)
		}
		for _, c := range s.Clients.List {
			if c.Name == "listener" && (c.Subscriptions != 2 || c.PID != os.Getpid()) {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	if n := len(overHTTP(t, r).Seconds); n > 3 {
		t.Errorf("%d seconds, asked for 3", n)
	}
	redistest.Eventually(t, patience, "a second of the traffic is recorded", func() bool {
		for _, s := range overSocket(t, pub).Seconds {
			if s.Rate.Received > 0 {
				return true
			}
		}
		pub.Do("PUBLISH", "free:1", "m")
		return false
	})
}

// TestAStuckReaderIsFound: the client with the most that waits is the first of the list.
func TestAStuckReaderIsFound(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	r.Stuck("stuck", "free:1")
	pub := r.Dial()
	text := string(make([]byte, 64<<10))
	redistest.Eventually(t, patience, "its queue is seen", func() bool {
		pub.Do("PUBLISH", "free:1", text)
		list := overHTTP(t, r).Clients.List
		return len(list) > 0 && list[0].Name == "stuck" && list[0].Queued > 0 && list[0].QueuedFor > 0
	})
}

// TestOutageAndReload are seen with their causes.
func TestOutageAndReload(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	file := harness.WriteFile(t, t.TempDir(), "relay.yaml", "routes:\n  - prefix: 'x:'\n")
	r := harness.Start(t, redis, harness.WithFile(t, file))
	redis.Kill()
	redistest.Eventually(t, patience, "the outage is seen", func() bool {
		s := overHTTP(t, r)
		return !s.Ready && !s.Redis.Up && len(s.Events) > 0 && s.Events[0].Event == "upstream_down"
	})
	redis.Restart()
	redistest.Eventually(t, patience, "its end is seen", func() bool {
		s := overHTTP(t, r)
		return s.Redis.Up && s.Events[0].Event == "upstream_up"
	})
	if err := os.WriteFile(file, []byte("routes:\n  - prefix: 'y:'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if s := overHTTP(t, r); len(s.Config.Changes) == 0 || s.Config.Refused != "" {
		t.Errorf("after a reload: %+v", s.Config)
	}
	if err := os.WriteFile(file, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.Reload() == nil {
		t.Fatal("nonsense was taken over")
	}
	if s := overHTTP(t, r); s.Config.Refused == "" || s.Config.Cause == "" || len(s.Alerts) != 1 || s.Alerts[0].Kind != "reload" {
		t.Errorf("after a refused reload: %+v, alerts %+v", s.Config, s.Alerts)
	}
}

// TestBusyChannelsAreFound, with who publishes, and not by those who may not listen.
func TestBusyChannelsAreFound(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	secret := harness.NewRoute("secret:", func(rt *config.Route) { rt.Subscribe = false })
	r := harness.Start(t, redis, harness.WithRoutes(secret))
	r.Subscribe("free:7")
	bot := r.Dial()
	bot.Do("CLIENT", "SETNAME", "bot")
	for i := range 100 {
		bot.Do("PUBLISH", "free:7", "1234")
		if i%10 == 0 {
			bot.Do("PUBLISH", "secret:1", "1234")
		}
	}
	var now state
	redistest.Eventually(t, patience, "both are seen, with all that they carried", func() bool {
		now = overHTTP(t, r)
		return len(now.Channels) == 2 && now.Channels[0].Total.Received == 100
	})
	busiest := now.Channels[0]
	if busiest.Name != "free:7" || busiest.Route != "unrouted" || busiest.Total.Received != 100 ||
		busiest.Total.Published != 100 || busiest.Publisher.Name != "bot" || busiest.Listeners != 1 || busiest.Mean != 4 {
		t.Errorf("%+v", busiest)
	}
	if list := overSocket(t, bot).Channels; len(list) != 1 || list[0].Name != "free:7" {
		t.Errorf("over the socket: %+v", list)
	}
}

// TestWhoMayNotListenSeesNoRejects of that route over the socket.
func TestWhoMayNotListenSeesNoRejects(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("closed:", func(rt *config.Route) {
		rt.Subscribe, rt.Publish = false, false
	})))
	c := r.Dial()
	c.Do("PUBLISH", "closed:1", "m")
	if s := overHTTP(t, r); len(s.Rejects) != 1 {
		t.Errorf("over HTTP: %+v", s.Rejects)
	}
	if s := overSocket(t, c); len(s.Rejects) != 0 {
		t.Errorf("over the socket: %+v", s.Rejects)
	}
}

// TestPayloadsAreShownIfWanted: the beginning of refused messages, in both directions, and only with http.payloads.
func TestPayloadsAreShownIfWanted(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	for _, shown := range []bool{false, true} {
		r := harness.Start(t, redis, func(c *config.Config) { c.HTTP.Payloads = shown })
		r.Subscribe("chat:1")
		outbound, inbound := `{"outbound":"`+strings.Repeat("x", 1000), `{"inbound":1}`
		r.Dial().Do("PUBLISH", "chat:1", outbound)
		redis.MustDo("PUBLISH", "chat:1", inbound)
		redistest.Eventually(t, patience, "both are refused", func() bool { return len(overHTTP(t, r).Rejects) == 2 })
		for _, reject := range overHTTP(t, r).Rejects {
			want := map[string]string{"outbound": outbound[:512], "inbound": inbound}[reject.Direction]
			if !shown {
				want = ""
			}
			if reject.Payload != want {
				t.Errorf("%s, shown %v: %q", reject.Direction, shown, reject.Payload)
			}
		}
		r.Stop()
	}
}

// TestEventsOfEachSecond are whole statuses, with the figures of that second.
func TestEventsOfEachSecond(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	_, address := r.Addresses()
	res, err := http.Get("http://" + address + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	pub := r.Dial()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	last := int64(0)
	for n := 0; n < 4 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		s := parse(t, data)
		if n == 1 { // the first has all that there is, of which the next may have the last second again
			last--
		}
		if n++; n > 1 && (len(s.Seconds) != 1 || s.Seconds[0].At <= last || s.Seconds[0].Rate.Published != s.Rate.Published) {
			t.Errorf("event %d: %+v after %d, rate %+v", n, s.Seconds, last, s.Rate)
		}
		if k := len(s.Seconds); k > 0 {
			last = s.Seconds[k-1].At
		}
		pub.Do("PUBLISH", "free:1", "m")
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestTheTokenIsThatOfItsFile, as it is now.
func TestTheTokenIsThatOfItsFile(t *testing.T) {
	t.Parallel()
	file := harness.WriteFile(t, t.TempDir(), "token", "one\n")
	r := harness.Start(t, redistest.Start(t), func(c *config.Config) { c.HTTP.TokenFile = file })
	_, address := r.Addresses()
	with := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("anybody", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if with("one") != 200 || with("two") != 401 || with("") != 401 {
		t.Error("another token than that of the file")
	}
	if err := os.WriteFile(file, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if with("one") != 401 || with("two") != 200 {
		t.Error("the token has not changed")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if with("two") != 503 {
		t.Error("without the file")
	}
	if code, _ := r.Get("/readyz"); code != 200 {
		t.Errorf("a probe: %d", code)
	}
}
