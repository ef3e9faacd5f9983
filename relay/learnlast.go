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

// learn finds out the newest messages of channels: see hub.Upstream. The upstream of the route has the streams. A
// channel that is asked about already is not asked about again.
func (l *lastValues) learn(at *side, channels []string, done func()) bool {
	if !l.on || !at.redis.Connected() {
		return false
	}
	unknown := l.unknown(at, channels)
	if len(unknown) == 0 {
		return false
	}
	left := 1
	one := func() {
		if left--; left == 0 {
			done()
		}
	}
	underWay, ask := l.underWay(at, unknown)
	left += len(underWay)
	for s := range underWay {
		s.done = append(s.done, one)
	}
	for some := range slices.Chunk(ask, learnTogether) {
		left++
		s := &lesson{lastValues: l, at: at, channels: some, done: []func(){one}}
		for _, channel := range some {
			l.lessons[channel] = s
		}
		s.ask(some, learnTogether, learnTries)
	}
	one()
	return true
}

// underWay returns the lessons that are about some of the channels, and the other channels.
func (l *lastValues) underWay(at *side, channels []string) (lessons map[*lesson]bool, others []string) {
	lessons = map[*lesson]bool{}
	for _, channel := range channels {
		if s := l.lessons[channel]; s != nil && s.at == at {
			lessons[s] = true
		} else {
			others = append(others, channel)
		}
	}
	return lessons, others
}

// asked says that a command that subscribes or unsubscribes names is about to be sent. Who subscribes from here on
// cannot do with an answer to what was asked before: messages may be missed between.
func (l *lastValues) asked(kind resp.Kind, names []string) {
	if kind != resp.Message || len(l.lessons) == 0 {
		return
	}
	for _, name := range names {
		delete(l.lessons, name)
	}
}

// unknown returns the channels of which the stream at an upstream has the newest message, and that is not known, or may
// not be any more when Redis has answered: the answer to an UNSUBSCRIBE that is on its way forgets it.
func (l *lastValues) unknown(at *side, channels []string) (list []string) {
	now := l.rules.Load()
	for _, channel := range channels {
		if now.Route([]byte(channel)).LastIsAt(at.index) &&
			(!l.values.Knows(channel) || at.hub.IsAsked(resp.Message, channel)) {
			list = append(list, channel)
		}
	}
	return list
}

// lesson finds out the newest messages of some channels.
type lesson struct {
	*lastValues
	at       *side
	channels []string // no more than learnTogether
	open     int      // questions, and checks, that are not answered
	done     []func()
}

// ask asks about channels, so many together.
func (s *lesson) ask(channels []string, together, tries int) {
	s.open++
	rules := s.rules.Load()
	for some := range slices.Chunk(channels, together) {
		s.open++
		s.at.feed.Newest(some, func(n *history.Newest) {
			if n.Divide {
				s.ask(some, (len(some)+1)/2, tries)
			} else {
				s.take(rules, n, together, tries)
			}
			s.answered()
		})
	}
	s.answered()
}

// take takes an answer to what was asked by some rules. It asks again about channels whose listeners lack something,
// when they have it: a few times, if there is no other answer.
func (s *lesson) take(asked *rules, n *history.Newest, together, tries int) {
	again := n.Again
	for i := range n.Found {
		if !s.takeEntry(asked, &n.Found[i]) {
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

// answered ends a question, and with the last one the lesson.
func (s *lesson) answered() {
	if s.open--; s.open > 0 {
		return
	}
	for _, channel := range s.channels {
		if s.lessons[channel] == s {
			delete(s.lessons, channel)
		}
	}
	for _, done := range s.done {
		done()
	}
}

// takeEntry takes the newest entry of a channel. It reports false if messages of the channel are still to be checked,
// or if a reload has given the channel another name at Redis since it was asked about.
func (s *lesson) takeEntry(asked *rules, found *history.Last) bool {
	now, channel := s.rules.Load(), []byte(found.Channel)
	rt := now.Route(channel)
	payload, ok := found.Entry.Payload()
	switch {
	case s.checks.HasWaiting(channel), asked != now && rt.Before != asked.Route(channel).Before:
		return false
	case s.values.Knows(found.Channel), !rt.LastIsAt(s.at.index):
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
