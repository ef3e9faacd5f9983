package account

// The test of the test: a relay with one line sabotaged must not pass.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutant is a sabotage of the relay.
type mutant struct {
	name     string
	file     string // from the root of the module
	old, new string // the text that is replaced, which must be there once
	faults   []string
	calm     bool // see plan
	quick    bool // belongs to the short form
}

var mutants = []mutant{
	{
		name: "a drop is not counted", file: "relay/hub/dispatcher.go",
		old:   "case r.mode&ModeDrop != 0:\n\t\t\td.missRun(l)\n",
		new:   "case r.mode&ModeDrop != 0:\n",
		quick: true,
	},
	{
		name: "a message over the rate is not counted", file: "relay/inbound.go",
		old: "in.teller.Reject(monitor.Inbound, rt, counters, v.Refusal, notice.Read(d.Payload))",
		new: "",
	},
	{
		name: "a publish is acknowledged without an answer", file: "relay/upstream/session.go",
		old:    `fmt.Errorf("%w (%w)", ErrUnknown, plain(cause))`,
		new:    "nil",
		faults: []string{"redis killed", "clients killed"},
	},
	{
		name: "what was sent is said not to be", file: "relay/upstream/session.go",
		old:    `fmt.Errorf("%w (%w)", ErrUnknown, plain(cause))`,
		new:    "ErrDown",
		faults: []string{"redis killed", "half-open and cut"},
	},
	{
		name: "a gap is not told", file: "relay/lifecycle.go",
		old:    "if since := outage.Since; !since.IsZero() {",
		new:    "if since := outage.Since; !since.IsZero() && outage.Took > time.Hour {",
		faults: []string{"redis killed", "cut"},
	},
	{
		name: "a gap begins too late", file: "relay/upstream/outage.go",
		old:    "told = Outage{time.Since(o.lostAt), o.since, time.Now()}",
		new:    "told = Outage{time.Since(o.lostAt), o.lostAt, time.Now()}",
		faults: []string{"delayed and cut"},
	},
	{
		name: "listeners are not disconnected after a loss", file: "relay/lifecycle.go",
		old:    "return now.OnGap(kind, name) == route.GapDisconnect\n",
		new:    "return now == nil && now.OnGap(kind, name) == route.GapDisconnect\n",
		faults: []string{"cut"},
	},
	{
		name: "a slow listener is not disconnected", file: "relay/hub/dispatcher.go",
		old: "l.disconnect(why)\n\t\t}",
		new: "}",
	},
	{
		name: "some messages are queued twice", file: "relay/hub/dispatcher.go",
		old: "switch why := l.out.tryAppend(frames); {",
		new: "if len(frames)%97 == 0 {\n\t\t\tl.out.tryAppend(frames)\n\t\t}\n\t\tswitch why := l.out.tryAppend(frames); {",
	},
	{
		name: "some messages overtake others", file: "relay/hub/output.go",
		old: "add(b []byte) { o.ready = join(o.ready, b) }",
		new: "add(b []byte) {\n\tif len(o.ready) == 3 {\n\t\to.ready = append([][]byte{b}, o.ready...)\n\t\treturn\n\t}\n\to.ready = join(o.ready, b)\n}",
	},
	{
		name: "memory of pushes is used again too early", file: "relay/hub/run.go",
		old:  "if r.chunkKept = r.chunkKept || !reusable; !r.chunkKept {",
		new:  "if reusable {",
		calm: true, // with many who are slow, something is always kept
	},
	{
		name: "a channel with history is not healed", file: "relay/history/outage.go",
		old:    "c.state = behind\n\t\t}\n\t\tf.holding.discard(c)",
		new:    "}\n\t\tf.holding.discard(c)",
		faults: []string{"cut", "redis killed"},
	},
	{
		name: "a kind has the policy of its route", file: "relay/inbound.go",
		old:    "rt.PolicyOf(v.Kind)",
		new:    "&rt.Policy",
		faults: []string{"cut"},
	},
	{
		name: "of what the latest of a kind takes the place of one is counted", file: "relay/hub/dispatcher.go",
		old:  "Missed{uint64(dropped), uint64(replaced)}",
		new:  "Missed{uint64(dropped), min(uint64(replaced), 1)}",
		calm: true,
	},
	{
		name: "a message that no listener has room for is not counted", file: "relay/hub/dispatcher.go",
		old:  "if l := t.nextAny(); l != nil {\n\t\td.missRun(l)\n",
		new:  "if l := t.nextAny(); l != nil {\n",
		calm: true,
	},
	{
		name: "some messages are not given to NATS clients", file: "relay/natsbridge/api.go",
		old: "if !t.hasListeners || !t.first(b.targets.seed, d) {",
		new: "if !t.hasListeners || !t.first(b.targets.seed, d) || len(d.Payload)%97 == 0 {",
	},
	{
		name: "a gap is not told to NATS clients", file: "relay/outlets.go",
		old:    "o.teller.Add(out, scope)",
		new:    "",
		faults: []string{"cut"},
	},
	{
		name: "NATS clients are not disconnected after a loss", file: "relay/lifecycle.go",
		old:    "\tl.outlets.disconnectForGap(now, 1<<l.index)\n\tl.feed.Lost()\n",
		new:    "\tl.feed.Lost()\n",
		faults: []string{"cut"},
	},
}

// TestMutantsAreUpToDate: what they replace is there, also of those that only the long
// form runs.
func TestMutantsAreUpToDate(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) { m.overlay(t) })
	}
}

// TestMutantsAreCaught, in one run or another: not in each does the machine happen to
// make listeners slow enough for what is sabotaged to be used.
func TestMutantsAreCaught(t *testing.T) {
	const attempts = 3
	seed := seed(t)
	for _, m := range mutants {
		if !m.quick && !isLong() {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			program := build(t, t.TempDir(), m.overlay(t))
			if m.faults == nil {
				m.faults = []string{}
			}
			for attempt := range uint64(attempts) {
				wrong := execute(t, program, plan{
					seed: seed + attempt, messages: 50_000, duration: 5 * time.Second, fault: 400 * time.Millisecond,
					faults: m.faults, calm: m.calm,
				})
				if wrong.Count > 0 {
					t.Logf("%d faults, the first: %s", wrong.Count, wrong.First[0])
					return
				}
			}
			t.Fatal("the account has not noticed")
		})
	}
}

// overlay makes a file for go build that replaces one of the program's by the
// sabotaged one, and returns its path.
func (m *mutant) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join("..", "..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has %d times, not once:\n%s\nBring the mutant up to date with what the relay has there now.",
			m.file, n, m.old)
	}
	replacement, list := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replacement, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}
