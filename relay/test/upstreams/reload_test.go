package upstreams

// Reloads that move routes from one upstream to another.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// file is a configuration that tests change.
type file struct {
	path    string
	eu      *redistest.Server
	timeout string // publish_timeout of eu
}

// write writes routes, each in a line of YAML, and perhaps more keys. A client may say nothing until all is ready.
func (f *file) write(t *testing.T, routes, more string) {
	t.Helper()
	text := fmt.Sprintf("upstreams:\n  eu: {url: '%s', publish_timeout: %s}\n%sroutes:\n%slimits: {command_timeout: 0s}\n",
		f.eu.URL(), f.timeout, more, routes)
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newFileScene(t *testing.T, routes string) (*scene, *file) {
	t.Helper()
	return newSceneIn(t, t.TempDir(), "30s", routes, "")
}

// newSceneIn has its file in a folder. The other arguments are as in file.
func newSceneIn(t *testing.T, dir, timeout, routes, more string) (*scene, *file) {
	t.Helper()
	s := &scene{main: redistest.Start(t), eu: redistest.Start(t)}
	f := &file{filepath.Join(dir, "relay.yaml"), s.eu, timeout}
	f.write(t, routes, more)
	s.relay = harness.Start(t, s.main, harness.WithFile(t, f.path))
	s.pub = s.relay.Dial()
	s.awaitEU(t, 1)
	return s, f
}

const (
	allOnMain = "- {prefix: 'a:'}\n- {prefix: 'calm:', on_gap: notify}\n- {prefix: 'still:'}\n"
	calmOnEU  = "- {prefix: 'a:', upstream: eu}\n- {prefix: 'calm:', on_gap: notify, upstream: eu}\n- {prefix: 'still:'}\n"
)

// TestReloadMovesARoute: listeners go along or are disconnected, as on_gap says; what this host publishes from then on
// is heard, and the gap is told.
func TestReloadMovesARoute(t *testing.T) {
	t.Parallel()
	s, f := newFileScene(t, allOnMain)
	events := s.relay.Subscribe("relay:events")
	ended, stays, untouched := s.relay.Subscribe("a:1"), s.relay.Subscribe("calm:1"), s.relay.Subscribe("still:1")
	star := s.relay.Dial()
	star.Send("PSUBSCRIBE", "calm:*")
	star.Expect(t, "[psubscribe calm:* 1]")
	for i, text := range []string{calmOnEU, allOnMain, calmOnEU} {
		f.write(t, text, "")
		if err := s.relay.Reload(); err != nil {
			t.Fatal(err)
		}
		payload := fmt.Sprint("first", i)
		publish(t, s.pub, "calm:1", payload, 2) // at once: the subscription is ahead of it
		stays.Expect(t, message("calm:1", payload))
		star.Expect(t, "[pmessage calm:* calm:1 "+payload+"]")
		at := map[string]*redistest.Server{calmOnEU: s.eu, allOnMain: s.main}[text]
		name := map[string]string{calmOnEU: "eu", allOnMain: "main"}[text]
		e := event(t, events, named("gap", name))
		if !slices.Equal(e.Prefixes, []string{"a:", "calm:"}) || e.Since == nil || e.Until == nil || e.Until.Before(*e.Since) {
			t.Errorf("gap: %+v", e)
		}
		if i == 0 {
			isEnded(t, ended)
		}
		for _, redis := range []*redistest.Server{s.main, s.eu} {
			want := []string{"still:1"}
			if redis == s.eu {
				want = nil
			}
			if redis == at {
				want = append([]string{"calm:1"}, want...)
			}
			redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprintf("%v is subscribed", want), func() bool {
				channels, _ := harness.Interest(t, redis)
				return slices.Equal(channels, want)
			})
		}
		other := map[*redistest.Server]*redistest.Server{s.eu: s.main, s.main: s.eu}[at]
		other.MustDo("PUBLISH", "calm:1", "astray")
		at.MustDo("PUBLISH", "calm:1", "from elsewhere")
		stays.Expect(t, `[message calm:1 "from elsewhere"]`)
		star.Expect(t, `[pmessage calm:* calm:1 "from elsewhere"]`)
	}
	publish(t, s.pub, "still:1", "x", 1)
	untouched.Expect(t, message("still:1", "x"))
	stays.Send("UNSUBSCRIBE", "calm:1")
	stays.Expect(t, "[unsubscribe calm:1 0]")
	redistest.Eventually(t, redistest.DefaultTimeout, "nothing is left on eu", func() bool {
		channels, _ := harness.Interest(t, s.eu)
		return len(channels) == 0
	})
}

