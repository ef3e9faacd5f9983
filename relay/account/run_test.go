package account

// One run: two relays, their publishers and listeners, and the reckoning.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"redis-relay/relay/redistest"
)

const (
	publishers   = 10
	overNATS     = 2          // of them
	closer       = publishers // sends the last messages
	relays       = 2
	closingTime  = time.Minute     // for the last messages to be heard
	closingRound = 2 * time.Second // at first: on a busy machine they take longer
)

// plan is what a run is made of.
type plan struct {
	seed     uint64
	messages int
	duration time.Duration
	fault    time.Duration // how long a fault lasts, about
	faults   []string      // nil: all
	calm     bool          // listeners only stall, and only those that may miss messages for it
}

// run is one test of a relay binary.
type run struct {
	// Fixed after construction.
	t         testing.TB
	plan      plan
	redis     *redistest.Server
	ledger    *Ledger
	relays    []*relay
	listeners []*listener
	crowds    []*crowd

	faultsDone atomic.Bool

	mu     sync.Mutex
	faults Faults // guarded by mu
}

// report notes a breach of the promise that belongs to no listener.
func (r *run) report(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.Add(format, args...)
}

// execute runs a plan against a program and returns what was wrong.
func execute(t testing.TB, program string, p plan) Faults {
	t.Helper()
	if !redistest.Shards(t) {
		withoutShards()
	}
	r := &run{t: t, plan: p, ledger: NewLedger(publishers+1, len(channels))}
	r.redis = redistest.Start(t, redistest.WithAppendOnly(),
		redistest.WithACL("app on >secret ~* &* +@all"),
		// Written at once, but not synced: SIGKILL takes nothing of it.
		redistest.WithArgs("--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"))
	for range relays {
		relay := newRelay(t, program, r.redis, func() redistest.Observer {
			return &witness{ledger: r.ledger, report: r.report}
		})
		if err := relay.start(); err != nil {
			t.Fatal(err)
		}
		r.relays = append(r.relays, relay)
	}
	for _, relay := range r.relays {
		redistest.Eventually(t, redistest.DefaultTimeout, "a relay is ready", relay.ready)
	}
	stop := r.listen()
	defer stop()
	r.publish()
	r.close()
	stop()
	return r.reckon()
}

// listen starts the listeners and waits until they listen; the function it returns
// ends them.
func (r *run) listen() (stop func()) {
	var wg sync.WaitGroup
	for n, relay := range r.relays {
		for i := range parts {
			name := fmt.Sprintf("%s %d at relay %d", parts[i].class, i, n)
			c := &crowd{part: &parts[i], relay: relay, last: map[int]int{}}
			r.crowds = append(r.crowds, c)
			var ears []*Ear
			for k, proto := range c.part.protos {
				l := r.newListener(c, (proto+n)%2+2, fmt.Sprintf("%s, listener %d", name, k))
				ears = append(ears, l.ear)
				wg.Go(l.listen)
			}
			c.accounts = c.part.accounts(name, ears)
		}
	}
	for _, l := range r.listeners {
		redistest.Eventually(r.t, redistest.DefaultTimeout, l.ear.Name+" listens", l.there.Load)
	}
	return sync.OnceFunc(func() {
		for _, l := range r.listeners {
			l.stop()
		}
		wg.Wait()
	})
}

// accounts are those of the listeners of a part: for each agreement one of all, or of
// each listener.
func (p *part) accounts(name string, ears []*Ear) (list []*Account) {
	for _, agreed := range p.agreements() {
		class := p.class
		if agreed.Kinds != 0 {
			class += ": " + agreed.Kinds.String()
		}
		if agreed.Shared {
			list = append(list, &Account{name, class, ears, agreed})
			continue
		}
		for _, e := range ears {
			list = append(list, &Account{e.Name, class, []*Ear{e}, agreed})
		}
	}
	return list
}

