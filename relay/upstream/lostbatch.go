package upstream

// Batches whose answer was lost with the session: the next session asks Redis what became of them.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lostBatch is a batch that was sent and whose answer was lost.
type lostBatch struct {
	batch *batch
	mark  uint64   // under which it was sent; 0: an earlier one
	kill  []string // as in mark
	size  int64    // as charged in backlog.bytes
	until time.Time
	cause error // of the loss
	over  bool
}

// keepLost keeps a command of a session that has ended for the next one to ask about. It reports false if
// the command is not noted in Redis.
func (r *record) keepLost(s *session, m *command, cause error) bool {
	o, ok := m.answer.(*batch)
	if !ok || o.number == 0 || r.backlog.closed {
		return false
	}
	o.wire, o.groups = nil, o.withoutWire()
	l := &lostBatch{
		batch: o, mark: s.mark.number, kill: s.mark.kill, size: overhead * int64(len(o.items)),
		until: time.Now().Add(r.backlog.timeout), cause: cause,
	}
	if o.number <= s.mark.behind {
		l.mark, l.kill = 0, nil
	}
	r.backlog.bytes += l.size - m.size
	if r.lost = append(r.lost, l); !r.expiry.Set() {
		r.expiry.Reset(r.backlog.timeout)
	}
	return true
}

// resolve answers a batch by what the record says. dead tells whether Redis carries out nothing more of its
// session.
func (r *record) resolve(l *lostBatch, told string, dead bool) {
	reply, carriedOut := strings.CutPrefix(told, "+")
	switch {
	case l.over:
	case carriedOut:
		values, err := l.batch.split(unnote(reply))
		if err != nil {
			err = fmt.Errorf("%w (%w)", ErrUnknown, err)
		}
		r.finish(l, values, err)
	case told == "-" && dead:
		r.finish(l, nil, fmt.Errorf("%w (%w)", ErrDown, plain(l.cause)))
	default:
		r.finish(l, nil, l.unknown())
	}
}

// unnote is the reverse of how a script notes its reply.
func unnote(reply string) []any {
	var list []any
	for line := range strings.SplitSeq(reply, "\n") {
		elements, isList := strings.CutPrefix(line, "\t")
		if !isList {
			list = append(list, line)
			continue
		}
		var each []any
		for e := range strings.SplitSeq(elements, "\t") {
			each = append(each, e)
		}
		list = append(list, each)
	}
	return list
}

func (l *lostBatch) unknown() error { return fmt.Errorf("%w (%w)", ErrUnknown, plain(l.cause)) }

// finish answers a batch.
func (r *record) finish(l *lostBatch, values []any, err error) {
	l.over = true
	if i := slices.Index(r.lost, l); i >= 0 {
		r.lost = slices.Delete(r.lost, i, i+1)
	}
	r.backlog.bytes -= l.size
	l.batch.answerEach(values, err)
}

// expire fails batches that no session has resolved in time.
func (r *record) expire() {
	now := time.Now()
	for len(r.lost) > 0 && !r.lost[0].until.After(now) {
		r.finish(r.lost[0], nil, r.lost[0].unknown())
	}
	if len(r.lost) > 0 {
		r.expiry.Reset(max(r.lost[0].until.Sub(now), time.Millisecond))
	}
}

// failAll fails all lost batches: no session will ask any more.
func (r *record) failAll() {
	for len(r.lost) > 0 {
		r.finish(r.lost[0], nil, r.lost[0].unknown())
	}
	if r.expiry != nil {
		r.expiry.Stop()
	}
}
