package upstream

// Calls in doubt: their answer was lost with the connection, and the next one is to tell.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// doubt is calls that were sent, and whose answer was lost.
type doubt struct {
	calls *calls
	mark  uint64
	kill  []string
	size  int64 // as counted in Connection.queued
	until time.Time
	cause error
	over  bool
}

// doubted takes calls that were lost with their life, and reports whether they are noted.
func (r *notes) doubted(k *life, m *command, cause error) bool {
	o, ok := m.answer.(*calls)
	if !ok || o.number == 0 || r.connection.stopped {
		return false
	}
	c := r.connection
	o.items, o.groups = nil, o.withoutWire()
	d := &doubt{
		calls: o, mark: k.mark.number, kill: k.mark.kill, size: overhead * int64(len(o.list)),
		until: time.Now().Add(c.opts.PublishTimeout), cause: cause,
	}
	if o.number <= k.mark.behind {
		d.mark, d.kill = 0, nil
	}
	c.queued += d.size - m.size
	if r.doubts = append(r.doubts, d); !r.expiry.Set() {
		r.expiry.Reset(c.opts.PublishTimeout)
	}
	return true
}

// resolve answers calls in doubt by what the record says. dead tells whether their life is certainly over.
func (r *notes) resolve(d *doubt, told string, dead bool) {
	reply, carriedOut := strings.CutPrefix(told, "+")
	switch {
	case d.over:
	case carriedOut:
		values, err := d.calls.each(unnote(reply))
		if err != nil {
			err = fmt.Errorf("%w (%w)", ErrUnknown, err)
		}
		r.dispel(d, values, err)
	case told == "-" && dead:
		r.dispel(d, nil, fmt.Errorf("%w (%w)", ErrDown, plain(d.cause)))
	default:
		r.dispel(d, nil, d.unknown())
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

func (d *doubt) unknown() error { return fmt.Errorf("%w (%w)", ErrUnknown, plain(d.cause)) }

// dispel ends a doubt.
func (r *notes) dispel(d *doubt, values []any, err error) {
	d.over = true
	if i := slices.Index(r.doubts, d); i >= 0 {
		r.doubts = slices.Delete(r.doubts, i, i+1)
	}
	r.connection.queued -= d.size
	d.calls.tell(values, err)
}

// expire gives up what has been in doubt for too long.
func (r *notes) expire() {
	now := time.Now()
	for len(r.doubts) > 0 && !r.doubts[0].until.After(now) {
		d := r.doubts[0]
		r.dispel(d, nil, d.unknown())
	}
	if len(r.doubts) > 0 {
		r.expiry.Reset(max(r.doubts[0].until.Sub(now), time.Millisecond))
	}
}

// giveUp says of all that is in doubt that it is unknown: nobody will ask any more.
func (r *notes) giveUp() {
	for len(r.doubts) > 0 {
		d := r.doubts[0]
		r.dispel(d, nil, d.unknown())
	}
	if r.expiry != nil {
		r.expiry.Stop()
	}
}
