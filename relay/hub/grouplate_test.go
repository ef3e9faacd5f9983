package hub

// TestGroupAtRandom expects that a listener is told of a hub that has its name later than it was confirmed, and of no
// other.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// latecomer is a name that a session is to have at one hub, later than it was told.
type latecomer struct {
	session *groupSession
	resp.Name
	place int
}

// expectLate notes at which hubs a session does not have a name yet that is confirmed.
func (m *groupRun) expectLate(s *groupSession, n resp.Name) {
	for i, up := range m.up {
		if up || !s.places[n].Has(i) {
			continue
		}
		if m.late[latecomer{s, n, i}] = true; !m.tried[i] {
			m.t.Errorf("%v is confirmed without hub %d, which has not tried to connect yet", n, i)
		}
	}
}

// isLate is told of names that a session has at a hub since now.
func (m *groupRun) isLate(place int, kind resp.Kind, names []string, _ time.Time) {
	for _, s := range m.sessions {
		missing := slices.ContainsFunc(names, func(name string) bool {
			n := resp.Name{Kind: kind, Text: name}
			return !m.late[latecomer{s, n, place}] || !m.hears(s, n, place)
		})
		if !missing {
			for _, name := range names {
				delete(m.late, latecomer{s, resp.Name{Kind: kind, Text: name}, place})
			}
			return
		}
	}
	m.t.Errorf("hub %d has %q late, which nobody was to have", place, names)
}

// hears tells whether a session has a name at a hub.
func (m *groupRun) hears(s *groupSession, n resp.Name, place int) bool {
	t := m.redis[place].hub.topics[n.Kind][n.Text]
	return t != nil && (s == m.nats && t.interestOnly != 0 || slices.Contains(t.listeners, s.Listener))
}

// checkLate finds those that nobody was told of. What NATS clients are refused is told in another way.
func (m *groupRun) checkLate() {
	for l := range m.late {
		if !m.group.absent[subscription{l.session.Listener, l.Kind, l.Text, l.place}] {
			m.t.Errorf("nobody was told that hub %d has had %v late", l.place, l.Name)
		}
	}
}
