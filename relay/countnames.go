package relay

// The names in what PUBSUB answers.

import "redis-relay/relay/names"

// channelsAtRedis returns the pattern that takes in the channels at Redis that clients call as pattern says, and
// perhaps others; nil is any.
func channelsAtRedis(m *names.Map, pattern []byte) []byte {
	if m == nil {
		return pattern
	}
	if pattern != nil {
		if list := m.Patterns("", string(pattern)); len(list) == 1 {
			return []byte(list[0])
		}
	}
	return []byte(m.Everything(""))
}

// localName returns what clients call a channel at Redis. ok is false if that is not what they asked for.
func localName(m *names.Map, wire string, pattern []byte, ok bool) (string, bool) {
	if m == nil || !ok {
		return wire, ok
	}
	name, ok := m.FromRedis([]byte(wire))
	return string(name), ok && (pattern == nil || names.Match(pattern, name))
}

// countMarks counts the patterns that somebody behind a relay with the same prefix listens to.
func (s *side) countMarks(done func(int64, error)) {
	s.ask(func(v any, err error) {
		list, _ := v.([]any)
		done(int64(len(list)), err)
	}, "pubsub", "channels", s.settings.Prefix+patternMark+"*")
}
