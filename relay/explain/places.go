package explain

// Where the channels of all routes, and their refused messages, are at Redis.

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"redis-relay/config"
	"redis-relay/relay/names"
	"redis-relay/relay/policy"
	"redis-relay/relay/route"
)

// place is where the channels of a route are. An empty text is the default.
type place struct{ route, atRedis, upstream, mirror, last, dead string }

// Places prints a table of where the channels of all routes are, unless they all have the defaults. rules were built
// from cfg. It returns the error of w.
func Places(cfg *config.Config, rules *policy.Rules, w io.Writer) error {
	var list []place
	odd := false
	for _, rt := range rules.Routes() {
		p := placeOf(cfg, rules, rt)
		list = append(list, p)
		odd = odd || p != place{route: rt.Name}
	}
	if !odd {
		return nil
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "\nROUTE\tAT REDIS\tUPSTREAM\tMIRROR\tLAST\tDEAD LETTERS")
	for _, p := range list {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", p.route, cmp.Or(p.atRedis, "the same"),
			cmp.Or(p.upstream, config.MainUpstream), cmp.Or(p.mirror, "-"), cmp.Or(p.last, "-"), cmp.Or(p.dead, "-"))
	}
	return out.Flush()
}

func placeOf(cfg *config.Config, rules *policy.Rules, rt *route.Route) place {
	p := place{route: rt.Name}
	redis := cfg.Upstream(rt.Upstream.Name)
	if m := names.New(redis.Prefix, rt.Upstream.Index, rules); rt.IsUsed() && m.Of("", rt.Prefix) != rt.Prefix {
		p.atRedis = policy.Printable(m.Of("", rt.Prefix)) + "*"
	}
	u := upstreamOf(cfg, rules, rt, rt.Prefix)
	if u.Mirror != nil {
		p.mirror = fmt.Sprintf("%v %% to %s", u.Percent, u.Mirror.Name)
	}
	if len(u.Also) > 0 || rt.Upstream.Index > 0 {
		p.upstream = u.Name
	}
	for i, also := 0, ", also "; i < len(u.Also); i, also = i+1, ", " {
		p.upstream += also + u.Also[i].Name
	}
	if rt.Last {
		p.last = "yes"
	}
	p.dead = deadWords(redis.Prefix, rt)
	return p
}

// deadWords says for each stream which messages it keeps.
func deadWords(prefix string, rt *route.Route) string {
	var words []string
	for _, stream := range policy.DeadStreams(rt) {
		var refused []string
		for _, d := range policy.DeadLettersOf(rt) {
			if d.Stream == stream {
				refused = append(refused, d.Refused)
			}
		}
		words = append(words, fmt.Sprintf("%s (%s)", policy.Printable(prefix+stream), strings.Join(refused, ", ")))
	}
	return strings.Join(words, ", ")
}
