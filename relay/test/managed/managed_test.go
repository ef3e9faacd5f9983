package managed

// A relay in front of each service: it starts, says what is missing, and does the rest.

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// columns of the table in docs/managed-redis.md, behind the name.
const (
	columnPatterns = iota
	columnShards
	columnCounts
	columnHistory
	columnHealing
	columns
)

var columnNames = [columns]string{"patterns", "shard channels", "counts", "history", "healing"}

func TestEachService(t *testing.T) {
	t.Parallel()
	needsShards(t)
	documented := documentedRows(t)
	if len(documented) != len(services) {
		t.Errorf("docs/managed-redis.md has %d services, and %d are imitated", len(documented), len(services))
	}
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want, ok := documented[s.name]
			if !ok {
				t.Errorf("docs/managed-redis.md does not have it")
			}
			got := try(t, &s)
			for i, works := range got {
				if said := strings.HasPrefix(want[i], "yes"); said != works {
					t.Errorf("%s: %v, and docs/managed-redis.md says %q", columnNames[i], works, want[i])
				}
			}
		})
	}
}

func needsShards(t *testing.T) {
	t.Helper()
	if !redistest.Shards(t) {
		t.Skip("the imitations stand on Redis 7.0 or newer")
	}
}

// documentedRows reads the first table with these columns, by the names in its first one.
func documentedRows(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(harness.Path(t, "docs/managed-redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| service | "+strings.Join(columnNames[:], " | ")+" |")
	if !found {
		t.Fatal("docs/managed-redis.md has no table of the services")
	}
	rows := map[string][]string{}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 1+columns {
			t.Fatalf("a row of %d cells: %s", len(cells), line)
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

// try runs relays in front of a service, and tells what works.
func try(t *testing.T, s *service) (works [columns]bool) {
	t.Helper()
	redis, address := imitate(t, s)
	proxy := redistest.NewProxy(t, address)
	for _, key := range keptAlready {
		redis.MustDo("XADD", key, "*", "payload", "first")
	}
	routes := harness.WithRoutes(harness.Diary("d:", 1000))
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), routes)
	other := harness.Start(t, nil, harness.WithRedis("redis://"+address), routes)

	sub, c := r.Subscribe("c:1", "c:2"), other.Dial()
	c.Do("PUBLISH", "c:1", "m")
	sub.Expect(t, "[message c:1 m]")

	works[columnPatterns] = hearsPatterns(t, r, c)
	works[columnShards] = hearsShards(t, r, c)
	works[columnCounts] = countsAll(t, r, other)
	works[columnHistory] = keepsHistory(t, c)
	works[columnHealing] = heals(t, r, redis, proxy)
	s.checkIsTrue(t, address)
	s.logIsTrue(t, r)
	return works
}

func hearsPatterns(t *testing.T, r *harness.Relay, pub *redistest.Client) bool {
	t.Helper()
	c := r.Dial()
	v := c.Do("PSUBSCRIBE", "p:*")
	if v.Type == '-' {
		if !strings.Contains(v.Str, "(this Redis has no patterns: subscribe to channels by their names)") {
			t.Errorf("PSUBSCRIBE is answered %s", v)
		}
		if v := c.Do("PING"); v.Str != "PONG" {
			t.Errorf("and then PING is answered %s", v)
		}
		return false
	}
	pub.Do("PUBLISH", "p:1", "m")
	c.Expect(t, "[pmessage p:* p:1 m]")
	return true
}

// hearsShards subscribes to two channels that a cluster has in different slots.
func hearsShards(t *testing.T, r *harness.Relay, pub *redistest.Client) bool {
	t.Helper()
	c := r.Dial()
	for _, name := range []string{"s:1", "s:2"} {
		if v := c.Do("SSUBSCRIBE", name); v.Type == '-' {
			if !strings.Contains(v.Str, "unknown command") {
				t.Errorf("SSUBSCRIBE is answered %s", v)
			}
			return false
		}
	}
	pub.Do("SPUBLISH", "s:2", "m")
	c.Expect(t, "[smessage s:2 m]")
	return true
}

// countsAll asks one relay for listeners of both.
func countsAll(t *testing.T, r, other *harness.Relay) bool {
	t.Helper()
	for _, at := range []*harness.Relay{r, other, other} {
		at.Subscribe("counted")
	}
	return r.Dial().Do("PUBSUB", "NUMSUB", "counted").String() == "[counted 3]"
}

func keepsHistory(t *testing.T, c *redistest.Client) bool {
	t.Helper()
	for range 2 { // the second call names the script
		if v := c.Do("PUBLISH", "d:2", "m"); v.Type == '-' {
			t.Log("PUBLISH with history is answered", v)
			return false
		}
	}
	return c.Do("XLEN", "d:2").Int == 2
}

// keptAlready are streams of channels that a cluster has in different slots.
var keptAlready = []string{"history:{d:1}", "history:{d:3}"}

// heals tells whether a listener gets what was published while the relay had no connection. Else it is told of a gap.
func heals(t *testing.T, r *harness.Relay, redis *redistest.Server, proxy *redistest.Proxy) (healed bool) {
	t.Helper()
	sub, reader := r.Subscribe("d:1", "d:3"), r.Dial()
	for _, channel := range []string{"d:1", "d:3"} { // it is answered when the relay knows where the stream stands
		reader.Do("XREAD", "BLOCK", "0", "STREAMS", channel, "0")
	}
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, redistest.DefaultTimeout, "the loss is seen", func() bool { return !r.IsReady() })
	for _, key := range keptAlready {
		redis.MustDo("XADD", key, "*", "payload", "missed")
	}
	proxy.Refuse(false)
	redistest.Eventually(t, redistest.DefaultTimeout, "it is healed, or a gap is told", func() bool {
		healed = r.Metric("history_healed_total") == float64(len(keptAlready))
		return healed || r.Metric("history_gaps_total") > 0
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "ready again", r.IsReady)
	for range keptAlready {
		if healed && !strings.HasSuffix(sub.Receive().String(), " missed]") {
			t.Error("a listener got something else than what it missed")
		}
	}
	return healed
}

// checkIsTrue has redis-relay check --connect name what is missing, and nothing else.
func (s *service) checkIsTrue(t *testing.T, address string) {
	t.Helper()
	cfg := harness.Shipped(t)
	cfg.Redis.URL = "redis://" + address
	harness.WithRoutes(harness.Diary("d:", 1000))(cfg)
	var out bytes.Buffer
	_ = preflight.CheckRedis(context.Background(), cfg, &out)
	var named []string
	for line := range strings.Lines(out.String()) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		what, _, _ := strings.Cut(rest, ": ")
		switch {
		case kind == "fails":
			named = append(named, "fails: "+what)
		case kind == "warning" && what != "appendonly":
			named = append(named, what)
		}
	}
	want := slices.Sorted(slices.Values(s.check))
	if slices.Sort(named); !slices.Equal(named, want) {
		t.Errorf("check --connect names %q, want %q:\n%s", named, want, out.String())
	}
}

