package upstreams

// Where renames, several Redises, mirrors and reloads meet.

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	livesOnMain = "- {prefix: 'chat:', rename: 'v:{name}', on_gap: notify, history: {length: 99}}\n- {prefix: 'e:', upstream: eu}\n"
	livesOnEU   = "- {prefix: 'chat:', rename: 'w:{name}', on_gap: notify, history: {length: 99}, upstream: eu}\n- {prefix: 'e:', upstream: eu}\n"
)

// holds waits until a Redis has these channels, and as many patterns, for whatever relay.
func holds(t *testing.T, redis *redistest.Server, patterns int64, channels ...string) {
	t.Helper()
	var got []string
	var n int64
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(channels, " and ", patterns, " patterns"), func() bool {
		all, count := harness.Interest(t, redis)
		got, n = nil, count
		for _, name := range all {
			if !strings.Contains(name, "relay:") {
				got = append(got, name)
			}
		}
		return slices.Equal(got, channels) && n == patterns
	})
}

// TestReloadMovesAndRenames: another upstream and another name at once, there and back. Who listens is told of the gap,
// hears what this host publishes from then on, and nothing under the old name or from the old Redis.
func TestReloadMovesAndRenames(t *testing.T) {
	t.Parallel()
	const keys = namedKeys + "unrouted: deny\n"
	s, f := newNamedScene(t, livesOnMain, "unrouted: deny\n")
	events, c, star := s.relay.Subscribe("relay:events"), s.relay.Subscribe("chat:1"), s.relay.Dial()
	star.Send("PSUBSCRIBE", "chat:*")
	star.Expect(t, "[psubscribe chat:* 1]")
	heard := func(payload string) {
		t.Helper()
		c.Expect(t, message("chat:1", payload))
		star.Expect(t, "[pmessage chat:* chat:1 "+payload+"]")
	}
	for i, text := range []string{livesOnEU, livesOnMain, livesOnEU} {
		f.write(t, text, keys)
		if err := s.relay.Reload(); err != nil {
			t.Fatal(err)
		}
		name, at, other := "eu", here{s.eu, "e0:", "w:"}, here{s.main, "m0:", "v:"}
		if text == livesOnMain {
			name, at, other = "main", other, at
		}
		if v := s.pub.Do("XADD", "chat:1", "*", "payload", fmt.Sprint("own", i)); v.Err() != nil { // at once
			t.Fatal(v)
		}
		heard(fmt.Sprint("own", i))
		event(t, events, named("gap", name))
		holds(t, other.redis, 0)
		holds(t, at.redis, 2, at.prefix+at.rename+"chat:1") // the pattern, and its announcements
		other.redis.MustDo("PUBLISH", other.prefix+other.rename+"chat:1", "astray")
		other.redis.MustDo("PUBLISH", other.prefix+at.rename+"chat:1", "astray")
		at.redis.MustDo("PUBLISH", at.prefix+other.rename+"chat:1", "astray")
		at.redis.MustDo("PUBLISH", at.prefix+at.rename+"chat:1", fmt.Sprint("direct", i))
		heard(fmt.Sprint("direct", i))
		if n := at.redis.MustDo("XLEN", at.prefix+"history:{"+at.rename+"chat:1}").Int; n < 1 {
			t.Errorf("%s has %d entries", name, n)
		}
	}
	if n := s.relay.Metric(`history_gaps_total{upstream="eu"}`) + s.relay.Metric(`history_gaps_total{upstream="main"}`); n != 0 {
		t.Errorf("%v gaps in histories", n)
	}
}

// here is a Redis, its prefix, and the text of rename for it.
type here struct {
	redis          *redistest.Server
	prefix, rename string
}

// TestReloadLeavesWithoutTheNewName: the Redis that a route leaves is not asked for the name that it gets elsewhere,
// which may not be allowed there.
func TestReloadLeavesWithoutTheNewName(t *testing.T) {
	t.Parallel()
	s := &scene{main: redistest.Start(t, redistest.WithACL("app on >secret ~m0:* &m0:v:chat:* &m0:relay:* +@all")), eu: redistest.Start(t)}
	f := &file{filepath.Join(t.TempDir(), "relay.yaml"), s.eu, namedTimeout}
	const keys = namedKeys + "unrouted: deny\n"
	f.write(t, livesOnMain, keys)
	s.relay = harness.Start(t, s.main, harness.WithFile(t, f.path), harness.WithRedis("redis://app:secret@"+s.main.Addr()))
	s.awaitEU(t, 1)
	c := s.relay.Subscribe("chat:1")
	f.write(t, livesOnEU, keys)
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	holds(t, s.main, 0)
	holds(t, s.eu, 0, "e0:w:chat:1")
	s.eu.MustDo("PUBLISH", "e0:w:chat:1", "x")
	c.Expect(t, message("chat:1", "x"))
	if refused := s.relay.Logs.FilterMessageSnippet("refuse").All(); len(refused) > 0 {
		t.Errorf("the log says %v", refused)
	}
}

