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
	(&lesson{lastValues: l, at: at, done: done}).ask(unknown, learnTries)
	return true
}

// unknown returns the channels of which the stream at an upstream has the newest message, and that is not known.
func (l *lastValues) unknown(at *side, channels []string) (list []string) {
	now := l.rules.Load()
	for _, channel := range channels {
		rt := now.Route([]byte(channel))
		if rt.Last && rt.HasHistory() && rt.Upstream.Index == at.index && !l.values.Knows(channel) {
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

// ask asks about channels.
func (s *lesson) ask(channels []string, tries int) {
	s.open++
	for some := range slices.Chunk(channels, learnTogether) {
		s.open++
		s.at.feed.Newest(some, func(found []history.Last, again []string, failed int) {
			s.failed += uint64(failed) //nolint:gosec // not negative
			for i := range found {
				again = s.take(&found[i], again)
			}
			if len(found) == 0 {
				tries--
			}
			s.askAgain(again, tries)
			s.answered()
		})
	}
	s.answered()
}

// askAgain asks about channels when their listeners have what they lack now.
func (s *lesson) askAgain(channels []string, tries int) {
	if len(channels) == 0 || tries == 0 {
		s.failed += uint64(len(channels))
		return
	}
	s.open++
	s.at.interest.AwaitDelivered(resp.Message, channels, func() {
		if s.at.redis.Connected() { // else all is asked again later
			s.ask(s.unknown(s.at, channels), tries)
		}
		s.answered()
	})
}

// answered ends a question.
func (s *lesson) answered() {
	if s.open--; s.open == 0 {
		s.done()
	}
}

// take takes the newest entry of a channel. If messages of the channel are still to be checked, it is added to again.
func (s *lesson) take(found *history.Last, again []string) []string {
	now, channel := s.rules.Load(), []byte(found.Channel)
	rt := now.Route(channel)
	payload, ok := found.Entry.Payload()
	switch {
	case s.checks.HasWaiting(channel):
		return append(again, found.Channel)
	case s.values.Knows(found.Channel), !rt.Last:
	case !ok:
		s.failed++
	default:
		s.judge(now, rt, found.Channel, payload)
	}
	return again
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
