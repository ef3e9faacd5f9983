package deadletter

// The script that writes.

import (
	"fmt"
	"time"

	"redis-relay/relay/upstream"
)

// writeScript adds letters to the stream KEYS[1]. KEYS[2] is the note of this run of the relay: "<batch> <n> <known>",
// which says that n letters of the batch were carried out, of which others had written so many. KEYS from the third on
// are the marks of letters that others may have written. ARGV: the number of the batch; about how many entries to keep;
// the time to live in milliseconds, or 0; how long the note is kept; how many letters there are; then for each letter
// the index of its mark in KEYS, or 0, how long that is kept, how many fields and values follow, and those.
//
// It returns how many letters were carried out, how many of those others had written, and the error of Redis for the
// next letter, or "".
var writeScript = upstream.NewScript(`
local unpack = table.unpack or unpack -- of Lua 5.4, which Dragonfly has, or 5.1
local done, known, refused = 0, 0, ''
local batch, n, k = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+) (%d+)$')
if batch == ARGV[1] then done, known = tonumber(n), tonumber(k) end
local at, wrote = 6, false
for i = 1, tonumber(ARGV[5]) do
  local mark, fields = tonumber(ARGV[at]), tonumber(ARGV[at + 2])
  if i > done then
    if mark > 0 and redis.call('GET', KEYS[mark]) then
      known = known + 1
    else
      local id = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, at + 3, at + 2 + fields))
      if type(id) == 'table' then refused = id.err break end
      wrote = true
      if mark > 0 then redis.call('SET', KEYS[mark], '1', 'PX', ARGV[at + 1]) end
    end
    done = i
  end
  at = at + 3 + fields
end
if done > 0 then redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. done .. ' ' .. known, 'PX', ARGV[4]) end
if wrote and ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {done, known, refused}
`)

// noteFor is how long Redis keeps the number of a run's last batch: longer than an outage lasts.
const noteFor = 24 * time.Hour

// sideKeys begins the keys beside a stream, given its own key at Redis. The prefix of all names stands before the
// braces, which keep them in the stream's slot of a cluster.
func sideKeys(prefix, key string) string { return prefix + "{" + key + "}:" }

// batch is letters of one stream that are sent as one.
type batch struct {
	number  uint64
	letters []Letter
	weight  int64 // in bytes of memory
}

// call returns the keys and arguments of writeScript. prefix begins all names at Redis.
func (b *batch) call(prefix, run string, s *Settings) (keys []string, args []any) {
	key := prefix + b.letters[0].Stream
	side := sideKeys(prefix, key)
	keys = []string{key, side + "last:" + run}
	args = []any{b.number, s.Length, s.TTL.Milliseconds(), noteFor.Milliseconds(), len(b.letters)}
	for i := range b.letters {
		mark := 0
		digest, remember := b.letters[i].digest()
		if digest != "" {
			keys = append(keys, side+"seen:"+digest)
			mark = len(keys)
		}
		fields := b.letters[i].fields()
		args = append(append(args, mark, remember.Milliseconds(), len(fields)), fields...)
	}
	return keys, args
}

// parseWritten takes apart what writeScript returned.
func parseWritten(v any) (done, known int, refused string, err error) {
	list, _ := v.([]any)
	if len(list) != 3 {
		return 0, 0, "", fmt.Errorf("Redis returned %v for a script", v)
	}
	n, _ := list[0].(int64)
	k, _ := list[1].(int64)
	refused, _ = list[2].(string)
	return int(n), int(k), refused, nil
}
