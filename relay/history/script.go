package history

// Keys and channels in Redis, and the scripts that read. The script that writes is in package writer.

import (
	"context"
	"strings"

	"redis-relay/relay/upstream"
)

// SeqPrefix begins the names of the channels for announcements; the channel follows.
const SeqPrefix = "relay:seq:"

// KeyPrefix begins the key of a channel's stream; the channel follows, and a brace. The braces keep the key and the
// channel in one slot of a cluster.
const KeyPrefix = "history:{"

// Names says what Redis calls the streams of channels. Its methods may be called from anywhere.
type Names interface {
	// Key returns the key of a channel's stream.
	Key(channel string) string
	// Channel is the reverse of Key. ok is false for keys that are no channel's.
	Channel(key string) (channel string, ok bool)
	// Keys returns the patterns that match the keys of all channels that a pattern matches, and perhaps others.
	Keys(pattern string) []string
}

// Key returns the key of a channel's stream where Redis calls channels as local clients do.
func Key(channel string) string { return KeyPrefix + channel + "}" }

// PlainNames is Names where Redis calls channels as local clients do.
type PlainNames struct{}

// Key is the function Key.
func (PlainNames) Key(channel string) string { return Key(channel) }

// Channel is the reverse of Key.
func (PlainNames) Channel(key string) (channel string, ok bool) {
	channel, ok = strings.CutPrefix(key, KeyPrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(channel, "}")
}

// Keys returns one pattern.
func (PlainNames) Keys(pattern string) []string { return []string{Key(pattern)} }

// ReadConn is the reading connection: its methods wait for the answer, nil, int64,
// string, []any or, in place of an array's element, an error. An error reply is an error whose
// text begins with Redis's code word. They are called from goroutines, not from the loop. It is
// upstream.Reader.
type ReadConn interface {
	Do(ctx context.Context, args ...any) (any, error)
	// Eval runs a script, and sends its source if Redis does not know it.
	Eval(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
}

// readScript reads streams. KEYS: the streams. ARGV: "1" if facts are wanted of all streams, or ""; how
// many bytes to return, beyond which one entry at most goes; how many an entry may take; how many
// the oldest may take, for the stream to be looked at often; then for each stream "(" and the ID
// behind which to begin, or "+" for the newest entry alone, or "" for no entries, and about how many entries to return
// at most, or 0.
//
// For each stream it returns the error of Redis, or {last-generated-id,
// entries-added or -1, length, the first entry's ID, 1 if more is to be had,
// entries, 1 if the oldest is so large}. When facts are not wanted, of a stream of which entries are
// wanted it returns those, and whether there are more. An entry that takes more than it
// may is {ID, bytes, fields}. Behind the streams it returns the time of Redis in milliseconds.
//
// Redis copies an entry of which no more than its ID is wanted, too: over a second for
// 200 MiB. So XINFO is asked for one entry instead of two, and nothing follows a large one.
var readScript = upstream.NewScript(costs + `
local out, budget, largest, heavy = {}, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local some = false
for i, key in ipairs(KEYS) do
  local from, most = ARGV[3 + 2 * i], tonumber(ARGV[4 + 2 * i])
  local facts, head = {['last-generated-id'] = '0-0', ['entries-added'] = -1, length = 0}, {}
  local refused
  local newest = from == '+'
  if ARGV[1] ~= '' or from == '' then
    local info = redis.pcall('XINFO', 'STREAM', key, 'FULL', 'COUNT', 1)
    refused = info.err
    for j = 1, refused and 0 or #info, 2 do facts[info[j]] = info[j + 1] end
    head = facts.entries
    if not refused and not head then -- the embedded Redis does not tell
      head = redis.pcall('XRANGE', key, '-', '+', 'COUNT', 1)
      refused = head.err
    end
  end
  local entries, more = {}, 0
  local count, widest = 1, 0 -- large entries are read one by one
  while from ~= '' and not refused do
    if budget <= 0 or most > 0 and #entries >= most then more = 1 break end
    local page = newest and redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
      or redis.pcall('XRANGE', key, from, '+', 'COUNT', count)
    refused = page.err
    for _, entry in ipairs(page) do
      local cost, bytes = costs(entry)
      if budget <= 0 or some and cost > budget and cost <= largest then
        more = 1
        break
      end
      if cost > largest then entry = {entry[1], bytes, math.floor(#entry[2] / 2)} end
      entries[#entries + 1], some, budget, widest = entry, true, budget - cost, math.max(widest, cost)
    end
    if refused or more == 1 or newest or #page < count then break end
    from = '(' .. page[count][1]
    count = math.max(1, math.min(16, math.floor(65536 / widest)))
  end
  local first = head and head[1]
  out[i] = refused or {
    facts['last-generated-id'], facts['entries-added'], facts.length, first and first[1] or '', more, entries,
    first and costs(first) > heavy and 1 or 0,
  }
end
local time = redis.call('TIME')
out[#KEYS + 1] = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return out
`)

// costs is a function for scripts: how many bytes an entry takes in an answer, as
// upstream.MaxAnswer counts them, or a little more; and of those, bytes of its fields.
const costs = `
local function costs(entry)
  local bytes = 0
  for _, s in ipairs(entry[2]) do bytes = bytes + #s end
  return 256 + bytes + 48 * #entry[2], bytes
end
`

// measureScript returns {ID, bytes, fields} of the entry that a range of the stream KEYS[1]
// begins with, or nothing if it is empty. ARGV: XRANGE or XREVRANGE, and its two IDs.
var measureScript = upstream.NewScript(costs + `
local entry = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', 1)[1]
if not entry then return false end
local _, bytes = costs(entry)
return {entry[1], bytes, math.floor(#entry[2] / 2)}
`)
