package relay

// Finding out the newest messages of channels with history, from their streams.

import (
	"slices"

	"redis-relay/relay/history"
	"redis-relay/relay/hub/last"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

const (
	learnTogether = 64 // channels in one question
	learnTries    = 5  // how often a channel is asked about whose listeners still lack entries
)

// learn finds out the newest messages of channels: see hub.Upstream. The upstream of the route has the streams.
func (l *lastValues) learn(at *side, channels []string, done func()) bool {
	if !l.on || !at.redis.Connected() {
		return false
	}
	unknown := l.unknown(at, channels)
	if len(unknown) == 0 {
		return false
	}
	(&lesson{lastValues: l, at: at, done: done}).ask(unknown, learnTogether, learnTries)
	return true
}

// unknown returns the channels of which the stream at an upstream has the newest message, and that is not known, or may
// not be any more when Redis has answered: the answer to an UNSUBSCRIBE that is on its way forgets it.
func (l *lastValues) unknown(at *side, channels []string) (list []string) {
	now := l.rules.Load()
	for _, channel := range channels {
		rt := now.Route([]byte(channel))
		if rt.Last && rt.HasHistory() && rt.Upstream.Index == at.index &&
			(!l.values.Knows(channel) || at.hub.IsAsked(resp.Message, channel)) {
			list = append(list, channel)
		}
	}
	return list
}

// lesson finds out the newest messages of some channels.
type lesson struct {
	*lastValues
	at   *side
	open int // questions, and checks, that are not answered
	done func()
}

// ask asks about channels, so many together.
func (s *lesson) ask(channels []string, together, tries int) {
	s.open++
	for some := range slices.Chunk(channels, together) {
		s.open++
		s.at.feed.Newest(some, func(n *history.Newest) {
			if n.Divide {
				s.ask(some, (len(some)+1)/2, tries)
			} else {
				s.take(n, together, tries)
			}
			s.answered()
		})
	}
	s.answered()
}

// take takes an answer. It asks again about channels whose listeners lack something, when they have it: a few times, if
// there is no other answer.
func (s *lesson) take(n *history.Newest, together, tries int) {
	again := n.Again
	for i := range n.Found {
		if !s.takeEntry(&n.Found[i]) {
			again = append(again, n.Found[i].Channel)
		}
	}
	if len(again) == len(n.Again)+len(n.Found) {
		tries--
	}
	s.failed += uint64(n.Failed) //nolint:gosec // not negative
	switch {
	case len(again) == 0:
	case tries == 0:
		s.failed += uint64(len(again))
	default:
		s.open++
		s.at.interest.AwaitDelivered(resp.Message, again, func() {
			if s.at.redis.Connected() { // else all is asked again later
				s.ask(s.unknown(s.at, again), together, tries)
			}
			s.answered()
		})
	}
}

// answered ends a question.
func (s *lesson) answered() {
	if s.open--; s.open == 0 {
		s.done()
	}
}

// takeEntry takes the newest entry of a channel, unless messages of the channel are still to be checked: then it
// reports false.
func (s *lesson) takeEntry(found *history.Last) bool {
	now, channel := s.rules.Load(), []byte(found.Channel)
	rt := now.Route(channel)
	payload, ok := found.Entry.Payload()
	switch {
	case s.checks.HasWaiting(channel):
		return false
	case s.values.Knows(found.Channel), !rt.Last:
	case !ok:
		s.failed++
	default:
		s.judge(now, rt, found.Channel, payload)
	}
	return true
}

// judge keeps a message unless it would be refused if it came now.
func (s *lesson) judge(now *rules, rt *route.Route, channel string, payload []byte) {
	v := now.Stored(rt, []byte(channel), payload)
	if !v.Open {
		s.keepStored(rt, channel, payload, &v)
		return
	}
	s.open++
	losses, evicted := s.losses, s.values.Stats().Evicted
	s.checks.Check(rt.Checker, payload, func(err error) {
		v.Open, v.Invalid = false, err
		if losses == s.losses && evicted == s.values.Stats().Evicted { // else a newer one may have been known meanwhile
			s.keepStored(rt, channel, payload, &v)
		}
		s.answered()
	})
}

// keepStored keeps a message that was judged, if no newer one has come.
func (s *lesson) keepStored(rt *route.Route, channel string, payload []byte, v *policy.Verdict) {
	switch {
	case v.Refusal != nil, v.Invalid != nil && !rt.LogInvalid:
		s.failed++
	case !s.values.Knows(channel):
		s.values.Keep([]byte(channel), last.Message{Payload: payload, Kind: v.Kind, Key: v.Key})
	}
}
