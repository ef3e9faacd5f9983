package relay

// Mirroring: a share of what local clients publish also goes to another upstream, for trying it with real load.

import (
	"errors"
	"math"

	"go.uber.org/zap"

	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// What may be on its way to one mirror: beyond it, messages are dropped.
const (
	maxMirrored      = 1024
	maxMirroredBytes = 4 << 20
)

// mirrorSource is the source of all mirrored messages: they are not withdrawn with their publisher.
const mirrorSource = math.MaxUint64 - 2

var (
	errMirrorAway = errors.New("there is no connection to the upstream")
	errMirrorSlow = errors.New("too many mirrored messages wait for the answer of the upstream")
)

// mirrors sends messages to other upstreams. It belongs to the loop.
type mirrors struct {
	// Fixed after construction.
	sides  sides
	teller *notice.Teller

	due      map[string]float64 // by route: the sum of percents since the last message was sent; at 100 one is
	messages map[int]int        // on their way, by upstream
	bytes    map[int]int
}

func newMirrors(all sides, teller *notice.Teller) *mirrors {
	return &mirrors{
		sides: all, teller: teller,
		due: map[string]float64{}, messages: map[int]int{}, bytes: map[int]int{},
	}
}

// prune forgets routes that are not mirrored any more.
func (m *mirrors) prune(now *rules) {
	due := make(map[string]float64, len(m.due))
	for _, rt := range now.Routes() {
		if percents, had := m.due[rt.Name]; had && rt.Mirror != nil {
			due[rt.Name] = percents
		}
	}
	m.due = due
}

// publish sends a message that was published, if it is of the share. It is dropped if it would have to wait.
func (m *mirrors) publish(
	now *rules, rt *route.Route, rule *route.Policy, counters *monitor.Route, p *respserver.Publication,
) {
	due := m.due[rt.Name] + rt.Mirror.Percent
	if due < 100 {
		m.due[rt.Name] = due
		return
	}
	m.due[rt.Name] = due - 100
	sent := &mirrored{mirrors: m, to: m.sides[rt.Mirror.Index], route: rt.Name, counters: counters, size: len(p.Payload)}
	if err := m.send(now, sent, rt, rule, p); err != nil {
		sent.dropped(err)
		return
	}
	m.messages[sent.to.index]++
	m.bytes[sent.to.index] += sent.size
}

// send sends a message in the form in which it was published, on what the other upstream calls the channel.
func (m *mirrors) send(
	now *rules, sent *mirrored, rt *route.Route, rule *route.Policy, p *respserver.Publication,
) error {
	to := sent.to
	switch {
	case !to.redis.Ready():
		return errMirrorAway
	case m.messages[to.index] >= maxMirrored || m.bytes[to.index]+sent.size > maxMirroredBytes:
		return errMirrorSlow
	}
	names := to.names(now)
	return to.send(mirrorSource, names, to.wireName(names, p.Channel), rt, rule, p, sent)
}

// mirrored is a message on its way to another upstream.
type mirrored struct {
	mirrors  *mirrors
	to       *side
	route    string
	counters *monitor.Route
	size     int
}

// Answer takes what Redis said.
func (s *mirrored) Answer(_ resp.Value, err error) { s.Persisted("", 0, err) }

// Persisted takes what became of a message that is kept.
func (s *mirrored) Persisted(_ string, _ int64, err error) {
	s.mirrors.messages[s.to.index]--
	s.mirrors.bytes[s.to.index] -= s.size
	if err != nil {
		s.dropped(err)
		return
	}
	s.counters.Mirrored.Inc()
}

// dropped counts a message that the other upstream does not have, as far as is known.
func (s *mirrored) dropped(err error) {
	s.counters.MirrorDropped.Inc()
	if more, ok := s.mirrors.teller.Sample(notice.MirrorDropped, s.route); ok {
		s.mirrors.teller.Log(notice.MirrorDropped, append(more, zap.String("upstream", s.to.name),
			zap.String("route", s.route), zap.Error(err))...)
	}
}

var _ sendReceipt = (*mirrored)(nil)
