package asyncapi_test

// Several Redises, and names at Redis.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/asyncapi"
)

const twoRedises = `
unrouted: deny
upstreams:
  eu: {url: "rediss://u:s3cret@eu.internal:6380/1"}
  redis: {url: "redis://third"}
routes:
- {prefix: "a:", rename: "v:{name}", upstream: eu, also_subscribe: [redis], redis_refused: {dead_letter: "dead:a"}}
- {prefix: "b:", mirror: {upstream: eu, percent: 10}}
`

func loadTwoRedises(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Source{
		Path: folder(t, map[string]string{"relay.yaml": twoRedises, "schemas/.keep": ""}),
		Env:  []string{"RELAY_REDIS_URL=redis://main.internal"}, Required: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestUpstreamsAreServers: each is one, and a channel says where it is.
func TestUpstreamsAreServers(t *testing.T) {
	t.Parallel()
	text := printed(t, loadTwoRedises(t))
	for _, want := range []string{
		"  redis:\n    host: main.internal\n", "  eu:\n    host: eu.internal:6380\n    pathname: /1\n    protocol: rediss\n",
		"  redis-2:\n    host: third\n", "description: The Redis eu behind the relays.", "x-redis-relay:\n      upstream: eu\n",
		"servers:\n      - $ref: '#/servers/eu'\n      - $ref: '#/servers/redis-2'\n", "servers:\n      - $ref: '#/servers/redis'\n",
		"They are on the Redis eu. What is published on redis is heard, too.", "\nx-redis-relay:\n  unrouted: deny\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("it has a password:\n%s", text)
	}
}

// TestUpstreamsReadBack: init makes the same routes, which need the upstreams and that setting.
func TestUpstreamsReadBack(t *testing.T) {
	t.Parallel()
	before := loadTwoRedises(t)
	for _, asJSON := range []bool{false, true} {
		after := imported(t, document(t, before, asJSON))
		if !sameRoutes(t, before, after) {
			continue
		}
		for name, want := range map[string]string{"eu": "rediss://eu.internal:6380/1", "redis": "redis://third"} {
			if got := after.Upstream(name).URL; got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		if after.Unrouted != before.Unrouted {
			t.Errorf("unrouted: %s", after.Unrouted)
		}
		if err := after.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// TestUpstreamWithoutOneServer: the route that names it is refused.
func TestUpstreamWithoutOneServer(t *testing.T) {
	t.Parallel()
	text := printed(t, loadTwoRedises(t))
	for what, doc := range map[string]string{
		"none":    strings.Replace(text, "    x-redis-relay:\n      upstream: eu\n", "", 1),
		"several": strings.Replace(text, "upstream: redis", "upstream: eu", 1),
		"setting": strings.Replace(text, "unrouted: deny", "unrouted: perhaps", 1),
	} {
		path := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		want := `upstream: "eu" is no upstream`
		if what == "setting" {
			want = "x-redis-relay/unrouted: must be allow or deny"
		}
		if _, err := asyncapi.Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", what, err, want)
		}
	}
}
