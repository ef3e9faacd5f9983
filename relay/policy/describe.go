package policy

// Describe: the rules as tables, for people.

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"redis-relay/config"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// Describe prints the routes, the policies of their kinds, and the schemas as tables. It returns the error of w.
func (r *Rules) Describe(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	p("ROUTE\tSCHEMA\tINVALID\tPUBLISH\tSUBSCRIBE\tNATS\n")
	for _, rt := range r.Routes() {
		p("%s\t%s\t%s\t%s\t%s\t%s\n", rt.Name, cmp.Or(rt.SchemaName, "-"), invalidWord(rt),
			MayWords(rt.Publish, rt.Publishers), MayWords(rt.Subscribe, rt.Listeners), MayWords(rt.NATS, nil))
	}
	p("\nROUTE\tKIND\tSLOW\tON_GAP\tDELIVER\tHISTORY\tRATE\tALERT\n")
	for _, rt := range r.Routes() {
		kinds := slices.Sorted(maps.Keys(rt.Kinds))
		for _, kind := range kinds {
			p("%s\t%s\t%s\n", rt.Name, kind, policyWords(rt.Kinds[kind]))
		}
		rest := "any"
		if len(kinds) > 0 {
			rest = "any other"
		}
		p("%s\t%s\t%s\n", rt.Name, rest, policyWords(&rt.Policy))
	}
	if names := r.schemas.Names(); len(names) > 0 {
		p("\nSCHEMA\tDRAFT\tCHECKED\n")
		for _, name := range names {
			p("%s\t%s\t%s\n", name, draftWord(r.schemas, name), checkedWord(r.schemas, name))
		}
	}
	return out.Flush()
}

// MayWords names the users who may do something: "yes" is everybody, "no" is nobody.
func MayWords(open bool, users route.Users) string {
	switch {
	case !open:
		return "no"
	case len(users) == 0:
		return "yes"
	}
	list := make([]string, len(users))
	for i, uid := range users {
		list[i] = strconv.FormatUint(uint64(uid), 10)
	}
	return "uid " + strings.Join(list, ",")
}

func invalidWord(rt *route.Route) string {
	switch {
	case rt.SchemaName == "":
		return "-"
	case rt.LogInvalid:
		return string(config.InvalidLog)
	}
	return string(config.InvalidReject)
}

// draftWord says of which draft a schema is.
func draftWord(set *schema.Set, name string) string {
	draft, named := set.Draft(name)
	if !named {
		return draft + " by default"
	}
	return draft
}

// checkedWord says how messages are checked against a schema.
func checkedWord(set *schema.Set, name string) string {
	if why := fallback(set, name); why != "" {
		return "not compiled, at some three times the cost: " + why
	}
	return "compiled"
}

func slowWord(p *route.Policy) string {
	switch {
	case p.Slow == route.SlowDrop:
		return string(config.SlowDrop)
	case p.LatestBy != "":
		return string(config.SlowLatest) + " by " + p.LatestBy
	case p.Slow == route.SlowLatest:
		return string(config.SlowLatest)
	}
	return string(config.SlowDisconnect)
}

func gapWord(g route.OnGap) string {
	if g == route.GapNotify {
		return string(config.OnGapNotify)
	}
	return string(config.OnGapDisconnect)
}

func deliverWord(p *route.Policy) string {
	if p.DeliverOne {
		return string(config.DeliverOne)
	}
	return string(config.DeliverAll)
}

// Words are a policy in words, for people. "-" stands for nothing.
type Words struct{ Slow, OnGap, Deliver, History, Rate, Alert string }

// WordsOf returns a policy in words.
func WordsOf(p *route.Policy) Words {
	return Words{
		Slow: slowWord(p), OnGap: gapWord(p.OnGap), Deliver: deliverWord(p), History: historyWords(p.History),
		Rate: rateWords(p.Rate), Alert: alertWords(p.Rate),
	}
}

// policyWords are the cells of a policy.
func policyWords(p *route.Policy) string {
	w := WordsOf(p)
	return strings.Join([]string{w.Slow, w.OnGap, w.Deliver, w.History, w.Rate, w.Alert}, "\t")
}

func historyWords(h *route.History) string {
	switch {
	case h == nil:
		return "-"
	case h.TTL == 0:
		return "about " + messages(float64(h.Length)) + ", for ever"
	}
	return "about " + messages(float64(h.Length)) + ", for " + config.DurationText(h.TTL)
}

func rateWords(r route.Rate) string {
	if r.PerSecond == 0 {
		return "-"
	}
	return fmt.Sprintf("%s/s, bursts of %d", messages(r.PerSecond), r.Burst)
}

func alertWords(r route.Rate) string {
	if r.Alert == 0 {
		return "-"
	}
	return "above " + messages(r.Alert) + "/s"
}

// messages counts them in words.
func messages(n float64) string {
	if n == 1 {
		return "1 message"
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " messages"
}
