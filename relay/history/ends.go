package history

// Where streams end at one moment, for reads that take longer than that.

import (
	"math"
	"slices"
	"strings"

	"redis-relay/relay/upstream"
)

// ends returns the last ID ever given in each stream, or "" where that is not known. It changes nothing.
var ends = upstream.NewScript(`
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

// Ends finds out where the streams of channels end when all is carried out that was sent before, and nothing
// that is sent behind. done is called in the loop; an ID is nil where that is not known.
func Ends(main Main, channels []string, done func(ends []*ID)) {
	keys := make([]string, len(channels))
	for i, c := range channels {
		keys[i] = Key(c)
	}
	main.Eval(ends, keys, func(v any, _ error) {
		list, _ := v.([]any)
		found := make([]*ID, len(channels))
		for i := range found {
			if i >= len(list) {
				break
			}
			text, _ := list[i].(string)
			if id, err := ParseID([]byte(text), 0); err == nil {
				found[i] = &id
			}
		}
		done(found)
	})
}

// Until has a range end where its stream did.
func (q *Range) Until(end *ID) {
	upper := &q.To
	if q.Command == "XREVRANGE" {
		upper = &q.From
	}
	if end == nil {
		return
	}
	id, err := ParseID([]byte(strings.TrimPrefix(*upper, "(")), math.MaxUint64)
	if *upper == "+" || err == nil && id.After(*end) {
		*upper = end.String()
	}
}

// cut leaves out the entries that are behind the end.
func (p *Position) cut(entries []Entry) []Entry {
	if p.Until == nil {
		return entries
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.ID.After(*p.Until) })
	if i < 0 {
		return entries
	}
	return entries[:i]
}
