package names

// Tenants on one Redis, compared with the same tenants on Redises of their own.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// seedVariable may hold the seed to begin with; roundsVariable how many are played.
const (
	seedVariable   = "NAMES_SEED"
	roundsVariable = "NAMES_ROUNDS"
)

// shape is one kind of game.
type shape struct {
	name                       string
	prefixed, renamed          bool
	tenants, relays, listeners int
}

var shapes = []shape{
	{"prefixes and renames", true, true, 2, 1, 3},
	{"prefixes, two relays each", true, false, 2, 2, 2},
	{"renames alone", false, true, 1, 1, 3},
}

// TestTenantsCannotTell plays random commands of tenants who share a Redis, and the same commands on Redises of their
// own. A failure prints the seed: run it again with NAMES_SEED.
func TestTenantsCannotTell(t *testing.T) {
	const steps = 250
	first := harness.NumberOf(seedVariable, int(time.Now().UnixNano()%1_000_000))
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			t.Parallel()
			for seed := first; seed < first+harness.NumberOf(roundsVariable, 3); seed++ {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, sh, uint64(seed), steps) })
			}
		})
	}
}

// game is tenants in both worlds.
type game struct {
	*rand.Rand
	shape
	settings     []setting
	shared, own  []*side
	steps        []*steps
	said         []string
	shardsServed bool
}

func play(t *testing.T, sh shape, seed uint64, n int) {
	g := &game{Rand: rand.New(rand.NewPCG(seed, 7)), shape: sh}
	together := redistest.Start(t)
	g.shardsServed = together.Shards()
	for tenant := range sh.tenants {
		prefix := ""
		if sh.prefixed {
			prefix = secret(tenant) + "-at-redis:"
		}
		s := randomSetting(t, g.Rand, prefix, sh.renamed)
		t.Logf("tenant %d: %s", tenant, &s)
		g.settings = append(g.settings, s)
		g.steps = append(g.steps, newSteps(g.Rand, tenant, &s))
		g.shared = append(g.shared, newSide(t, together, s, sh.relays, sh.listeners))
		g.own = append(g.own, newSide(t, redistest.Start(t), s.plain(), sh.relays, sh.listeners))
	}
	for range n {
		g.step(t)
		if t.Failed() {
			t.Fatalf("the last commands:\n%s", strings.Join(g.said[max(0, len(g.said)-40):], "\n"))
		}
	}
	g.blind(t)
}

// step has one client of one tenant do something, in both worlds, and compares what all clients of all tenants get.
func (g *game) step(t *testing.T) {
	t.Helper()
	tenant := g.IntN(g.tenants)
	shared, own := g.shared[tenant], g.own[tenant]
	if g.IntN(3) == 0 {
		client, command := g.IntN(len(shared.listening)), g.steps[tenant].listens()
		if !g.shardsServed && strings.HasPrefix(command[0], "s") && command[0] != "subscribe" {
			return
		}
		g.said = append(g.said, fmt.Sprint(tenant, " listener ", client, ": ", command))
		shared.listening[client].Send(command...)
		own.listening[client].Send(command...)
		g.compare(t, tenant, client) // it was carried out
	} else {
		client, command := g.IntN(len(shared.asking)), g.steps[tenant].asks()
		if !g.shardsServed && strings.Contains(strings.ToUpper(strings.Join(command[:2], " ")), "SHARD") || !g.shardsServed && command[0] == "SPUBLISH" {
			return
		}
		g.said = append(g.said, fmt.Sprint(tenant, " relay ", client, ": ", command))
		got, want := shared.do(t, client, command), own.do(t, client, command)
		if command[len(command)-1] == "NUMPAT" && g.relays > 1 { // without prefix, announcements of others are counted
			return
		}
		if got != want {
			t.Errorf("tenant %d, %q:\n got %s\nwant %s", tenant, command, got, want)
		}
	}
	for tenant := range g.tenants {
		shared, own := g.shared[tenant], g.own[tenant]
		shared.settle(t)
		own.settle(t)
		for client := range shared.listening {
			g.compare(t, tenant, client)
		}
	}
}

// compare compares what a client got since it was asked last.
func (g *game) compare(t *testing.T, tenant, client int) {
	t.Helper()
	if got, want := g.shared[tenant].heard(t, client), g.own[tenant].heard(t, client); got != want {
		t.Errorf("tenant %d, listener %d:\n got %s\nwant %s", tenant, client, got, want)
	}
}

// blind looks for anything of one tenant in what another one got.
func (g *game) blind(t *testing.T) {
	t.Helper()
	for tenant, d := range g.shared {
		if n := d.watched(); n < 20 {
			t.Errorf("tenant %d was told %d things only", tenant, n)
		}
		got := d.all.String()
		if len(got) < 1000 {
			t.Errorf("tenant %d got %d bytes only", tenant, len(got))
		}
		if g.prefixed && strings.Contains(got, g.settings[tenant].prefix) {
			t.Errorf("tenant %d saw its own prefix", tenant)
		}
		for other := range g.tenants {
			if other != tenant && (strings.Contains(got, secret(other)) || strings.Contains(d.told(t), secret(other))) {
				t.Errorf("tenant %d saw something of tenant %d", tenant, other)
			}
		}
	}
}
