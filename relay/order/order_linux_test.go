package order_test

// The tests: many scripts, on redis-server and on the relay, with the first failure made short.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// Variables that repeat a failure, or try for longer.
const (
	seedVariable   = "RELAY_ORDER_SEED"
	roundsVariable = "RELAY_ORDER_ROUNDS"
)

const (
	shrinkTime  = 20 * time.Second // for all of a shrinking
	shrinkTries = 30               // plays until a script is taken for one that passes
	enough      = 20               // failures after which a test gives up counting
)

// TestModelIsRedis plays on redis-server, each step awaited: the model must be right.
func TestModelIsRedis(t *testing.T) {
	servers := map[string][]redistest.Option{"reference": {redistest.Reference()}}
	if os.Getenv(redistest.ServerVariable) != "" {
		servers["the one named"] = nil
	}
	for name, option := range servers {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t, option...)
			s := &stage{socket: redis.Socket(), settle: settleRedis(t, redis)}
			everyVocabulary(t, 500, func(t *testing.T, v vocabulary, rounds int) {
				newCampaign(t, s, v, redis.Shards()).run(rounds)
			})
		})
	}
}

// TestModelIsRelay plays on the relay, each command awaited: what the relay does on purpose is in the model.
func TestModelIsRelay(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis)
	s := &stage{socket: r.Socket, relay: true, settle: settleRelay(r)}
	everyVocabulary(t, 200, func(t *testing.T, v vocabulary, rounds int) {
		c := newCampaign(t, s, v, redis.Shards())
		c.apart = true
		c.run(rounds)
	})
}

// TestOrderOfArrival plays on the relay, nothing awaited.
func TestOrderOfArrival(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis)
	s := &stage{socket: r.Socket, relay: true}
	everyVocabulary(t, 1500, func(t *testing.T, v vocabulary, rounds int) {
		newCampaign(t, s, v, redis.Shards()).run(rounds)
	})
	if r.Stderr.Contains("entries did not come") {
		t.Error("the relay saw a loss, and nothing was lost")
	}
}

// TestSubscribedAgain leaves a channel with history and comes back by a pattern and by XREAD, before Redis has
// answered. What was published in between is owed to nobody.
func TestSubscribedAgain(t *testing.T) {
	r := startRelay(t, redistest.Start(t))
	s := &stage{socket: r.Socket, relay: true, history: true}
	for range 100 {
		list, err := s.play(script{
			{"c1", []command{{"SUBSCRIBE", "hist:b"}}},
			{"c2", []command{{"XADD", "hist:b", "*", "payload", "m1"}}},
			{"c1", []command{{"RESET"}, {"PUBLISH", "hist:b", "m2"}}},
			{"c3", []command{
				{"HELLO", "3"}, {"PSUBSCRIBE", "hist:*"}, {"XREAD", "COUNT", "1", "BLOCK", "20000", "STREAMS", "hist:b", "$"},
			}},
			{"c2", []command{{"PUBLISH", "hist:b", "m3"}}},
		})
		if err != nil || len(list) > 0 {
			t.Fatalf("%v %v", list, err)
		}
	}
}

// TestOrderOfArrivalAtRedis plays on a redis-server that is told what came first, nothing awaited. It shows
// that the scripts ask for nothing that no server can know.
func TestOrderOfArrivalAtRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.Reference())
	f := startForwarder(t, redis)
	s := &stage{socket: f.socket, over: f.readOver}
	everyVocabulary(t, 200, func(t *testing.T, v vocabulary, rounds int) {
		newCampaign(t, s, v, redis.Shards()).run(rounds)
	})
}

// everyVocabulary runs a test for each, with the rounds that the environment says.
func everyVocabulary(t *testing.T, rounds int, test func(*testing.T, vocabulary, int)) {
	t.Helper()
	for _, v := range vocabularies {
		t.Run(v.name, func(t *testing.T) { test(t, v, int(fromEnvironment(t, roundsVariable, uint64(rounds)))) })
	}
}

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := cmp.Or(os.Getenv(name), strconv.FormatUint(otherwise, 10))
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// settleRedis waits for two answers: the first may come from the round of the event loop that also read
// the step, the second cannot.
func settleRedis(t *testing.T, redis *redistest.Server) func(*performance, *peer, *model) error {
	control := redistest.Dial(t, "unix", redis.Socket())
	return func(_ *performance, actor *peer, _ *model) error {
		if err := actor.clear(1<<30, spin); err != nil {
			return err
		}
		for range 2 {
			if _, err := control.TryDo("PING"); err != nil {
				return err
			}
		}
		return nil
	}
}

