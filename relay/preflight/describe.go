package preflight

// What check prints.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"redis-relay/config"
	"redis-relay/relay/explain"
	"redis-relay/relay/policy"
)

// Describe checks everything that can be known without Redis and without taking
// the socket, and prints the routing table. No secret is printed.
func Describe(cfg *config.Config, w io.Writer) error {
	rules, err := policy.New(cfg)
	if err = errors.Join(WithSchemaProblems(err, cfg), fileProblems(cfg)); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(out, "config\t%s\nredis\t%s\n%ssocket\t%s\nnats\t%s\nhttp\t%s\n%s\n",
		cmp.Or(cfg.File, "built-in defaults"), redisWords(cfg.Redis), upstreamLines(cfg),
		cfg.Socket.Path, natsWords(cfg.NATS), cmp.Or(cfg.HTTP.Listen, "-"),
		tracesLine(cfg.Traces))
	if err := out.Flush(); err != nil {
		return err
	}
	if err := errors.Join(rules.Describe(w), explain.Places(cfg, rules, w)); err != nil {
		return err
	}
	warnings := slices.Concat(rules.Warnings(), explain.Odd(cfg, rules))
	if len(warnings) > 0 {
		_, _ = fmt.Fprintln(w)
	}
	for _, warning := range warnings {
		if _, err := fmt.Fprintln(w, "warning:", warning); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(w, "\nok")
	return err
}

// redisWords says where a Redis is.
func redisWords(r config.Redis) string {
	if r.IsEmbedded() {
		return "embedded (development only)"
	}
	words := r.Redacted() + " (" + string(r.Mode) + ")"
	if c := r.Credentials; len(c.Command) > 0 {
		words += ", credentials from " + c.Command[0]
	}
	return words
}

// upstreamLines says where the upstreams other than main are, each in a line.
func upstreamLines(cfg *config.Config) (lines string) {
	for _, name := range cfg.UpstreamNames()[1:] {
		lines += fmt.Sprintf("redis %s\t%s\n", name, redisWords(cfg.Upstream(name)))
	}
	return lines
}

// tracesLine says where traces go, and of which messages; nothing if they are off.
func tracesLine(c config.Traces) string {
	if c.Endpoint == "" {
		return ""
	}
	return fmt.Sprintf("traces\t%s, sampled: what %s says, else %v of all\n", c.Endpoint, c.Field, c.Sample)
}

// natsWords says where NATS clients reach the relay.
func natsWords(c config.NATS) string {
	listen := cmp.Or(c.Listen, "-")
	if c.Leaf.URL == "" {
		return listen
	}
	return listen + ", leaf node of " + c.Leaf.Redacted()
}
