package hub

// What the model checks: messages, counts, and that nothing is left at the end.

import (
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/resp"
)

// delivered notes who has to hear a message.
func (m *model) delivered(w resp.Name, text string) {
	for _, a := range m.actors {
		if a.interestOnly() || a.stopped {
			continue
		}
		for _, s := range m.open[a] {
			if s.active && !s.ended && s.of == w {
				a.expect = append(a.expect, text)
			}
		}
	}
}

// compare has what a listener heard be what it had to hear.
func (m *model) compare(a *actor) {
	if a.interestOnly() {
		return
	}
	for _, b := range a.out.output.ready {
		for len(b) > 0 {
			d, n := parseFrame(b)
			a.received = append(a.received, d)
			b = b[n:]
		}
	}
	a.out.output.ready, a.out.usage.queued = nil, 0
	if !slices.Equal(a.received, a.expect) {
		m.fail("%s heard %v\nwant %v", m.nameOf(a), a.received, a.expect)
	}
	a.received, a.expect = nil, nil
}

func parseFrame(b []byte) (text string, n int) {
	s := string(b)
	end := strings.Index(s, "\n")
	return s[:end], end + 1
}

func (m *model) check() {
	if m.random.IntN(4) == 0 {
		m.hub.FanOut()
		for _, a := range m.actors {
			m.compare(a)
		}
	}
	for kind := range resp.Kind(resp.Kinds) {
		for i := range modelNames + 1 {
			name := fmt.Sprint("n", i)
			if i == modelNames {
				name = "local"
			}
			m.checkName(resp.Name{Kind: kind, Text: name})
		}
	}
}

func (m *model) checkName(w resp.Name) {
	listeners, heard := 0, false
	for _, a := range m.actors {
		if s := a.subs[w]; s != nil && !a.interestOnly() && !s.unsubscribing && !s.refused {
			listeners++
		}
		for _, s := range m.open[a] {
			heard = heard || s.of == w && s.active && !s.ended && !a.pins
		}
	}
	got, requested, confirmed := m.hub.Listeners(w.Kind, []byte(w.Text))
	if got != listeners {
		m.fail("%v has %d listeners, want %d", w, got, listeners)
	}
	if want := m.redis.subscribedSeen[w]; (confirmed == 1) != want && !m.redis.tainted {
		m.fail("%v: confirmed %d, want %v", w, confirmed, want)
	}
	exact := len(m.redis.ever) == 0 || m.redis.quiet()
	if want := m.redis.willSubscribe(w); m.redis.connected && exact && (requested == 1) != want {
		m.fail("%v: requested %d, want %v", w, requested, want)
	}
	t := m.hub.topics[w.Kind][w.Text]
	if is := t != nil && t.hasListeners(); is != heard && !m.redis.tainted {
		m.fail("%v is heard: %v, want %v", w, is, heard)
	}
	if t != nil && (t.wanted < 0 || t.counted < 0 || t.unanswered < 0) {
		m.fail("%v: %+v", w, t)
	}
}

// end has all listeners leave, and all that is under way come to its end.
func (m *model) end() {
	for i := range 4 {
		m.replace(i)
	}
	for _, a := range m.actors {
		for kind := range resp.Kind(resp.Kinds) {
			var names []string
			for w, s := range a.subs {
				if w.Kind == kind && !s.unsubscribing && !s.refused {
					names = append(names, w.Text)
				}
			}
			if slices.Sort(names); len(names) > 0 {
				m.unsubscribeNames(a, kind, names)
			}
		}
	}
	m.redis.connect()
	m.redis.answerEverything()
	m.check()
	if !m.redis.connected {
		m.fail("it is not restored")
	}
	for k := range m.hub.topics {
		for name, t := range m.hub.topics[k] {
			m.fail("a topic is left: %s %q %+v", resp.Kind(k), name, t)
		}
	}
	for w, subscribed := range m.redis.subscribed {
		if subscribed {
			m.fail("Redis still has %v", w)
		}
	}
	waiting := len(m.hub.waiting.list)
	if s := m.hub.Stats(); s.Listeners != [resp.Kinds]int{} || waiting > 0 || m.hub.patterns.Len() > 0 {
		m.fail("something is left: %+v, %d wait", s, waiting)
	}
	for _, a := range m.actors {
		if m.compare(a); a.pending.subscribes != nil {
			m.fail("%s is still subscribing", m.nameOf(a))
		}
		for _, s := range m.open[a] {
			if !s.call.done {
				m.fail("call %d was never done", s.call.number)
			}
		}
	}
}