// TestReloadMovesToALostUpstream: who listens hears again when that is back, and learns of it.
func TestReloadMovesToALostUpstream(t *testing.T) {
	t.Parallel()
	s, f := newSceneIn(t, t.TempDir(), "4s", allOnMain, "") // a publish is to fail
	events, stays := s.relay.Subscribe("relay:events"), s.relay.Subscribe("calm:1")
	s.eu.Kill()
	s.awaitEU(t, 0)
	f.write(t, calmOnEU, "")
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	fails(t, s.pub.Do("PUBLISH", "calm:1", "x"), "UPSTREAMDOWN")
	waiting := s.relay.Dial()
	waiting.Send("SUBSCRIBE", "calm:2", "still:2")
	f.write(t, allOnMain, "") // and back: what waits for eu does not any more
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	waiting.Expect(t, "[subscribe calm:2 1]", "[subscribe still:2 2]")
	f.write(t, calmOnEU, "")
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	s.eu.Restart()
	event(t, events, func(e *relay.Event) bool { return e.Event == "gap" && e.Upstream == "eu" })
	s.awaitEU(t, 1)
	publish(t, s.pub, "calm:1", "y", 1)
	stays.Expect(t, message("calm:1", "y"))
	publish(t, s.pub, "calm:2", "z", 1)
	waiting.Expect(t, message("calm:2", "z"))
}

// TestReloadMovesHistory: entries are written and read at the new place; readers that wait are told.
func TestReloadMovesHistory(t *testing.T) {
	t.Parallel()
	const before, after = "- {prefix: 'h:', history: {length: 100}}\n", "- {prefix: 'h:', history: {length: 100}, upstream: eu}\n"
	s, f := newFileScene(t, before)
	c := s.relay.Subscribe("h:1")
	s.pub.Do("XADD", "h:1", "*", "payload", "old")
	c.Expect(t, message("h:1", "old"))
	waiting := s.relay.Dial()
	waiting.Send("XREAD", "BLOCK", "0", "STREAMS", "h:1", "$")
	redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits", func() bool {
		return s.relay.Metric(`history_readers{upstream="main"}`) == 1
	})
	f.write(t, after, "")
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	fails(t, waiting.Receive(), "ERR")
	for i := range 3 {
		s.pub.Do("XADD", "h:1", "*", "payload", fmt.Sprint("new", i))
		c.Expect(t, message("h:1", fmt.Sprint("new", i)))
	}
	if got := s.pub.Do("XRANGE", "h:1", "-", "+"); len(got.Elems) != 3 {
		t.Errorf("XRANGE: %s", got)
	}
	s.eu.KillSubscribers()
	s.awaitEU(t, 1)
	redistest.Eventually(t, redistest.DefaultTimeout, "written", func() bool {
		return s.pub.Do("XADD", "h:1", "*", "payload", "last").Err() == nil
	})
	c.Expect(t, message("h:1", "last"))
}

// TestReloadWithAnotherUpstreamIsRefused where a route needs it: connections are made at the start.
func TestReloadWithAnotherUpstreamIsRefused(t *testing.T) {
	t.Parallel()
	s, f := newFileScene(t, allOnMain)
	us := "  us: {url: 'redis://127.0.0.1:1'}\n"
	f.write(t, "- {prefix: 'a:', upstream: us}\n", us)
	err := s.relay.Reload()
	if err == nil || !strings.Contains(err.Error(), `relay.yaml:5: routes[0].upstream: the relay has no connection to "us", which came to upstreams since it started; restart`) {
		t.Errorf("got %v", err)
	}
	f.write(t, allOnMain, us) // nothing is there yet
	if err := s.relay.Reload(); err != nil {
		t.Error(err)
	}
	found := false
	for _, e := range s.relay.Logs.FilterMessage("restart needed for some of the changes").All() {
		found = found || strings.Contains(fmt.Sprint(e.ContextMap()["keys"]), "upstreams.us")
	}
	if !found {
		t.Error("the log does not ask for a restart")
	}
}

// TestReadersOfALostUpstream: a reader that waits for entries is told that none will come from there, although the
// upstream of its channel is away when a reload takes the history elsewhere.
func TestReadersOfALostUpstream(t *testing.T) {
	t.Parallel()
	for _, now := range []string{
		"history: {length: 9}", "history: {length: 9}, also_subscribe: [eu]", "upstream: eu",
	} {
		s, f := newFileScene(t, "- {prefix: 'd:', history: {length: 9}, upstream: eu}\n")
		reader := s.relay.Dial()
		reader.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "$")
		redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits", func() bool {
			return s.relay.Metric(`history_readers{upstream="eu"}`) == 1
		})
		s.eu.Kill()
		s.awaitEU(t, 0)
		f.write(t, "- {prefix: 'd:', "+now+"}\n", "")
		if err := s.relay.Reload(); err != nil {
			t.Fatal(err)
		}
		fails(t, reader.Receive(), "ERR")
	}
}