// settleRelay waits for all that is to come, and for the readers that get nothing yet.
func settleRelay(r *relay) func(*performance, *peer, *model) error {
	return func(p *performance, _ *peer, m *model) error {
		for who, c := range m.clients {
			q := p.peers[who]
			came := func() bool {
				return q.replies >= c.replies() && (c.partly || len(q.frames) >= len(c.frames))
			}
			if err := q.await("what "+who+" is to receive", came); err != nil {
				return err
			}
		}
		for end := time.Now().Add(patience); m.waiting() > 0 && r.readers() != m.waiting(); {
			if time.Now().After(end) {
				return fmt.Errorf("%d connections wait in XREAD, want %d", r.readers(), m.waiting())
			}
		}
		return nil
	}
}

// campaign plays many scripts on one stage.
type campaign struct {
	*stage
	t      *testing.T
	seed   uint64
	voc    vocabulary
	shards bool
	apart  bool // one command in each step
}

func newCampaign(t *testing.T, s *stage, v vocabulary, shards bool) *campaign {
	t.Helper()
	seed := fromEnvironment(t, seedVariable, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d", seedVariable, seed)
	s.history = v.history
	return &campaign{stage: s, t: t, seed: seed, voc: v, shards: shards}
}

// run plays scripts of consecutive seeds. It shows the first failure, made as short as it can be.
func (c *campaign) run(rounds int) {
	c.t.Helper()
	var first *failure
	failed, played := 0, 0
	for i := uint64(0); i < uint64(rounds) && failed < enough; i++ {
		sc := generate(c.seed+i, c.voc, c.relay, c.shards)
		if c.apart {
			sc = sc.apart()
		}
		played++
		if f := c.fails(sc); f != nil {
			failed++
			if f.seed = c.seed + i; first == nil {
				first = f
			}
		}
	}
	if first == nil {
		return
	}
	c.t.Errorf("%d of %d scripts failed; %s=%d %s=1 plays the first again.\n%s",
		failed, played, seedVariable, first.seed, roundsVariable, c.shortened(first))
}

// failure is a script that did not go as the model says.
type failure struct {
	seed   uint64
	script script
	list   []difference
	err    error
}

// fails plays a script once.
func (c *campaign) fails(sc script) *failure {
	list, err := c.play(sc)
	if errors.Is(err, errImpossible) || len(list) == 0 && err == nil {
		return nil
	}
	return &failure{script: sc, list: list, err: err}
}

// shortened is the failure with the fewest commands that could be had in time. Whether a script fails may be
// a matter of chance, so each is tried several times.
func (c *campaign) shortened(f *failure) *failure {
	end := time.Now().Add(shrinkTime)
	shrink(f.script, func(sc script) bool {
		for range shrinkTries {
			if time.Now().After(end) {
				return false
			}
			if g := c.fails(sc); g != nil {
				f = g
				return true
			}
		}
		return false
	})
	return f
}

func (f *failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The commands of a line leave in one write; lines follow each other without waiting:\n%s", f.script)
	if f.err != nil {
		fmt.Fprintf(&b, "  error: %v\n", f.err)
	}
	for _, d := range f.list {
		fmt.Fprintf(&b, "%s, %s:\n", d.who, d.view)
		d.write(&b)
	}
	return b.String()
}

// write shows what was expected and received side by side, and marks where they differ.
func (d difference) write(b *strings.Builder) {
	at := func(frames []frame, i int) string {
		if i < len(frames) {
			return frames[i].String()
		}
		return "-"
	}
	width := len("expected")
	for _, f := range d.want {
		width = max(width, len(f.String()))
	}
	fmt.Fprintf(b, "    %-*s  %s\n", width, "expected", "received")
	for i := range max(len(d.want), len(d.got)) {
		mark := " "
		if at(d.want, i) != at(d.got, i) {
			mark = "*"
		}
		fmt.Fprintf(b, "  %s %-*s  %s\n", mark, width, at(d.want, i), at(d.got, i))
	}
}
