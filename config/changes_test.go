package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"redis-relay/config"
)

func TestChangesNamesWhatDiffersAndShowsNoPassword(t *testing.T) {
	read := func(text string) *config.Config {
		t.Helper()
		path := filepath.Join(t.TempDir(), "relay.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Source{Path: path, Required: true})
		if err != nil {
			t.Fatal(err)
		}
		c.Schemas.Dir = "schemas" // each file has a folder of its own
		return c
	}
	running := `
redis: {url: 'redis://:secret1@h'}
routes:
- {prefix: 'a:', rate: {limit: 1}, kinds: {t: {slow: drop}}}
- {prefix: 'b:'}
- {prefix: 'c:', publish_uids: [1]}
- {prefix: 'd:', history: {length: 1}}
- {prefix: 'm:', schema: [b.json, a.json]}
`
	for _, tt := range []struct {
		next string
		want []string
	}{
		{running, nil},
		{
			`
redis: {url: 'redis://:secret2@h'}
limits: {queue: 16MiB, queue_age: 1m, pattern_prefixes: ['x']}
unrouted: deny
log: {level: debug}
socket: {group: apps}
routes:
- {prefix: 'd:', history: {length: 1}}
- {prefix: 'm:', schema: b.json}
- {prefix: 'c:', publish_uids: [1, 2], nats: true}
- {prefix: 'a:', schema: s.json, rate: {limit: 1}, kinds: {t: {slow: disconnect}}}
- {prefix: 'e:'}
`, []string{
				"redis.url",
				`socket.group: apps, was ""`,
				"log.level: debug, was info",
				"limits.pattern_prefixes: [x], was []",
				"limits.queue: 16MiB, was 8MiB",
				"limits.queue_age: 1m, was 30s",
				"unrouted: deny, was allow",
				`route "a:": schema, kinds`,
				`route "c:": publish_uids, nats`,
				`route "e:" added`,
				`route "m:": schema`,
				`route "b:" removed`,
			},
		},
	} {
		if got := config.Changes(read(running), read(tt.next)); !slices.Equal(got, tt.want) {
			t.Errorf("got %q\nwant %q", got, tt.want)
		}
	}
}