// TestHistoryOnBothWithNames: entries that others add on either Redis are heard, and had back from either after a loss.
func TestHistoryOnBothWithNames(t *testing.T) {
	t.Parallel()
	const route = "- {prefix: 'k:', rename: 'v:{name}', history: {length: 99}, %s}\n- {prefix: 'e:', upstream: eu}\n"
	s, _ := newNamedScene(t, fmt.Sprintf(route, "upstream: eu, also_subscribe: [main]"), "unrouted: deny\n")
	f := &file{filepath.Join(t.TempDir(), "relay.yaml"), s.eu, namedTimeout}
	f.write(t, fmt.Sprintf(route, "upstream: main, also_subscribe: [eu]"), namedKeys+"unrouted: deny\n")
	notMoved := harness.Start(t, s.main, harness.WithFile(t, f.path))
	awaitReady(t, notMoved, "eu", 1)
	ears, pubs := []*redistest.Client{s.relay.Subscribe("k:1"), notMoved.Subscribe("k:1")}, []*redistest.Client{s.pub, notMoved.Dial()}
	n := 0
	add := func() {
		t.Helper()
		for _, pub := range pubs {
			n++
			text := fmt.Sprint("m", n)
			redistest.Eventually(t, redistest.DefaultTimeout, "added", func() bool {
				return pub.Do("XADD", "k:1", "*", "payload", text).Err() == nil
			})
			for _, ear := range ears {
				ear.Expect(t, message("k:1", text))
			}
		}
	}
	add()
	if main, eu := s.main.MustDo("XLEN", "m0:history:{v:k:1}").Int, s.eu.MustDo("XLEN", "e0:history:{v:k:1}").Int; main != 1 || eu != 1 {
		t.Errorf("main has %d entries, and eu %d", main, eu)
	}
	for _, redis := range []*redistest.Server{s.main, s.eu} {
		redis.KillSubscribers()
		add()
	}
	if gaps := s.relay.Metric(`history_gaps_total{upstream="eu"}`) + s.relay.Metric(`history_gaps_total{upstream="main"}`); gaps != 0 {
		t.Errorf("%v gaps", gaps)
	}
}

// TestMirrorWithNamesAndHistory: the mirror has the stream under its own name for it, and a pattern with history there
// does not bring the copies.
func TestMirrorWithNamesAndHistory(t *testing.T) {
	t.Parallel()
	s, _ := newNamedScene(t, "- {prefix: 'h:', on_gap: notify}\n- {prefix: 'h:e:', upstream: eu, history: {length: 99}}\n"+
		"- {prefix: 'h:k:', rename: 'v:{name}', history: {length: 99}, mirror: {upstream: eu, percent: 100}}\n", "unrouted: deny\n")
	star := s.relay.Dial()
	star.Send("PSUBSCRIBE", "h:*")
	star.Expect(t, "[psubscribe h:* 1]")
	for i := range 3 {
		for _, channel := range []string{"h:k:1", "h:e:1"} {
			s.pub.Do("XADD", channel, "*", "payload", fmt.Sprint("n", i))
			star.Expect(t, fmt.Sprint("[pmessage h:* ", channel, " n", i, "]"))
		}
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "mirrored", func() bool {
		return s.eu.MustDo("XLEN", "e0:history:{v:h:k:1}").Int == 3
	})
	s.eu.KillSubscribers() // the histories there that the pattern matches are looked through
	redistest.Eventually(t, redistest.DefaultTimeout, "added", func() bool {
		return s.pub.Do("XADD", "h:e:1", "*", "payload", "last").Err() == nil
	})
	star.Expect(t, "[pmessage h:* h:e:1 last]")
}

// TestExplainNamesAtEach: the name at each Redis that the route uses.
func TestExplainNamesAtEach(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Redis.URL, cfg.Redis.Prefix, cfg.Schemas.Dir = "redis://a", "m0:", t.TempDir()
	cfg.Unrouted = config.UnroutedDeny
	eu := cfg.Redis
	eu.URL, eu.Prefix = "redis://b", "e0:"
	cfg.Upstreams = map[string]config.Redis{"eu": eu}
	named := func(r *config.Route) { r.Rename = "v:{name}" }
	cfg.Routes = []config.Route{
		on("main", "m:", named, mirroring(5)), on("eu", "e:", named, kept, func(r *config.Route) { r.AlsoSubscribe = []string{"main"} }),
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]string{
		"m:1": "at Redis      m0:v:m:1\nupstream      main, redis://a; 5 % of what is published go to eu (as e0:v:m:1), too\n",
		"e:1": "at Redis      e0:v:e:1\nupstream      eu, redis://b; messages on main (as m0:v:e:1) are heard, too\n",
	} {
		var text bytes.Buffer
		if _, err := preflight.Explain(&cfg, &preflight.Question{Channel: channel}, false, &text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s: no %q in\n%s", channel, want, text.String())
		}
	}
}

// ofUpstreams are the metrics that docs/operations.md says have the label upstream, if there are several.
var ofUpstreams = regexp.MustCompile(`^redis_relay_(upstream_ready|upstream_connections_total|(upstream_credentials|history|fleet|dead_letters)_\w+)\{`)

// TestLabelOfMetrics: where it is documented, and nowhere else; with one Redis, nowhere.
func TestLabelOfMetrics(t *testing.T) {
	t.Parallel()
	several := newScene(t)
	one := harness.Start(t, redistest.Start(t))
	for _, r := range []*harness.Relay{several.relay, one} {
		_, text := r.Get("/metrics")
		labelled := 0
		for line := range strings.Lines(text) {
			has := strings.Contains(line, `upstream="main"`) || strings.Contains(line, `upstream="eu"`)
			if want := r != one && ofUpstreams.MatchString(line); has != want && strings.HasPrefix(line, "redis_relay_") {
				t.Errorf("label upstream: %v, want %v: %s", has, want, line)
			}
			if has {
				labelled++
			}
		}
		if r == one && strings.Contains(text, "upstream=") || r != one && labelled < 20 {
			t.Errorf("%d series have the label", labelled)
		}
	}
}
