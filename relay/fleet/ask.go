package fleet

// Sending a question, and the counts of Redis.

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// Patience is how long a question waits for the answers of relays. Tests that count over several relays on a busy
// machine set it, before they start one: a relay that answers late counts as one listener.
var Patience = 200 * time.Millisecond

// askScript sends a question to the relays that Redis counts, in one step. KEYS: the channel, so that a cluster carries
// the script out where that is; or nothing. ARGV: the channel; the question; then for each name the subcommand of
// PUBSUB, and the name. It returns how many relays are to answer, then the subscribers of each name. A Redis without
// shard channels has no subscribers to them, and sends the question on the ordinary channel.
var askScript = upstream.NewScript(`
local function unknown(reply)
  local err = type(reply) == 'table' and reply.err
  return err and (string.find(err, '[Uu]nknown') or string.find(err, 'not support'))
end
local function subscribers(what, name)
  local reply = redis.pcall('PUBSUB', what, name)
  if unknown(reply) and what == 'SHARDNUMSUB' then return 0 end
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

// ask sends a question. If Redis gets it now, this relay's share is that of now.
func (f *Fleet) ask(q *question) {
	f.questions.Add(1)
	f.number++
	q.number = f.number
	f.asked[q.number] = q
	f.pace.sent(time.Now())
	if q.sent = f.redis.Ready(); q.sent {
		q.addShare(f.shares.Asking)
	}
	args := []any{f.prefix + Channel, appendQuestion(nil, f.runID, q.number, q.names)}
	for _, n := range q.names {
		args = append(args, numsub(n.Kind), n.Text)
	}
	var keys []string
	if q.keyed = !f.keyless; q.keyed {
		keys = []string{f.prefix + Channel}
	}
	f.redis.Eval(askScript, keys, func(v any, err error) { f.gotAnswer(q, v, err) }, args...)
}

// anyKey stands for the right to a key.
const anyKey = "~"

// askAgain asks a question that Redis has not carried out, without a key: an ACL may allow scripts and no key.
func (f *Fleet) askAgain(q *question) {
	q.reset()
	delete(f.asked, q.number)
	f.ask(q)
}

// gotAnswer takes the result of the script.
func (f *Fleet) gotAnswer(q *question, v any, err error) {
	if q.over {
		return
	}
	if refused := upstream.ReplyError(""); errors.As(err, &refused) {
		if q.keyed && upstream.MissingRule(refused, anyKey) == anyKey {
			f.keyless = true
			f.askAgain(q)
			return
		}
		f.logRefused(refused)
		f.askRedis(q)
		return
	}
	numbers, err := integers(v, 1+len(q.names), err)
	if err != nil {
		f.finish(q, err)
		return
	}
	f.pace.relays = int(numbers[0])
	f.gotCounts(q, numbers[1:], int(numbers[0]))
}

// gotCounts takes the counts of Redis, and waits for the relays.
func (f *Fleet) gotCounts(q *question, counts []int64, relays int) {
	if !q.sent { // the question has waited for a connection
		q.addShare(f.shares.Asking)
	}
	q.counted, q.relays = counts, relays
	if q.complete() {
		f.finish(q, nil)
		return
	}
	q.timer = f.loop.AfterFunc(f.patience, func() { f.finish(q, nil) })
}

func (f *Fleet) logRefused(refused error) {
	if !f.refusedLogged {
		f.refusedLogged = true
		own := "&" + f.prefix + "relay:*"
		advice := upstream.Advice(refused, own)
		if advice == "" { // in a script Redis may not name the command
			advice = "; allow +eval, +evalsha, +pubsub, +spublish and " + own + " to this user"
		}
		f.log.Warn("Redis does not let relays ask each other: every other relay is counted as one listener"+advice,
			zap.Error(refused))
	}
}

func numsub(kind resp.Kind) string {
	if kind == resp.SMessage {
		return "SHARDNUMSUB"
	}
	return "NUMSUB"
}

// integers reads an answer of want elements. An element that is no number, such as a name, is 0.
func integers(v any, want int, err error) ([]int64, error) {
	if err != nil {
		return nil, err
	}
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
