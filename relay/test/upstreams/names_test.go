package upstreams

// Each Redis has a prefix of its own, and the names of the routes that it is used by.

import (
	"fmt"
	"slices"
	"testing"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// newNamedScene is newFileScene with the prefix m0: on main, and e0: on eu. more are other keys.
func newNamedScene(t *testing.T, routes, more string) (*scene, *file) {
	t.Helper()
	return newSceneIn(t, t.TempDir(), namedTimeout, routes, namedKeys+more)
}

const (
	namedKeys    = "redis: {prefix: 'm0:'}\n"
	namedTimeout = "30s, prefix: 'e0:'" // of file
)

// TestEachHasItsNames: also_subscribe and mirror use those of the other Redis, and what is the name of a channel on one
// Redis may be that of another channel on the other.
func TestEachHasItsNames(t *testing.T) {
	t.Parallel()
	s, _ := newNamedScene(t, "- {prefix: 'e:', upstream: eu, rename: 'x:{name}'}\n"+
		"- {prefix: 'both:', upstream: eu, also_subscribe: [main]}\n"+
		"- {prefix: 'copied:', rename: 'y:{name}', mirror: {upstream: eu, percent: 100}}\n"+
		"- {prefix: 'y:', publish: false, subscribe: false}\n", "")
	c := s.relay.Subscribe("e:1", "x:e:1", "both:1", "copied:1")
	for _, from := range []struct {
		redis      *redistest.Server
		wire, name string
	}{
		{s.eu, "e0:x:e:1", "e:1"},
		{s.main, "m0:x:e:1", "x:e:1"},
		{s.eu, "e0:both:1", "both:1"},
		{s.main, "m0:both:1", "both:1"},
		{s.main, "m0:y:copied:1", "copied:1"},
	} {
		from.redis.MustDo("PUBLISH", from.wire, "on-"+from.wire)
		c.Expect(t, message(from.name, "on-"+from.wire))
	}
	direct := redistest.Dial(t, "tcp", s.eu.Addr())
	direct.Send("SUBSCRIBE", "e0:y:copied:1")
	direct.Expect(t, "[subscribe e0:y:copied:1 1]")
	publish(t, s.pub, "copied:1", "m", 1)
	c.Expect(t, message("copied:1", "m"))
	direct.Expect(t, message("e0:y:copied:1", "m"))

	star := s.relay.Dial()
	star.Send("PSUBSCRIBE", "*")
	star.Expect(t, "[psubscribe * 1]")
	publish(t, s.pub, "e:1", "n", 2)
	c.Expect(t, message("e:1", "n"))
	star.Expect(t, "[pmessage * e:1 n]")
	if got := s.pub.Do("PUBSUB", "NUMPAT").String(); got != ":1" {
		t.Errorf("NUMPAT is %s", got)
	}
	if got := s.pub.Do("PUBSUB", "NUMSUB", "e:1", "x:e:1", "y:copied:1").String(); got != "[e:1 1 x:e:1 1 y:copied:1 0]" {
		t.Errorf("NUMSUB is %s", got)
	}
	var channels []string
	for _, e := range s.pub.Do("PUBSUB", "CHANNELS").Elems {
		channels = append(channels, e.Str)
	}
	slices.Sort(channels)
	if want := "[both:1 copied:1 e:1 x:e:1]"; fmt.Sprint(channels) != want {
		t.Errorf("CHANNELS is %v, want %s", channels, want)
	}
}

// TestRenamedRouteMoves: also_subscribe moves a renamed route without a gap, though a pattern becomes another one at
// eu. A new rename is a gap.
func TestRenamedRouteMoves(t *testing.T) {
	t.Parallel()
	const chat = "- {prefix: 'chat:', rename: '%s:{name}', %s}\n"
	const rest = "- {prefix: 'e:', upstream: eu}\n- {prefix: 'v:', publish: false, subscribe: false}\n" +
		"- {prefix: 'w:', publish: false, subscribe: false}\n"
	s, f := newNamedScene(t, fmt.Sprintf(chat, "v", "upstream: main")+rest, "")
	events, star := s.relay.Subscribe("relay:events"), s.relay.Dial()
	star.Send("PSUBSCRIBE", "*")
	star.Expect(t, "[psubscribe * 1]")
	reload := func(rename, step string) {
		f.write(t, fmt.Sprintf(chat, rename, step)+rest, namedKeys)
		if err := s.relay.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range steps[1:] {
		reload("v", step)
		harness.Event(t, events, "reload")
		redistest.Eventually(t, redistest.DefaultTimeout, "eu has the pattern", func() bool { return patterns(s.eu) == 2 })
		s.eu.MustDo("PUBLISH", "e0:v:chat:1", fmt.Sprint("eu", i))
		star.Expect(t, fmt.Sprint("[pmessage * chat:1 eu", i, "]"))
		publish(t, s.pub, "chat:1", fmt.Sprint("own", i), 1)
		star.Expect(t, fmt.Sprint("[pmessage * chat:1 own", i, "]"))
	}
	reload("w", "upstream: eu")
	isEnded(t, star)
	event(t, events, named("gap", ""))
}

// TestOwnChannelsAreOnMain: a route whose prefix begins as they do does not take them to its upstream.
func TestOwnChannelsAreOnMain(t *testing.T) {
	t.Parallel()
	s, f := newFileScene(t, "- {prefix: 'a:'}\n")
	events := s.relay.Subscribe("relay:events")
	f.write(t, "- {prefix: 're', upstream: eu}\n", "")
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	event(t, events, func(e *relay.Event) bool { return e.Event == "reload" })
	s.eu.Kill()
	event(t, events, named("upstream_down", "eu"))
	late := s.relay.Subscribe("relay:events")
	if v := s.pub.Do("PUBSUB", "NUMSUB", "relay:events"); v.String() != "[relay:events 2]" {
		t.Errorf("NUMSUB: %s", v)
	}
	s.eu.Restart()
	for _, c := range []*redistest.Client{events, late} {
		event(t, c, named("upstream_up", "eu"))
	}
}