// logIsTrue has the relay say what is missing, each thing once, and nothing else.
func (s *service) logIsTrue(t *testing.T, r *harness.Relay) {
	t.Helper()
	said := func() (list []string) {
		for _, e := range r.Logs.All() {
			if rest, ok := strings.CutPrefix(e.Message, "Redis does not allow "); ok {
				command, _, _ := strings.Cut(rest, ": ")
				list = append(list, command)
			}
		}
		slices.Sort(list)
		return list
	}
	want := slices.Sorted(slices.Values(s.logs))
	redistest.Eventually(t, redistest.DefaultTimeout, "the log says what is missing", func() bool {
		return len(said()) >= len(want)
	})
	if got := said(); !slices.Equal(got, want) {
		t.Errorf("the log names %q, want %q", got, want)
	}
}

// TestWithoutRESP3: a Redis that has it switched off cannot serve, and the relay says why, as does check --connect.
func TestWithoutRESP3(t *testing.T) {
	t.Parallel()
	const why = "RESP3 switched off"
	_, address := imitate(t, &service{noRESP3: true})
	r := harness.New(t, nil, harness.WithRedis("redis://"+address))
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay says why it is not ready", func() bool {
		ready, missing := r.Ready()
		return !ready && strings.Contains(missing, why)
	})
	cfg := harness.Shipped(t)
	cfg.Redis.URL = "redis://" + address
	if err := preflight.CheckRedis(context.Background(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("check --connect says %v", err)
	}
}

// TestWithoutScripts: nothing is kept, which is said; the rest works.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	needsShards(t)
	s := &service{
		refused: []string{"EVAL", "EVALSHA"}, answer: "ERR command %s not support for your account",
		check: []string{"fails: EVAL", "EVALSHA"}, logs: []string{"EVAL", "EVALSHA"},
	}
	if got := try(t, s); got[columnHistory] || got[columnHealing] || got[columnCounts] || !got[columnPatterns] {
		t.Errorf("%v work: %v", columnNames, got)
	}
}
