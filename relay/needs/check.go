package needs

// Check: what a Redis has of what a configuration needs.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/upstream"
)

// Wait is how long connecting, and each answer of Redis, may take in Check.
const Wait = 5 * time.Second

// Report is what Check found.
type Report struct {
	Facts    []Fact
	Problems []Problem
	Rules    []string // that the ACL needs in addition
	User     string   // of Redis, who lacks them
	RunID    string   // of the server: others have others; empty: not known
}

// Fact is one line about Redis.
type Fact struct{ Name, Text string }

// Problem is something that does not work.
type Problem struct {
	Fails bool   // the configuration asks for it
	What  string // is missing or set so: "+xadd", "&chat:*", "maxmemory-policy"
	Text  string // what follows, and what to do
}

// Fails reports whether something that the configuration asks for cannot work.
func (r *Report) Fails() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Fails })
}

// Check asks the Redis of opts about all that c needs, and about its settings. user is the one in opts, for the case
// that Redis does not tell. largest is limits.payload in bytes. An error says why Redis cannot be asked, and what to
// do. Nothing on Redis is changed; refused commands are in its ACL LOG.
func Check(ctx context.Context, opts upstream.Options, user string, c *Config, largest int64) (*Report, error) {
	redis, err := opts.Inquire(ctx, Wait)
	if err != nil {
		return nil, err
	}
	defer redis.Close()
	defer context.AfterFunc(ctx, redis.Close)()
	s, err := readServer(redis)
	if err != nil {
		return nil, err
	}
	a, err := newAsker(redis, cmp.Or(user, "default"), c)
	if err != nil {
		return nil, err
	}
	r := &Report{User: a.user, RunID: s.info["run_id"]}
	r.fact("user", a.user)
	r.fact("rights", "asked by "+a.way())
	s.report(r, c, largest)
	return r, r.ask(a, c, s.major())
}

func (r *Report) fact(name, text string) { r.Facts = append(r.Facts, Fact{name, text}) }

func (r *Report) warn(what, text string) { r.Problems = append(r.Problems, Problem{false, what, text}) }

func (r *Report) fail(what, text string) { r.Problems = append(r.Problems, Problem{true, what, text}) }

// ask asks for each demand. Problems with one cause become one.
func (r *Report) ask(a *asker, c *Config, major int) error {
	lacks := &lacking{allowed: map[string]bool{}}
	for _, d := range Demands(c) {
		if d.Shard && major > 0 && major < 7 {
			continue // Redis has no shard channels, which is told
		}
		refused, err := a.refusal(&d)
		if err != nil {
			return err
		}
		lacks.note(&d, refused)
	}
	r.Problems = append(r.Problems, lacks.problems()...)
	r.Rules = lacks.rules()
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return cmp.Compare(weight(b), weight(a)) })
	return nil
}

func weight(p Problem) int {
	if p.Fails {
		return 1
	}
	return 0
}

// lacking gathers what is refused.
type lacking struct {
	allowed map[string]bool // rules for channels and keys that the user is known to have
	list    []lack
}

// lack is one refused demand.
type lack struct {
	Demand
	command bool   // the command is refused; else its channel or key
	unknown string // why Redis carries out the command for nobody; empty: it does for others
}

func (l *lacking) note(d *Demand, refused error) {
	if refused == nil {
		l.allowed[d.Rule] = true
		return
	}
	if d.Right == acrossSlots && !upstream.SplitsKeys(refused) {
		return // that is told of EVAL
	}
	k := lack{Demand: *d}
	if missing := upstream.MissingRule(refused, d.Rule); missing == "" || isUnknown(refused) {
		k.unknown = cause(refused)
	} else {
		k.command = strings.HasPrefix(missing, "+")
	}
	l.list = append(l.list, k)
}

// what names what is missing: "+xadd", "&chat:*".
func (k *lack) what() string {
	switch {
	case k.unknown != "":
		return cmp.Or(k.Right, k.Name())
	case k.command:
		return rule(k.Name())
	}
	return k.Rule
}

// rulesOf lists the rules that a lack asks for. Redis names a missing command and not its channel or key: that is
// asked for, too, unless the user is known to have it.
func (l *lacking) rulesOf(k *lack) (list []string) {
	if k.unknown != "" {
		return nil
	}
	list = append(list, k.what())
	known := l.allowed[k.Rule] || strings.HasPrefix(k.Rule, "&") && l.allowed["&*"]
	if k.command && k.Rule != "" && !known {
		list = append(list, k.Rule)
	}
	return list
}

// rules lists what the ACL needs in addition, each once: commands, channels, keys.
func (l *lacking) rules() (list []string) {
	for i := range l.list {
		list = append(list, l.rulesOf(&l.list[i])...)
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.IndexByte("+&~", a[0]), strings.IndexByte("+&~", b[0])), cmp.Compare(a, b))
	})
	return slices.Compact(list)
}

// problems has one for each thing that is missing, with all that follows.
func (l *lacking) problems() (list []Problem) {
	at := map[string]int{}
	for i := range l.list {
		k := &l.list[i]
		n, known := at[k.what()]
		if !known {
			n = len(list)
			at[k.what()] = n
			list = append(list, Problem{What: k.what(), Text: k.Lost})
		} else if !strings.Contains(list[n].Text, k.Lost) {
			list[n].Text += "; " + k.Lost
		}
		list[n].Fails = list[n].Fails || k.Vital
	}
	for i := range l.list {
		if k := &l.list[i]; k.unknown != "" && at[k.what()] >= 0 {
			list[at[k.what()]].Text += "; " + k.unknown
			at[k.what()] = -1
		}
	}
	return list
}

// Advice returns the command that gives the user what is missing; empty: nothing is.
func (r *Report) Advice() string {
	if len(r.Rules) == 0 {
		return ""
	}
	return fmt.Sprintf("ACL SETUSER %s %s", r.User, strings.Join(r.Rules, " "))
}

// number parses a number that Redis told; 0: it is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
