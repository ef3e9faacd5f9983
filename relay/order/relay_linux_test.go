package order_test

// The relay as a process, on a redis-server of its own.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// relay is a running relay.
type relay struct{ *process.Relay }

const relayConfig = `
redis: {url: %q}
routes: [{prefix: %q, history: {length: 10000, ttl: 10m}}]
`

// startRelay runs a relay and waits until it is ready.
func startRelay(t *testing.T, redis *redistest.Server) *relay {
	t.Helper()
	dir := redistest.TempDir(t)
	text := fmt.Sprintf(relayConfig, redis.URL(), historyPrefix)
	if err := os.WriteFile(filepath.Join(dir, "relay.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "schemas"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := &relay{process.Start(t, dir, nil)}
	r.AwaitReady()
	return r
}

// readers is the number of connections that wait in XREAD.
func (r *relay) readers() int { return int(r.Metrics()["history_readers"]) }