func (r *run) newListener(c *crowd, proto int, name string) *listener {
	l := &listener{
		crowd: c, run: r, proto: proto, orders: make(chan order, 1),
		ear: NewEar(name, publishers+1, len(channels)), positions: map[string]string{},
	}
	if c.part.command == reading {
		for _, name := range c.part.names {
			l.positions[name] = "0"
			l.ear.Ask(indexOf[name], 0, 0)
			l.ear.Join(indexOf[name], 0)
		}
	}
	r.listeners = append(r.listeners, l)
	return l
}

// publish has everything happen.
func (r *run) publish() {
	var wg sync.WaitGroup
	source := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(r.plan.seed, n)) }
	for i := range publishers {
		p := &publisher{
			run: r, number: i, relay: r.relays[i%relays], random: source(uint64(i)), overNATS: i >= publishers-overNATS,
		}
		wg.Go(p.publish)
	}
	wg.Go(func() { r.mischief(source(100)) })
	r.trouble(source(101))
	wg.Wait()
}

// close sends a last message on each channel until all have heard it: then nothing
// is on its way any more.
func (r *run) close() {
	for _, relay := range r.relays {
		redistest.Eventually(r.t, closingTime, "a relay is ready again", relay.ready)
	}
	deadline := time.Now().Add(closingTime)
	for round := closingRound; time.Now().Before(deadline); {
		closing, ok := r.closingRound()
		for began := time.Now(); ok && time.Since(began) < round; time.Sleep(10 * time.Millisecond) {
			if len(r.unfinished(closing)) == 0 {
				r.drain()
				return
			}
		}
		if ok {
			round *= 2
		}
		if time.Now().After(deadline) {
			for _, text := range r.unfinished(closing) {
				r.report("not heard at the end: %s", text)
			}
		}
	}
}

