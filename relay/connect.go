package relay

// The way to Redis.

import (
	"fmt"
	"os"
	"time"

	"redis-relay/config"
	"redis-relay/relay/embedded"
	"redis-relay/relay/upstream"
)

// connectTo returns how to reach Redis. It starts the embedded Redis if no other one is configured.
func (r *Relay) connectTo() (upstream.Options, error) {
	opts := upstreamOptions(&r.cfg.Redis)
	opts.Refused = r.rights.note
	opts.RoundTrip = func(took time.Duration) {
		r.metrics.RoundTrip.Observe(took)
		r.overview.noteLag(took)
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

func upstreamOptions(c *config.Redis) upstream.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return upstream.Options{
		Mode: string(c.Mode), URL: c.URL, PasswordFile: c.PasswordFile,
		CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key, Name: host,
		PublishTimeout: c.PublishTimeout, ProbeInterval: c.ProbeInterval, AlertAfter: c.AlertAfter,
	}
}
