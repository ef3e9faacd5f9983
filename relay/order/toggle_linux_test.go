package order_test

// Listeners of history that come and go without waiting for an answer.

import (
	"math/rand/v2"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// TestTogglesSeeNoLoss has listeners subscribe, unsubscribe and close at random while entries are added to one
// channel. Redis is never lost, so nothing may be read from the stream and given to those who came later.
func TestTogglesSeeNoLoss(t *testing.T) {
	seed := fromEnvironment(t, seedVariable, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d", seedVariable, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, names := range [][]string{{"hist:9"}, {"hist:*"}, {"hist:*", "hist:9*", "hist:9"}} {
		r := startRelay(t, redistest.Start(t))
		publisher, listeners := mustDial(t, r), []*toggler{}
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
			for range random.IntN(4) {
				mustSend(t, publisher, command{"XADD", "hist:9", "*", "payload", "x"})
			}
			publisher.read(0)
			if len(listeners) < len(names) {
				listeners = append(listeners, &toggler{mustDial(t, r), map[string]bool{}})
			}
			i := random.IntN(len(listeners))
			l := listeners[i]
			l.toggle(t, names[random.IntN(len(names))])
			for _, other := range listeners {
				other.read(0)
			}
			if random.IntN(3) == 0 {
				l.close()
				listeners = append(listeners[:i], listeners[i+1:]...)
			}
		}
		healed, there := r.Metrics()["history_healed_total"]
		if r.Stderr.Contains("entries did not come") || !there || healed != 0 {
			t.Errorf("%q: the relay saw a loss, and nothing was lost (healed %v)", names, healed)
		}
	}
}

// toggler is a listener with what it has subscribed.
type toggler struct {
	*peer
	on map[string]bool
}

func (l *toggler) toggle(t *testing.T, name string) {
	t.Helper()
	verb := "SUBSCRIBE"
	if l.on[name] {
		verb = "UNSUBSCRIBE"
	}
	if name[len(name)-1] == '*' {
		verb = "P" + verb
	}
	l.on[name] = !l.on[name]
	mustSend(t, l.peer, command{verb, name})
}

func mustDial(t *testing.T, r *relay) *peer {
	t.Helper()
	p, err := dial(r.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func mustSend(t *testing.T, p *peer, c command) {
	t.Helper()
	if err := p.send(c); err != nil {
		t.Fatal(err)
	}
}
