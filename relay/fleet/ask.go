package fleet

// Sending a question, and what Redis counts.

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// ask is atomic: it sends a question to whom Redis counts. ARGV: the channel; the
// question; then for each name what to ask PUBSUB, and the name. It returns how many
// relays are to answer, then the subscribers of each name.
var ask = upstream.NewScript(`
local out = {redis.call('SPUBLISH', ARGV[1], ARGV[2])}
for i = 3, #ARGV, 2 do
  out[#out + 1] = redis.call('PUBSUB', ARGV[i], ARGV[i + 1])[2]
end
return out
`)

// ask sends a question and returns what Redis counts.
func (f *Fleet) ask(ctx context.Context, q *question) ([]int64, error) {
	f.questions.Add(1)
	args := []any{Channel, appendQuestion(nil, f.life, q.number, q.names)}
	for _, n := range q.names {
		args = append(args, numsub(n.kind), n.name)
	}
	v, err := f.redis.Eval(ctx, ask, nil, args...)
	if refused := upstream.ReplyError(""); errors.As(err, &refused) {
		f.refused.Do(func() {
			f.log.Warn("Redis does not let relays ask each other: every other relay is counted as one listener; "+
				"allow +eval, +evalsha and &relay:* to this user", zap.Error(refused))
		})
		return f.askRedis(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	counts, err := integers(v, 1+len(q.names))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q.expectLocked(int(counts[0]))
	return counts[1:], nil
}

// askRedis returns what Redis counts, without the fleet.
func (f *Fleet) askRedis(ctx context.Context, q *question) ([]int64, error) {
	counts := make([]int64, len(q.names))
	for _, kind := range []resp.Kind{resp.Message, resp.SMessage} {
		args, places := []any{"PUBSUB", numsub(kind)}, []int{}
		for i, n := range q.names {
			if n.kind == kind {
				args, places = append(args, n.name), append(places, i)
			}
		}
		v, err := f.redis.Do(ctx, args...)
		if err != nil {
			return nil, err
		}
		pairs, err := integers(v, 2*len(places)) // of a name, 0
		if err != nil {
			return nil, err
		}
		for i, place := range places {
			counts[place] = pairs[2*i+1]
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q.expectLocked(0)
	return counts, nil
}

func numsub(kind resp.Kind) string {
	if kind == resp.SMessage {
		return "SHARDNUMSUB"
	}
	return "NUMSUB"
}

func integers(v any, want int) ([]int64, error) {
	list, _ := v.([]any)
	if len(list) != want {
		return nil, fmt.Errorf("ERR Redis counted subscribers in %d values instead of %d", len(list), want)
	}
	numbers := make([]int64, want)
	for i, elem := range list {
		numbers[i], _ = elem.(int64)
	}
	return numbers, nil
}
