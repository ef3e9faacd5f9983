package hub

// What a new listener of a channel gets first.

import (
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// newGroup is a group of one hub, where new listeners get firsts, by channel.
func newGroup(t *testing.T, firsts map[string]First) (*Group, *redis) {
	h, r := newHub(t)
	g := NewGroup(func(resp.Kind, string) Places { return 1 }, func(int, resp.Kind, []string, time.Time) {}, h)
	g.SetFirst(func(channel string) (First, bool) {
		first, found := firsts[channel]
		return first, found
	})
	return g, r
}

// confirmed subscribes m, which reads "ok" as the confirmation.
func (m *member) confirmed(g *Group, kind resp.Kind, names ...string) {
	slot := m.reserveConfirmation()
	g.Subscribe(m.Listener, kind, names, func(error) { slot.Complete([]byte("ok")) })
}

func TestFirstIsBehindTheConfirmation(t *testing.T) {
	g, r := newGroup(t, map[string]First{"a": {Frame: frame("a", "first")}, "b": {Frame: frame("b", "first")}})
	m := newMember(t, 1<<20)
	m.confirmed(g, resp.Message, "a", "x", "b")
	r.answerAll()
	say(r.hub, "a", "later", 0)
	flush(t, r.hub)
	m.expect("ok" + string(frame("a", "first")) + string(frame("b", "first")) + string(frame("a", "later")))
	m.nothing()
}

func TestFirstIsForChannelsByTheirNames(t *testing.T) {
	g, r := newGroup(t, map[string]First{"a": {Frame: frame("a", "first")}})
	m := newMember(t, 1<<20)
	m.confirmed(g, resp.PMessage, "a")
	m.confirmed(g, resp.SMessage, "a")
	r.answerAll()
	flush(t, r.hub)
	m.expect("okok")
	m.nothing()
}

func TestFirstInRESP3(t *testing.T) {
	g, r := newGroup(t, map[string]First{"a": {Frame: frame("a", "first")}})
	m := newMember(t, 1<<20)
	g.SetRESP3(m.Listener, true)
	m.confirmed(g, resp.Message, "a")
	r.answerAll()
	flush(t, r.hub)
	m.expect("ok>" + string(frame("a", "first"))[1:])
	m.nothing()
}

// TestFirstForOneWhoHasLeft is nothing: the subscription ended before it began.
func TestFirstForOneWhoHasLeft(t *testing.T) {
	g, r := newGroup(t, map[string]First{"a": {Frame: frame("a", "first")}})
	m := newMember(t, 1<<20)
	r.lose(notify)
	m.confirmed(g, resp.Message, "a")
	g.Unsubscribe(m.Listener, resp.Message, []string{"a"}, func() {})
	r.restore()
	r.answerAll()
	flush(t, r.hub)
	m.expect("ok")
	m.nothing()
}

// TestFirstForOneWhoIsFull follows the mode.
func TestFirstForOneWhoIsFull(t *testing.T) {
	for name, c := range map[string]struct {
		first   First
		ends    []Reason
		dropped uint64
	}{
		"disconnected":    {First{}, []Reason{ReasonSlow}, 0},
		"misses it":       {First{Mode: ModeDrop}, nil, 1},
		"gets the newest": {First{Key: &Key{Channel: []byte("a")}}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c.first.Frame = frame("a", "first")
			g, r := newGroup(t, map[string]First{"a": c.first})
			m := newMember(t, 1<<20)
			m.fillSocket()
			for m.Append(make([]byte, 10)) { //nolint:revive // until it is full
			}
			var told int
			g.OnMissed(func(_ []byte, messages int) { told += messages })
			g.Subscribe(m.Listener, resp.Message, []string{"a"}, func(error) {})
			r.answerAll()
			m.wantEnds(t, c.ends...)
			if s := r.hub.Stats(); s.Dropped != c.dropped || told != 1 {
				t.Errorf("dropped %d, told of %d; want %d and 1", s.Dropped, told, c.dropped)
			}
		})
	}
}

