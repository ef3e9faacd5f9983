package history

// Names in Redis, and the script that reads. The one that writes is in writer.go.

import (
	"context"
	"strings"

	"redis-relay/relay/upstream"
)

// Names in Redis.
const (
	SeqPrefix   = "relay:seq:"   // and the channel: where entries are announced
	FencePrefix = "relay:fence:" // and the relay's life: where tokens come back
)

// Key returns the key of a channel's stream. The braces keep it and the channel in
// one slot of a cluster.
func Key(channel string) string { return "history:{" + channel + "}" }

// channelOf is the reverse of Key.
func channelOf(key string) (channel string, ok bool) {
	channel, ok = strings.CutPrefix(key, "history:{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(channel, "}")
}

// Redis carries out a command and waits for the answer: nil, int64, string, []any
// or, in place of an array's element, an error. An error reply is an error whose
// text begins with Redis's code word.
type Redis interface {
	Do(ctx context.Context, args ...any) (any, error)
	// Eval runs a script, and sends its source if Redis does not know it (any more).
	Eval(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
}

// look reads streams and then publishes a token. KEYS: the streams. ARGV: the
// channel of the token, or ""; the token; how many bytes to return, beyond which one
// entry at most goes; then for each stream "(" and the ID behind which to begin, or "" for no entries,
// and about how many entries to return at most, or 0.
//
// For each stream it returns the error of Redis, or {last-generated-id,
// entries-added or -1, length, the first entry's ID, 1 if more is to be had,
// entries}. The ID and the time of Redis in milliseconds go with the token.
var look = upstream.NewScript(`
local out, budget = {}, tonumber(ARGV[3])
for i, key in ipairs(KEYS) do
  local from, most = ARGV[2 + 2 * i], tonumber(ARGV[3 + 2 * i])
  local info = redis.pcall('XINFO', 'STREAM', key)
  if info.err then
    out[i] = info.err
  else
    local newest, added, length, first = '0-0', -1, 0, ''
    for j = 1, #info, 2 do
      if info[j] == 'last-generated-id' then newest = info[j + 1] end
      if info[j] == 'entries-added' then added = info[j + 1] end
      if info[j] == 'length' then length = info[j + 1] end
    end
    local head = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)
    if head[1] then first = head[1][1] end
    local entries, more = {}, 0
    local count, largest = 1, 0 -- large entries are read one by one
    while from ~= '' do
      if budget <= 0 or most > 0 and #entries >= most then more = 1 break end
      local page = redis.call('XRANGE', key, from, '+', 'COUNT', count)
      for _, entry in ipairs(page) do
        if budget <= 0 then more = 1 break end -- small ones were followed by large ones
        entries[#entries + 1] = entry
        local size = 64
        for _, s in ipairs(entry[2]) do size = size + #s end
        budget, largest = budget - size, math.max(largest, size)
      end
      if more == 1 or #page < count then break end
      from = '(' .. page[count][1]
      count = math.max(1, math.min(16, math.floor(65536 / largest)))
    end
    out[i] = {newest, added, length, first, more, entries}
  end
end
if ARGV[1] == '' then return out end
local time = redis.call('TIME')
redis.call('PUBLISH', ARGV[1], ARGV[2] .. ' ' .. time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000)))
return out
`)
