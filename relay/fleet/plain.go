package fleet

// Counting without the fleet, where Redis does not let relays ask each other.

import "redis-relay/relay/resp"

// plain is a question that Redis alone is asked: every other relay is one listener.
type plain struct {
	question *question
	counts   []int64
	left     int // commands that were not answered
}

// askRedis asks a question anew. This relay's share is that of this moment.
func (f *Fleet) askRedis(q *question) {
	delete(f.asked, q.number) // answers to it, if it went out, come too late
	clear(q.shares)
	q.answered = 0
	if q.sent = f.redis.Standing(); q.sent {
		q.addShare(f.shares.Asking)
	}
	p := &plain{question: q, counts: make([]int64, len(q.names)), left: 2}
	f.askPlain(p, resp.Message)
	f.askPlain(p, resp.SMessage)
}

// askPlain asks for the names of one kind.
func (f *Fleet) askPlain(p *plain, kind resp.Kind) {
	args, places := []any{"PUBSUB", numsub(kind)}, []int{}
	for i, n := range p.question.names {
		if n.Kind == kind {
			args, places = append(args, n.Text), append(places, i)
		}
	}
	if len(places) == 0 {
		f.answeredPlain(p)
		return
	}
	f.redis.Ask(func(v any, err error) {
		pairs, err := integers(v, 2*len(places), err)
		if err != nil {
			f.finish(p.question, err)
			return
		}
		for i, place := range places {
			p.counts[place] = pairs[2*i+1]
		}
		f.answeredPlain(p)
	}, args...)
}

// answeredPlain notes that the names of one kind are counted.
func (f *Fleet) answeredPlain(p *plain) {
	if p.left--; p.left == 0 && !p.question.over {
		f.counted(p.question, p.counts, 0)
	}
}