// TestLearn asks right behind the command, and confirms when both are answered.
func TestLearn(t *testing.T) {
	firsts := map[string]First{}
	g, r := newGroup(t, firsts)
	r.learns = []string{"a"}
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	m.confirmed(g, resp.Message, "a", "x")
	r.wantSent(t, "subscribe[a x]", "learn")
	r.answer()
	say(r.hub, "a", "before", 0)
	flush(t, r.hub)
	m.nothing()
	firsts["a"] = First{Frame: frame("a", "learned")}
	r.answer()
	say(r.hub, "a", "later", 0)
	flush(t, r.hub)
	m.expect("ok" + string(frame("a", "learned")) + string(frame("a", "later")))

	other.confirmed(g, resp.Message, "a")
	r.wantSent(t, "fence", "learn")
	r.answerAll()
	flush(t, r.hub)
	other.expect("ok" + string(frame("a", "learned")))
}

// TestLearnThatIsAnsweredAtOnce confirms when Redis has confirmed.
func TestLearnThatIsAnsweredAtOnce(t *testing.T) {
	g, r := newGroup(t, nil)
	r.learns, r.busy = []string{"a"}, true
	m := newMember(t, 1<<20)
	m.confirmed(g, resp.Message, "a")
	flush(t, r.hub)
	m.nothing()
	r.answer()
	flush(t, r.hub)
	m.expect("ok")
}

// TestLearnWhatAnUnsubscribeForgets has one come while the UNSUBSCRIBE of the last one, whose answer has what is known
// forgotten, is on its way.
func TestLearnWhatAnUnsubscribeForgets(t *testing.T) {
	firsts := map[string]First{"a": {Frame: frame("a", "first")}}
	g, r := newGroup(t, firsts)
	r.learns, r.known = []string{"a"}, firsts
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	m.confirmed(g, resp.Message, "a")
	r.answerAll()
	r.sent = nil
	g.Unsubscribe(m.Listener, resp.Message, []string{"a"}, func() {})
	other.confirmed(g, resp.Message, "a")
	r.wantSent(t, "unsubscribe[a]", "subscribe[a]", "learn")
	r.answer()
	r.answer()
	firsts["a"] = First{Frame: frame("a", "learned")}
	r.answerAll()
	flush(t, r.hub)
	other.expect("ok" + string(frame("a", "learned")))
	other.nothing()
	if r.hub.IsAsked(resp.Message, "a") || r.hub.IsAsked(resp.Message, "b") {
		t.Error("all is answered")
	}
}

// TestLearnOverTheNextConnection asks again, however far the last one had come.
func TestLearnOverTheNextConnection(t *testing.T) {
	for answers := range 2 {
		firsts := map[string]First{}
		g, r := newGroup(t, firsts)
		r.learns = []string{"a"}
		m := newMember(t, 1<<20)
		m.confirmed(g, resp.Message, "a")
		for range answers {
			r.answer()
		}
		r.lose(notify)
		r.wantSent(t, "subscribe[a]", "learn")
		r.restore()
		r.answer()
		r.wantSent(t, "subscribe[a]", "learn")
		flush(t, r.hub)
		m.nothing()
		firsts["a"] = First{Frame: frame("a", "learned")}
		r.answerAll()
		flush(t, r.hub)
		m.expect("ok" + string(frame("a", "learned")))
		m.nothing()
	}
}

// TestLearnWhatIsForgotten asks again, a few times, if that is forgotten which was known when the listener came.
func TestLearnWhatIsForgotten(t *testing.T) {
	firsts := map[string]First{"a": {Frame: frame("a", "first")}}
	g, r := newGroup(t, firsts)
	r.learns, r.known = []string{"a"}, firsts
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	m.confirmed(g, resp.Message, "a")
	r.answerAll()
	r.sent = nil
	other.confirmed(g, resp.Message, "a")
	r.wantSent(t, "fence")
	for range maxAsked - 1 {
		delete(firsts, "a")
		g.ForgotFirst()
		r.answer()
		flush(t, r.hub)
		other.nothing()
		r.wantSent(t, "learn")
	}
	g.ForgotFirst()
	firsts["a"] = First{Frame: frame("a", "learned")}
	r.answer()
	flush(t, r.hub)
	r.wantSent(t)
	other.expect("ok" + string(frame("a", "learned")))
	other.nothing()
}
