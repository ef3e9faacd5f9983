package command

import (
	"fmt"
	"path/filepath"

	"redis-relay/config"
	"redis-relay/relay"
)

// welcome tells a person what runs, and in development what to try.
func (p *program) welcome(cfg *config.Config, r *relay.Relay) {
	socket, http := r.Addresses()
	if abs, err := filepath.Abs(socket); err == nil {
		socket = abs
	}
	redis := cfg.Redis.Redacted()
	embedded, file := r.Embedded()
	if embedded != "" {
		redis = embedded + ", embedded: for development only, history in " + file + " (set redis.url for a real one)"
	}
	if http == "" {
		http = "off"
	} else {
		http = "http://" + http
	}
	tcp := ""
	if address := r.TCPAddress(); address != "" {
		tcp = "\n  tcp     " + address
	}
	nats := r.NATSAddress()
	if nats == "" {
		nats = "off"
	} else {
		nats = "nats://" + nats
	}
	if cfg.NATS.Leaf.URL != "" {
		nats += ", leaf node of " + cfg.NATS.Leaf.Redacted()
	}
	_, _ = fmt.Fprintf(p.stdout, `redis-relay %s
  config  %s
  redis   %s
  socket  %s%s
  nats    %s
  http    %s

`, p.version, named(cfg.File), redis, socket, tcp, nats, http)
	if embedded == "" {
		return // nobody tries out a relay that others depend on
	}
	_, _ = fmt.Fprintf(p.stdout, `Try, in two other terminals:
  redis-cli -s %[1]s subscribe chat:42
  redis-cli -s %[1]s publish chat:42 '{"type":"typing","userId":"ann","roomId":"42"}'

`, socket)
}
