package relay

// The way to Redis.

import (
	"fmt"
	"time"

	"redis-relay/config"
	"redis-relay/relay/embedded"
	"redis-relay/relay/preflight"
	"redis-relay/relay/upstream"
)

// connectTo returns how to reach Redis. It starts the embedded Redis if no other one is configured.
func (r *Relay) connectTo() (upstream.Options, error) {
	opts := preflight.RedisOptions(&r.cfg.Redis)
	opts.Refused = r.rights.Note
	opts.RoundTrip = func(took time.Duration) {
		r.metrics.RoundTrip.Observe(took)
		r.overview.NoteLag(took)
	}
	if r.cfg.Redis.IsEmbedded() {
		var err error
		if r.embedded, err = embedded.Start(historyFile(r.cfg), r.log.Named("embedded")); err != nil {
			return opts, fmt.Errorf("start the embedded Redis: %w", err)
		}
		r.closers = append(r.closers, r.embedded.Close)
		opts.URL = r.embedded.URL()
	}
	return opts, opts.Check()
}

// historyFile returns the file in which the embedded Redis saves its streams, so that history outlives the relay.
func historyFile(c *config.Config) string { return c.Socket.Path + ".history" }
