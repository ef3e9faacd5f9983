package explain

// The answer as text, for people.

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"redis-relay/relay/policy"
)

// Print writes the answer as lines of a name and a sentence. It returns the error of w.
func (a *Answer) Print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(out, name+"\t"+format+"\n", args...)
	}
	line("channel", "%s", policy.Printable(a.Channel))
	line("route", "%s", a.Route.Name)
	line("", "%s", a.Route.Why)
	if len(a.Route.Others) > 0 {
		line("", "shorter ones that match, too: %s", strings.Join(a.Route.Others, " "))
	}
	if !a.own {
		a.printRoute(line)
	}
	line("nats", "%s", a.NATS.words())
	line("publish", "%s", a.Publish.words())
	line("subscribe", "%s", a.Subscribe.words())
	if len(a.RedisRights) > 0 {
		line("ACL on Redis", "%s", strings.Join(a.RedisRights, " "))
	}
	if a.Payload != nil {
		a.Payload.print(line)
	}
	return out.Flush()
}

// printRoute writes what the route says.
func (a *Answer) printRoute(line func(name, format string, args ...any)) {
	line("at Redis", "%s", a.nameWords())
	if a.Upstream != nil {
		line("upstream", "%s", a.Upstream.words(a.NameAtRedis))
	}
	line("schema", "%s", a.Schema.words())
	if a.KindField != "" {
		line("kind", "%s", a.kindWords())
	}
	if a.Last != "" {
		line("last value", "%s", a.Last)
	}
	for _, d := range a.DeadLetters {
		line("dead letters", "%s: kept in the stream %s at Redis", d.Refused, policy.Printable(d.Stream))
	}
	for i := range a.Policies {
		line("policy", "%s", a.Policies[i].words(len(a.Policies) > 1 || a.Payload != nil))
	}
}

// PrintJSON writes the answer as one line of JSON. It returns the error of w.
func (a *Answer) PrintJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(a)
}

func (a *Answer) nameWords() string {
	if a.NameAtRedis == a.Channel {
		return policy.Printable(a.NameAtRedis) + ", the same name"
	}
	return policy.Printable(a.NameAtRedis)
}

// words are about a channel that is called so there.
func (u *Upstream) words(name string) string {
	text := u.Name + ", " + u.Address
	for i := range u.Also {
		text += "; messages on " + u.Also[i].words(name) + " are heard, too"
	}
	if u.Mirror != nil {
		text += fmt.Sprintf("; %v %% of what is published go to %s, too", u.Percent, u.Mirror.words(name))
	}
	return text
}

// words say what the channel is called, unless it is as elsewhere.
func (o *Other) words(elsewhere string) string {
	if o.NameAtRedis == elsewhere {
		return o.Name
	}
	return o.Name + " (as " + policy.Printable(o.NameAtRedis) + ")"
}

func (a *Answer) kindWords() string {
	field := fmt.Sprintf("the text in the top-level field %q of a JSON object", a.KindField)
	switch {
	case a.Payload == nil:
		return field
	case a.Payload.Kind == "":
		return "none: the payload has none as " + field
	}
	return policy.Printable(a.Payload.Kind) + ": " + field
}

func (s *Schema) words() string {
	switch {
	case s == nil:
		return "none: any bytes pass"
	case s.Compiled:
		return s.Name + ", compiled; invalid: " + s.Invalid
	}
	return fmt.Sprintf("%s, not compiled, at some three times the cost: %s; invalid: %s", s.Name, s.Because, s.Invalid)
}

// words names the kind if there are several, or one was found.
func (p *KindPolicy) words(named bool) string {
	of := ""
	if named {
		of = "kind " + p.Kind + ": "
	}
	return fmt.Sprintf("%sslow %s, on_gap %s, deliver %s, rate %s, alert %s, history %s", of, p.Slow, p.OnGap, p.Deliver,
		none(p.Rate), none(p.Alert), none(p.History))
}

func none(word string) string {
	if word == "-" {
		return "none"
	}
	return word
}

func (n *NATS) words() string {
	switch {
	case n.Publish && n.Subscribe:
		return "publish and subscribe"
	case !n.Publish && !n.Subscribe:
		return "no: " + n.SubscribeError
	case n.Publish:
		return "publish; subscribe: no: " + n.SubscribeError
	}
	return "subscribe; publish: no: " + n.PublishError
}

func (a *Access) words() string {
	switch {
	case !a.May:
		return fmt.Sprintf("%s; %s: no: %s", a.Users, a.User, a.Error)
	case a.User == "any":
		return a.Users
	}
	return fmt.Sprintf("%s; %s: yes", a.Users, a.User)
}

func (f *PayloadFate) print(line func(name, format string, args ...any)) {
	verdict := "refused"
	switch {
	case f.Accepted && f.Error != "":
		verdict = "accepted, since the route says invalid: log"
	case f.Accepted:
		verdict = "accepted"
	}
	line("payload", "%d bytes: %s", f.Bytes, verdict)
	if f.Error != "" && f.Accepted {
		line("told", "%s gets: %s", policy.RejectsChannel, f.Error)
	} else if f.Error != "" {
		line("error", "%s", f.Error)
	}
	if f.Kept != "" {
		line("kept", "in the stream %s at Redis, as a dead letter", f.Kept)
	}
	line("sent", "%s", f.Sent)
	line("listeners", "%s", f.Listeners)
	line("from Redis", "published without a relay: %s", f.FromRedis)
}
