package history

// The ends of streams at one moment, for reads that take longer.

import (
	"slices"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// endsScript returns the last ID ever given in each stream, or "" if it is not known. It changes nothing.
var endsScript = upstream.NewScript(`
local out = {}
for i, key in ipairs(KEYS) do
  local info = redis.pcall('XINFO', 'STREAM', key)
  out[i] = ''
  for j = 1, info.err and 0 or #info, 2 do
    if info[j] == 'last-generated-id' then out[i] = info[j + 1] end
  end
  if info.err and string.find(info.err, 'no such key') then out[i] = '0-0' end
end
return out
`)

// Ends finds out where the streams of channels end when Redis has carried out all commands that were sent before,
// and none that is sent after. done is called in the loop, perhaps at once; an ID is nil if it is not known.
func Ends(main MainConn, names Names, channels []string, done func(ends []*stream.ID)) {
	keys := make([]string, len(channels))
	for i, c := range channels {
		keys[i] = names.Key(c)
	}
	main.Eval(endsScript, keys, func(v any, _ error) {
		list, _ := v.([]any)
		found := make([]*stream.ID, len(channels))
		for i := range found {
			if i >= len(list) {
				break
			}
			text, _ := list[i].(string)
			if id, err := stream.ParseID([]byte(text), 0); err == nil {
				found[i] = &id
			}
		}
		done(found)
	})
}

// cut leaves out entries behind Until.
func (p *Cursor) cut(entries []stream.Entry) []stream.Entry {
	if p.Until == nil {
		return entries
	}
	i := slices.IndexFunc(entries, func(e stream.Entry) bool { return e.ID.After(*p.Until) })
	if i < 0 {
		return entries
	}
	return entries[:i]
}
