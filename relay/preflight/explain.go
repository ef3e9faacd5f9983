package preflight

// What explain prints, and what check asks of Redis.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"redis-relay/config"
	"redis-relay/relay/explain"
	"redis-relay/relay/needs"
	"redis-relay/relay/policy"
)

// Question is what Explain is asked about.
type Question = explain.Question

// Explain prints what a relay with this configuration would do with a channel and, if there is one, a payload. It
// needs neither Redis nor a running relay. accepted reports whether the payload would be published or, without one,
// whether the user may publish.
func Explain(cfg *config.Config, q *Question, asJSON bool, w io.Writer) (accepted bool, err error) {
	rules, err := policy.New(cfg)
	if err != nil {
		return false, WithSchemaProblems(err, cfg)
	}
	answer := explain.New(cfg, rules, q)
	if asJSON {
		err = answer.PrintJSON(w)
	} else {
		err = answer.Print(w)
	}
	return answer.Accepted(), err
}

// ErrRedisLacks reports that a Redis cannot do what a configuration asks for. What it lacks was printed.
var ErrRedisLacks = errors.New("this Redis cannot do what the configuration asks for")

// CheckRedis asks each Redis of a valid configuration whether it allows what the configuration needs, and prints the
// answers, what will not work, and which upstreams are one Redis. The error is ErrRedisLacks, or says why a Redis
// cannot be asked. Nothing on Redis is changed. Connecting, and each answer, may take 5 s.
func CheckRedis(ctx context.Context, cfg *config.Config, w io.Writer) error {
	rules, err := policy.New(cfg)
	if err != nil {
		return err
	}
	var errs []error
	var lacks error                                          // ErrRedisLacks, which is said once
	names, first := cfg.UpstreamNames(), map[string]string{} // the first upstream that has a run ID
	for _, name := range names {
		if len(names) > 1 {
			_, _ = fmt.Fprintf(w, "upstream %s\n", name)
		}
		runID, err := checkOne(ctx, cfg, rules, name, w)
		if errors.Is(err, ErrRedisLacks) {
			lacks = err
		} else {
			errs = append(errs, err)
		}
		if other, again := first[runID]; again {
			_, _ = fmt.Fprintln(w, sameRedis(cfg, other, name))
		} else if runID != "" {
			first[runID] = name
		}
	}
	return errors.Join(append(errs, lacks)...)
}

// sameRedis warns of two upstreams that are one Redis by two addresses.
func sameRedis(cfg *config.Config, first, second string) string {
	text := fmt.Sprintf("warning: this is the same Redis as the upstream %s", first)
	if cfg.Upstream(first).Prefix == cfg.Upstream(second).Prefix {
		text += ", with the same names: what is heard at both, or mirrored from one to the other, comes twice; " +
			"take one of the two out, or give them different prefixes"
	}
	return text
}

// checkOne is CheckRedis for one upstream. It also returns the server's run ID; empty: it is not known.
func checkOne(
	ctx context.Context, cfg *config.Config, rules *policy.Rules, name string, w io.Writer,
) (runID string, err error) {
	redis := cfg.Upstream(name)
	if redis.IsEmbedded() {
		_, err := fmt.Fprintln(w, "Redis is the embedded one: there is nothing to ask")
		return "", err
	}
	opts, wanted := RedisOptions(cfg, name), redisNeeds(cfg, rules, name)
	user := redis.User()
	if opts.Credentials != nil {
		l, err := opts.Credentials.Get(ctx)
		if err != nil {
			return "", err
		}
		user = l.User
	}
	report, err := needs.Check(ctx, opts, user, wanted, int64(cfg.Limits.Payload))
	if err != nil {
		return "", fmt.Errorf("ask Redis at %s: %w", redis.Redacted(), err)
	}
	if err := printReport(report, w); err != nil {
		return "", err
	}
	if report.Fails() {
		return report.RunID, ErrRedisLacks
	}
	return report.RunID, nil
}

// redisNeeds is what the configuration asks of an upstream.
func redisNeeds(cfg *config.Config, rules *policy.Rules, name string) *needs.Config {
	c := &needs.Config{
		Leaf: cfg.NATS.Leaf.URL != "" && name == config.MainUpstream, Prefix: cfg.Upstream(name).Prefix,
		Cluster: cfg.Upstream(name).Mode == config.ModeCluster,
	}
	index := slices.Index(cfg.UpstreamNames(), name)
	for _, rt := range rules.Routes() {
		need, own := explain.Needs(rt), rt.Upstream.Index == index
		need.Publish = need.Publish && (own || rt.Mirror != nil && rt.Mirror.Index == index)
		need.Subscribe = need.Subscribe && rt.Upstream.Hears(index)
		need.Mirror = !own && !need.Subscribe
		if !own {
			need.DeadLetters = nil
		}
		if need.Publish || need.Subscribe || own {
			c.Routes = append(c.Routes, need)
		}
	}
	return c
}

func printReport(r *needs.Report, w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Facts {
		_, _ = fmt.Fprintf(out, "%s\t%s\n", f.Name, f.Text)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, p := range r.Problems {
		word := "warning"
		if p.Fails {
			word = "fails"
		}
		if _, err := fmt.Fprintf(w, "%s: %s: %s\n", word, p.What, p.Text); err != nil {
			return err
		}
	}
	if advice := r.Advice(); advice != "" {
		_, err := fmt.Fprintf(w, "to allow what is missing: %s\n", advice)
		return err
	}
	return nil
}
