package upstreams

// Dead letters are on the upstream of their route, and so is what a replay publishes.

import (
	"context"
	"path/filepath"
	"testing"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/deadletter/replay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const lettersOnEach = "- {prefix: 'm:', schema: x.json, invalid: {dead_letter: 'dead:m'}}\n" +
	"- {prefix: 'e:', schema: x.json, invalid: {dead_letter: 'dead:e'}, upstream: eu, also_subscribe: [main]}\n"

// newDeadScene has the schema x.json, which accepts numbers only.
func newDeadScene(t *testing.T) (*scene, *file) {
	t.Helper()
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/x.json", `{"type": "number"}`)
	return newSceneIn(t, dir, namedTimeout, lettersOnEach, namedKeys)
}

// replay replays what is kept, by the configuration in a file.
func (s *scene) replay(t *testing.T, f *file, stream string) replay.Counts {
	t.Helper()
	cfg, err := config.Load(config.Source{
		Path: f.path, Required: true, Flags: map[string]string{"redis.url": s.main.URL()},
	})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := relay.OpenDeadLetters(cfg, stream, "")
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	counts, err := desk.Replay(context.Background(), &replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func awaitLetters(t *testing.T, redis *redistest.Server, key string, n int64) {
	t.Helper()
	redistest.Eventually(t, redistest.DefaultTimeout, key, func() bool { return redis.MustDo("XLEN", key).Int == n })
}

func TestDeadLettersAreOnTheRoutesUpstream(t *testing.T) {
	t.Parallel()
	s, f := newDeadScene(t)
	c := s.relay.Subscribe("m:1", "e:1")
	fails(t, s.pub.Do("PUBLISH", "m:1", "null"), "INVALID")
	fails(t, s.pub.Do("PUBLISH", "e:1", "true"), "INVALID")
	s.main.MustDo("PUBLISH", "m0:e:1", "false") // of a publisher who has not moved
	awaitLetters(t, s.main, "m0:dead:m", 1)
	awaitLetters(t, s.eu, "e0:dead:e", 2)
	if got := s.main.MustDo("EXISTS", "m0:dead:e", "dead:e").Int + s.eu.MustDo("EXISTS", "e0:dead:m").Int; got != 0 {
		t.Errorf("%d streams are on the wrong Redis", got)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "eu has two by the metrics", func() bool {
		return s.relay.Metric(`dead_letters_written_total{upstream="eu"}`) == 2
	})

	harness.WriteFile(t, filepath.Dir(f.path), "schemas/x.json", `{}`)
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	direct := redistest.Dial(t, "tcp", s.eu.Addr())
	direct.Send("SUBSCRIBE", "e0:e:1")
	direct.Expect(t, "[subscribe e0:e:1 1]")
	if got := s.replay(t, f, "dead:e"); got.Published != 2 {
		t.Errorf("dead:e: %+v", got)
	}
	for _, payload := range []string{"true", "false"} {
		c.Expect(t, message("e:1", payload))
		direct.Expect(t, message("e0:e:1", payload))
	}
	if got := s.replay(t, f, ""); got.Published != 1 {
		t.Errorf("all: %+v", got)
	}
	c.Expect(t, message("m:1", "null"))
}

// TestLettersOfARouteThatMoved stay: they cannot be published and deleted in one step.
func TestLettersOfARouteThatMoved(t *testing.T) {
	t.Parallel()
	s, f := newDeadScene(t)
	fails(t, s.pub.Do("PUBLISH", "e:1", "true"), "INVALID")
	awaitLetters(t, s.eu, "e0:dead:e", 1)
	harness.WriteFile(t, filepath.Dir(f.path), "schemas/x.json", `{}`)
	f.write(t, "- {prefix: 'e:', schema: x.json}\n", namedKeys)
	if got := s.replay(t, f, "dead:e"); got.Seen != 1 || got.Kept["DENIED"] != 1 {
		t.Errorf("got %+v", got)
	}
	awaitLetters(t, s.eu, "e0:dead:e", 1)
}
