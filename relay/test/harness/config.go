package harness

import (
	"testing"
	"time"

	"redis-relay/config"
)

// The configuration of a relay for tests: the shipped one, and what changes it.

// Option changes a configuration before the relay starts.
type Option func(*config.Config)

// WithRoutes replaces the routes. Schemas are those shipped.
func WithRoutes(routes ...config.Route) Option {
	return func(c *config.Config) { c.Routes = routes }
}

// WithFile runs the configuration in a file of the test's own, which can be
// changed and reloaded. Options after it would be forgotten by a reload.
func WithFile(t testing.TB, path string) Option {
	return func(c *config.Config) {
		loaded, err := config.Load(config.Source{Path: path, Required: true, Flags: map[string]string{
			"socket.path": c.Socket.Path, "http.listen": c.HTTP.Listen, "redis.url": c.Redis.URL,
		}})
		if err != nil {
			t.Fatal(err)
		}
		*c = *loaded
	}
}

// WithRedis points the relay at an address, such as a proxy's.
func WithRedis(url string) Option {
	return func(c *config.Config) { c.Redis.URL = url }
}

// Shipped is the configuration at the root of the repository.
func Shipped(t testing.TB) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Source{Path: Path(t, "relay.yaml"), Required: true})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Diary is a route whose messages are kept.
func Diary(prefix string, length int64) config.Route {
	r := config.NewRoute(prefix)
	r.Policy.History = &config.History{Length: length, TTL: time.Hour}
	r.Policy.OnGap = config.OnGapNotify
	return r
}

// NewRoute is a route with defaults, changed by edit.
func NewRoute(prefix string, edit func(*config.Route)) config.Route {
	r := config.NewRoute(prefix)
	edit(&r)
	return r
}

// Messages for the shipped schema chat.json: one that it takes, and one that it refuses.
const (
	ValidChat   = `{"type":"typing","userId":"ann","roomId":"42"}`
	InvalidChat = `{"type":"typing","userId":7,"roomId":"42"}`
)
