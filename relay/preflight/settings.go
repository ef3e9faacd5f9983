package preflight

// Settings in the words of the parts that they are for.

import (
	"fmt"
	"os"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
	"redis-relay/relay/upstream/sentinel"
)

// ReadToken reads the file that a key names, which holds a token; "" means none.
func ReadToken(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("%s: %s is empty; write a token into it", key, path)
	}
	return token, nil
}

// RedisOptions says how to reach an upstream.
func RedisOptions(cfg *config.Config, name string) upstream.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	c := cfg.Upstream(name)
	opts := upstream.Options{
		Section: cfg.UpstreamKey(name), Mode: string(c.Mode), URL: c.URL, PasswordFile: c.PasswordFile,
		CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key, Name: host,
		PublishTimeout: c.PublishTimeout, ProbeInterval: c.ProbeInterval, AlertAfter: c.AlertAfter,
	}
	if c.Mode == config.ModeCluster {
		opts.Cluster = &cluster.Known{}
	}
	if c.Mode == config.ModeSentinel {
		opts.Sentinels = &sentinel.Known{}
		opts.SentinelUser, opts.SentinelPasswordFile = c.Sentinel.Username, c.Sentinel.PasswordFile
	}
	if h := c.Credentials; len(h.Command) > 0 {
		opts.Credentials = credentials.New(opts.Section+".credentials.command", h.Command, h.Refresh, c.User())
	}
	return opts
}
