package fleet

// Counting without the fleet, if Redis does not let relays ask each other.

import "redis-relay/relay/resp"

// redisCount is a question to Redis alone: every other relay counts as one listener.
type redisCount struct {
	question *question
	counts   []int64
	left     int // commands that were not answered
}

// askRedis asks a question anew. This relay's share is that of now.
func (f *Fleet) askRedis(q *question) {
	delete(f.asked, q.number) // answers of relays come too late
	q.reset()
	if q.sent = f.redis.Ready(); q.sent {
		q.addShare(f.shares.Asking)
	}
	p := &redisCount{question: q, counts: make([]int64, len(q.names)), left: 2}
	f.askRedisFor(p, resp.Message)
	f.askRedisFor(p, resp.SMessage)
}

// askRedisFor asks for the names of one kind.
func (f *Fleet) askRedisFor(p *redisCount, kind resp.Kind) {
	args, places := []any{"PUBSUB", numsub(kind)}, []int{}
	for i, n := range p.question.names {
		if n.Kind == kind {
			args, places = append(args, n.Text), append(places, i)
		}
	}
	if len(places) == 0 {
		f.gotKind(p)
		return
	}
	f.redis.Do(func(v any, err error) {
		pairs, err := integers(v, 2*len(places), err)
		if err != nil {
			f.finish(p.question, err)
			return
		}
		for i, place := range places {
			p.counts[place] = pairs[2*i+1]
		}
		f.gotKind(p)
	}, args...)
}

// gotKind notes that the names of one kind are counted.
func (f *Fleet) gotKind(p *redisCount) {
	if p.left--; p.left == 0 && !p.question.over {
		f.gotCounts(p.question, p.counts, 0)
	}
}
