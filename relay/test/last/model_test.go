package last

// Random commands, each answered before the next, compared with what clients must get.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// seedVariable may hold the seed to begin with; roundsVariable how many are played.
const (
	seedVariable   = "LAST_SEED"
	roundsVariable = "LAST_ROUNDS"
)

// TestModel plays random commands. A failure prints the seed: run it again with LAST_SEED.
func TestModel(t *testing.T) {
	t.Parallel()
	first := harness.NumberOf(seedVariable, int(time.Now().UnixNano()%1_000_000))
	for seed := first; seed < first+harness.NumberOf(roundsVariable, 3); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			play(t, uint64(seed))
		})
	}
}

const (
	valid   = `{"type":"typing","userId":"ann","roomId":"%d"}`
	invalid = `{"type":"typing","userId":7,"roomId":"%d"}`
)

// channels of the game: two live, two with history, and one of a route without last.
var channels = []string{"live:1", "live:2", "kept:1", "kept:2", "none:1"}

// player is one client.
type player struct {
	*redistest.Client
	resp3 bool
	names []string
}

// game is the clients, and what must be known.
type game struct {
	*rand.Rand
	t       *testing.T
	relay   *harness.Relay
	redis   *redistest.Server
	pub     *redistest.Client
	players []*player
	newest  map[string]string // of live channels, while somebody listens; of the others, what is in history
	count   int
	log     []string
}

func play(t *testing.T, seed uint64) {
	g := &game{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, redis: redistest.Start(t), newest: map[string]string{}}
	routes := []config.Route{live("live:"), kept("kept:"), harness.NewRoute("none:", func(*config.Route) {})}
	for i := range routes {
		routes[i].Schema, routes[i].Policy.OnGap = "chat.json", config.OnGapNotify
	}
	g.relay = harness.Start(t, g.redis, harness.WithRoutes(routes...))
	g.pub = g.relay.Dial()
	for i := range 4 {
		p := &player{Client: g.relay.Dial(), resp3: i%2 == 1}
		if p.resp3 {
			p.Hello3()
		}
		g.players = append(g.players, p)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(g.log, "\n"))
		}
	})
	for range 300 {
		g.step()
	}
}

func (g *game) note(format string, args ...any) { g.log = append(g.log, fmt.Sprintf(format, args...)) }

func (g *game) step() {
	p := g.players[g.IntN(len(g.players))]
	switch n := g.IntN(40); {
	case n < 12:
		g.subscribe(p)
	case n < 20:
		g.unsubscribe(p)
	case n < 22:
		g.reset(p)
	case n < 23:
		g.cutOff()
	default:
		g.publish(channels[g.IntN(len(channels))])
	}
	for _, p := range g.players {
		nothing(g.t, p.Client)
	}
}

// some returns a few channels, perhaps one of them twice.
func (g *game) some() (list []string) {
	for range 1 + g.IntN(3) {
		list = append(list, channels[g.IntN(len(channels))])
	}
	return list
}

// push is a frame as the player gets it.
func (p *player) push(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if p.resp3 {
		return ">" + text
	}
	return text
}

func (g *game) subscribe(p *player) {
	list, want, first := g.some(), []string{}, []string{}
	g.note("%p SUBSCRIBE %q", p, list)
	for _, name := range list {
		if !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
			if v := g.newest[name]; v != "" && !strings.HasPrefix(name, "none:") {
				first = append(first, p.push("[message %s %s]", name, v))
			}
		}
		want = append(want, p.push("[subscribe %s %d]", name, len(p.names)))
	}
	p.Send(append([]string{"SUBSCRIBE"}, list...)...)
	p.Expect(g.t, append(want, first...)...)
}

func (g *game) unsubscribe(p *player) {
	list, want := g.some(), []string{}
	g.note("%p UNSUBSCRIBE %q", p, list)
	for _, name := range list {
		p.names = slices.DeleteFunc(p.names, func(n string) bool { return n == name })
		want = append(want, p.push("[unsubscribe %s %d]", name, len(p.names)))
	}
	p.Send(append([]string{"UNSUBSCRIBE"}, list...)...)
	p.Expect(g.t, want...)
	g.forgetUnheard()
}

func (g *game) reset(p *player) {
	g.note("%p RESET", p)
	p.Send("RESET")
	p.Expect(g.t, "+RESET")
	p.names = nil
	if p.resp3 {
		p.Hello3()
	}
	g.forgetUnheard()
}

// listens reports whether anybody does.
func (g *game) listens(name string) bool {
	return slices.ContainsFunc(g.players, func(p *player) bool { return slices.Contains(p.names, name) })
}

func (g *game) forgetUnheard() {
	for name := range g.newest {
		if strings.HasPrefix(name, "live:") && !g.listens(name) {
			delete(g.newest, name)
		}
	}
}

// cutOff ends the connection to Redis: live channels are not known any more.
func (g *game) cutOff() {
	g.note("the connection is lost")
	g.relay.CutOff(g.redis, "default")
	for name := range g.newest {
		if strings.HasPrefix(name, "live:") {
			delete(g.newest, name)
		}
	}
}

// publish publishes one message, through the relay or not, by a client or by hand, which the relay refuses or not.
func (g *game) publish(channel string) {
	g.count++
	payload, ok := fmt.Sprintf(valid, g.count), true
	history := strings.HasPrefix(channel, "kept:")
	switch n := g.IntN(10); {
	case n < 2 && !history:
		g.note("Redis gets %s on %s", payload, channel)
		g.redis.MustDo("PUBLISH", channel, payload)
	case n < 4 && !history:
		payload, ok = fmt.Sprintf(invalid, g.count), false
		g.note("Redis gets %s on %s", payload, channel)
		g.redis.MustDo("PUBLISH", channel, payload)
	case n < 4 && !g.listens(channel):
		g.note("Redis gets the entry %s on %s", payload, channel)
		g.redis.MustDo("XADD", "history:{"+channel+"}", "*", "payload", payload)
	case n < 6:
		g.note("refused: %s on %s", fmt.Sprintf(invalid, g.count), channel)
		if v := g.pub.Do("PUBLISH", channel, fmt.Sprintf(invalid, g.count)); v.Err() == nil {
			g.t.Fatal(v)
		}
		return
	default:
		g.note("published: %s on %s", payload, channel)
		if v := g.pub.Do("PUBLISH", channel, payload); v.Err() != nil {
			g.t.Fatal(v)
		}
	}
	if !ok {
		return
	}
	for _, p := range g.players {
		if slices.Contains(p.names, channel) {
			p.Expect(g.t, p.push("[message %s %s]", channel, payload))
		}
	}
	if history || g.listens(channel) {
		g.newest[channel] = payload
	}
}
