package fleet

// Sending a question, and what Redis counts.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// ask is atomic: it sends a question to whom Redis counts. ARGV: the channel; the
// question; then for each name what to ask PUBSUB, and the name. It returns how many
// relays are to answer, then the subscribers of each name. A Redis without shard channels
// has no subscribers to them, and sends the question on the ordinary channel.
var ask = upstream.NewScript(`
local function unknown(reply)
  return type(reply) == 'table' and reply.err and string.find(reply.err, '[Uu]nknown')
end
local function subscribers(what, name)
  local reply = redis.pcall('PUBSUB', what, name)
  if unknown(reply) and string.find(reply.err, 'subcommand') then return 0 end
  return reply[2] or reply -- the number, or the error
end
local relays = redis.pcall('SPUBLISH', ARGV[1], ARGV[2])
if unknown(relays) then
  relays = subscribers('NUMSUB', ARGV[1])
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
if type(relays) == 'table' then return relays end
local out = {relays}
for i = 3, #ARGV, 2 do
  local n = subscribers(ARGV[i], ARGV[i + 1])
  if type(n) == 'table' then return n end
  out[#out + 1] = n
end
return out
`)

// NoShards reports whether Redis refused a command because it has no shard channels: they came with Redis 7.0.
func NoShards(err error) bool {
	return err != nil && strings.HasPrefix(strings.ToLower(err.Error()), "err unknown ")
}

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
		if len(places) == 0 {
			continue
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