// drain waits until the listeners have read what was sent to them: of several that
// share messages the last one came to one only. A PING that finds a full queue would
// have the listener disconnected, so it comes when nothing waits for one that sleeps.
func (r *run) drain() {
	for _, relay := range r.relays {
		for began := time.Now(); relay.queues(); time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > closingTime {
				r.report("something still waits for the listeners of %s", relay.socket())
				break
			}
		}
	}
	for _, l := range r.listeners {
		if l.part.command == reading {
			continue
		}
		for tries := 0; !l.drained.Load(); tries++ {
			if tries == 30 {
				r.report("%s: no answer to a PING", l.ear.Name)
				break
			}
			l.drain()
			for began := time.Now(); !l.drained.Load() && time.Since(began) < time.Second; {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// closingRound sends a message on each channel, of the kind that all hear, and returns
// their numbers.
func (r *run) closingRound() (numbers []int, ok bool) {
	p := &publisher{run: r, number: closer, relay: r.relays[0]}
	c, err := redistest.Open("unix", p.relay.socket())
	if err != nil {
		return nil, false
	}
	defer c.Close()
	ok = true
	for i, channel := range channels {
		now := time.Now().UnixNano()
		id := r.ledger.SendKind(closer, i, now, KindMessage)
		numbers = append(numbers, id.Number)
		verb := "PUBLISH"
		if channel.shard {
			verb = "SPUBLISH"
		}
		v, err := c.TryDo(verb, channel.name, string(AppendPayload(nil, id, now, 10)))
		if err != nil {
			return nil, false
		}
		p.note(&id, v)
		ok = ok && v.Type == ':'
	}
	return numbers, ok
}

// unfinished names the accounts that miss closing messages.
func (r *run) unfinished(closing []int) (list []string) {
	for _, c := range r.crowds {
		if missing := c.missing(closing); len(missing) > 0 {
			list = append(list, fmt.Sprint(c.accounts[0].Name, ": ", missing))
		}
	}
	return list
}

// reckon prints the account and returns what is wrong with it.
func (r *run) reckon() Faults {
	counted := r.counters()
	for _, l := range r.listeners {
		r.faults.Join("heard", r.ledger.AuditEar(l.ear))
	}
	readStreams(r.redis, r.ledger, channels, r.report)
	totals, wrong := r.ledger.AuditReplies(isKept)
	wrong.Join("the run", r.faults)
	r.t.Logf("published: %d sent, %d acknowledged, %d refused by Redis, %d withheld by a relay, %d not known; "+
		"%d reached Redis", totals.Sent, totals.Fates[Acknowledged], totals.Fates[Refused], totals.Fates[Withheld],
		totals.Fates[Unknown], totals.Reached)

	classes, order := map[string]*Tally{}, []string{}
	missed := map[counter]Range{}
	for _, c := range r.crowds {
		for _, a := range c.accounts {
			t := r.ledger.Audit(a)
			wrong.Join(a.Name, t.Faults)
			if classes[a.Class] == nil {
				classes[a.Class] = &Tally{}
				order = append(order, a.Class)
			}
			classes[a.Class].Add(t)
			k := counter{process: c.relay.pid}
			if a.Rated { // counted once for all who miss it
				k.route, k.listeners = c.part.names[0][:len("r:")], a.Name
			}
			d := t.Drops[c.relay.pid] // of its lives before nobody can tell
			missed[k] = Range{missed[k].Least + d.Least, missed[k].Most + d.Most}
		}
	}
	r.t.Log(table(classes, order))
	for k, d := range missed {
		n := counted[counter{process: k.process, route: k.route}]
		r.t.Logf("%v: %d; missed that way from %d to %d", k, n, d.Least, d.Most)
		if n < d.Least || r.plan.calm && n != d.Least { // else some were for connections that ended
			wrong.Add("%v: %d, and missed were %d", k, n, d.Least)
		}
	}
	return wrong
}

// counter is what a relay counts of messages that listeners do not get: those who are
// slow, or all listeners of those over a route's rate.
type counter struct {
	process   int
	route     string // empty: the slow ones
	listeners string // empty: all
}

func (c counter) String() string {
	if c.route == "" {
		return fmt.Sprintf("relay %d counted as dropped", c.process)
	}
	return fmt.Sprintf("relay %d counted as over the rate of %s, for %s", c.process, c.route, c.listeners)
}

// counters ends the relays, and returns what each has counted.
func (r *run) counters() map[counter]int {
	counted := map[counter]int{}
	for _, relay := range r.relays {
		dropped, err := relay.metric(`drops_total{reason="dropped"}`)
		replaced, err2 := relay.metric(`drops_total{reason="latest"}`)
		counted[counter{process: relay.pid}] = dropped + replaced
		for _, route := range ratedRoutes {
			rejected, err3 := relay.metric(fmt.Sprintf(`rejects_total{code="RATELIMIT",direction="inbound",route=%q}`, route))
			err = errors.Join(err, err3)
			counted[counter{process: relay.pid, route: route}] = rejected
		}
		slow, err3 := relay.metric(`nats_disconnects_total{reason="slow"}`)
		gaps, err4 := relay.metric(`nats_disconnects_total{reason="gap"}`)
		late, err5 := relay.metric(`nats_drops_total`)
		r.t.Logf("relay %d disconnected %d slow NATS clients, and %d for gaps; its NATS server dropped %d messages", relay.pid, slow, gaps, late)
		if err := errors.Join(err, err2, err3, err4, err5, relay.stop()); err != nil {
			r.report("end a relay: %v", err)
		}
	}
	return counted
}

func table(classes map[string]*Tally, order []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(w, "\nlisteners\tsent\tdelivered\tgap told\tdisconnected\tdrop counted\tSILENT\t(away)\t\n")
	for _, class := range order {
		t := classes[class]
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			class, t.Due, t.Delivered, t.Gap, t.Cut, t.Dropped, t.Silent, t.Away)
	}
	_ = w.Flush()
	return b.String()
}
