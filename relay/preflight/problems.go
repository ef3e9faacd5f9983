package preflight

// What is wrong with the files that a configuration names, and with what else of this host
// it names, all at once.

import (
	"errors"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/alerts"
	"redis-relay/relay/leaf"
	"redis-relay/relay/policy"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/traces"
)

// Problems says all that can be known without Redis and without taking the socket to keep
// a relay from starting, beside what config.Config.Validate says. The configuration may
// be one with mistakes. The errors are joined; those about a key begin with it.
func Problems(cfg *config.Config) error {
	return errors.Join(policy.SchemaProblems(cfg), fileProblems(cfg))
}

// WithProblems adds all problems to an error, if it is one. It may be the first of them.
func WithProblems(err error, cfg *config.Config) error { return withAll(err, Problems, cfg) }

// WithSchemaProblems adds all problems of schemas to an error, if it is one. It may be the first of them.
func WithSchemaProblems(err error, cfg *config.Config) error {
	return withAll(err, policy.SchemaProblems, cfg)
}

// withAll adds to an error, if it is one, all problems of a kind.
func withAll(err error, problems func(*config.Config) error, cfg *config.Config) error {
	if err == nil {
		return nil
	}
	all := problems(cfg)
	if all != nil && strings.Contains(all.Error(), err.Error()) {
		return all
	}
	return errors.Join(err, all)
}

// fileProblems is about all other files, and the group of the socket.
func fileProblems(cfg *config.Config) error {
	var errs []error
	for _, name := range cfg.UpstreamNames() {
		if !cfg.Upstream(name).IsEmbedded() {
			opts := RedisOptions(cfg, name)
			errs = append(errs, opts.Check())
		}
	}
	if cfg.Socket.TCP != "" {
		_, err := respserver.ReadPassword(cfg.Socket.PasswordFile)
		errs = append(errs, err)
	}
	if cfg.NATS.Leaf.URL != "" {
		_, err := leaf.Cluster(cfg.NATS.Leaf)
		errs = append(errs, err)
	}
	if cfg.NATS.Listen != "" {
		_, err := ReadToken("nats.token_file", cfg.NATS.TokenFile)
		errs = append(errs, err)
	}
	if cfg.HTTP.Listen != "" {
		_, err := ReadToken("http.token_file", cfg.HTTP.TokenFile)
		errs = append(errs, err)
	}
	if file := cfg.Alerts.WebhookTokenFile; file != "" {
		_, err := alerts.ReadToken(file)
		errs = append(errs, err)
	}
	if cfg.Traces.Endpoint != "" {
		errs = append(errs, traces.Check())
	}
	return errors.Join(append(errs, listen.CheckGroup(cfg.Socket.Group))...)
}
