package replay

// Reading the streams.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/deadletter"
	"redis-relay/relay/upstream"
)

// Redis is a connection to it. It is upstream.Reader.
type Redis interface {
	// Eval may carry out a script twice.
	Eval(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
	// EvalOnce carries out a script once at most.
	EvalOnce(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
	Close()
}

// Kept is a letter in its stream.
type Kept struct {
	ID       string // of the entry
	Upstream string // that has the stream; empty: there is one upstream only
	TooLarge bool   // to be read whole: of Payload, and of longer texts, only the beginning is there
	deadletter.Letter
}

// Filter says which letters are meant; the zero value means all.
type Filter struct {
	Route     string    // by name
	Code      string    // INVALID and so on
	Direction string    // inbound or outbound
	Since     time.Time // when it was written, by the clock of Redis
}

func (f *Filter) admits(k *Kept) bool {
	return (f.Route == "" || f.Route == k.Route) && (f.Code == "" || strings.EqualFold(f.Code, k.Code)) &&
		(f.Direction == "" || f.Direction == k.Direction)
}

// from returns the first ID that may be meant.
func (f *Filter) from() string {
	if f.Since.IsZero() {
		return "-"
	}
	return strconv.FormatInt(max(0, f.Since.UnixMilli()), 10)
}

// readScript returns entries of the stream KEYS[1]: the ID, the fields, and 1 if the entry is too large, or 0. ARGV:
// the first and the last ID; how many entries at most; after how many bytes to end; how many bytes of a payload to
// return; how many bytes an entry may have, and how many of each value to return of a larger one. Entries are read one
// by one, since one may be large.
var readScript = upstream.NewScript(`
local out, from, budget = {}, ARGV[1], tonumber(ARGV[4])
while #out < tonumber(ARGV[3]) and budget > 0 do
  local entry = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', 1)[1]
  if not entry then break end
  local fields, size = entry[2], 0
  for i = 1, #fields do size = size + #fields[i] + 64 end
  entry[3] = size > tonumber(ARGV[6]) and 1 or 0
  for i = 1, #fields, 2 do
    if fields[i] == 'payload' then fields[i + 1] = string.sub(fields[i + 1], 1, tonumber(ARGV[5])) end
    if entry[3] == 1 then fields[i + 1] = string.sub(fields[i + 1], 1, tonumber(ARGV[7])) end
    budget = budget - #fields[i + 1] - 64
  end
  out[#out + 1] = entry
  from = '(' .. entry[1]
end
return out
`)

// lastScript returns the ID of the newest entry of the stream KEYS[1], or "".
var lastScript = upstream.NewScript(`
local entry = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return entry and entry[1] or ''
`)

const (
	pageLetters = 128
	pageBytes   = 1 << 20
	whole       = 1 << 30 // more than a payload has

	// An answer has one entry that large, and pageBytes of others, at most.
	maxEntry  = upstream.MaxAnswer - 2*pageBytes
	largeHead = 1 << 10 // of each value in a larger one
)

// read returns entries of a stream from one ID to another, at most so many, with the first head bytes of payloads.
func (s stream) read(ctx context.Context, from, to string, most, head int) (page []any, err error) {
	at := s.names.Own(s.key)
	v, err := s.redis.Eval(ctx, readScript, []string{at}, from, to, most, pageBytes, head, maxEntry, largeHead)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", at, err)
	}
	page, _ = v.([]any)
	return page, nil
}

// each calls f for the letters of a stream that are meant, oldest first, until f returns false. head is how many bytes
// of payloads are read; last is the last ID that is meant.
func (d *Desk) each(
	ctx context.Context, s stream, last string, filter *Filter, head int, f func(*Kept) (more bool, err error),
) error {
	for from := filter.from(); ; {
		page, err := s.read(ctx, from, last, pageLetters, head)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, entry := range page {
			k, err := s.parse(entry)
			if err != nil {
				return err
			}
			from = "(" + k.ID
			if !filter.admits(k) {
				continue
			}
			if more, err := f(k); err != nil || !more {
				return err
			}
		}
	}
}

// parse reads an entry.
func (s stream) parse(entry any) (*Kept, error) {
	list, _ := entry.([]any)
	if len(list) != 3 {
		return nil, fmt.Errorf("%s has an entry that cannot be read", s.key)
	}
	id, _ := list[0].(string)
	words, _ := list[1].([]any)
	fields := make(map[string]string, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		name, _ := words[i].(string)
		fields[name], _ = words[i+1].(string)
	}
	return &Kept{id, s.label, list[2] == int64(1), deadletter.Parse(s.key, fields)}, nil
}

// List calls f for letters, stream by stream and oldest first, until f returns an error. limit is how many at most; 0:
// all. Of payloads the first head bytes are there.
func (d *Desk) List(ctx context.Context, filter Filter, limit, head int, f func(*Kept) error) error {
	seen := 0
	for _, s := range d.streams {
		err := d.each(ctx, s, "+", &filter, head, func(k *Kept) (bool, error) {
			seen++
			return seen != limit, f(k)
		})
		if err != nil || limit > 0 && seen == limit {
			return err
		}
	}
	return nil
}

// Find returns the letter with an ID, whole unless it is TooLarge; nil: there is none. The first stream that has it
// counts.
func (d *Desk) Find(ctx context.Context, id string) (found *Kept, err error) {
	for _, s := range d.streams {
		page, err := s.read(ctx, id, id, 1, whole)
		if err != nil {
			return nil, err
		}
		if len(page) > 0 {
			return s.parse(page[0])
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}
