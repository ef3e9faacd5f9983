package replay

// Publishing what passes now.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"redis-relay/relay/upstream"
)

// Outcomes of replayScript for one letter; any other is the error of Redis.
const (
	published = "published"
	unheard   = "unheard" // it is in its history, and Redis refused to broadcast it
	gone      = "gone"
)

// replayScript publishes letters of the stream KEYS[1] and deletes them, each once. ARGV has for each letter its ID,
// the channel, and how: 0; -1 on a shard channel; or, for a message with history, the index of its stream in KEYS. Then
// follow about how many entries that keeps, its time to live in milliseconds or 0, the channel of announcements, the
// announcement behind the ID, and the field. It returns a word for each letter.
//
// Whether entries may be deleted is tried first, since a letter that is published and stays would be published again.
var replayScript = upstream.NewScript(`
local may = redis.pcall('XDEL', KEYS[1], '0-0')
if type(may) == 'table' then return {err = 'ERR XDEL ' .. KEYS[1] .. ': ' .. may.err} end
local out, at = {}, 1
while ARGV[at] do
  local id, channel, key, head = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), at + 3
  at = head + (key > 0 and 5 or 0)
  local entry, outcome, payload, heard = redis.call('XRANGE', KEYS[1], id, id)[1], 'published'
  for i = 1, entry and #entry[2] or 0, 2 do
    if entry[2][i] == 'payload' then payload = entry[2][i + 1] end
  end
  if not payload then
    out[#out + 1] = 'gone'
  else
    if key > 0 then
      heard = redis.pcall('XADD', KEYS[key], 'MAXLEN', '~', ARGV[head], '*', ARGV[head + 4], payload)
      if type(heard) == 'string' then
        redis.call('XDEL', KEYS[1], id) -- readers have it from here on
        if ARGV[head + 1] ~= '0' then redis.pcall('PEXPIRE', KEYS[key], ARGV[head + 1]) end
        local told = redis.pcall('PUBLISH', ARGV[head + 2], heard .. ' ' .. ARGV[head + 3])
        local sent = redis.pcall('PUBLISH', channel, payload)
        if type(told) == 'table' or type(sent) == 'table' then outcome = 'unheard' end
      end
    else
      heard = redis.pcall(key < 0 and 'SPUBLISH' or 'PUBLISH', channel, payload)
      if type(heard) == 'number' then redis.call('XDEL', KEYS[1], id) end
    end
    out[#out + 1] = type(heard) == 'table' and heard.err or outcome
  end
end
return out
`)

// maxReplay is how many letters one call of the script publishes: Redis serves nobody else meanwhile.
const maxReplay = 64

// maxReplayBytes is about how many bytes of payloads one call publishes; one letter alone may have more.
const maxReplayBytes = 1 << 20

// Counts are those of a replay.
type Counts struct {
	Seen      int
	Published int            // with a dry run: would be
	Unheard   int            // of Published: in their history, and Redis refused to broadcast them
	Gone      int            // before they could be published: another replay, or the bound of the stream
	Kept      map[string]int // still refused, by the code
}

// Left returns how many were kept.
func (c *Counts) Left() (n int) {
	for _, kept := range c.Kept {
		n += kept
	}
	return n
}

// Options say what to replay.
type Options struct {
	Filter
	Limit    int  // letters to look at; 0: all
	DryRun   bool // judge, and change nothing
	Progress func(*Counts)
	Refused  func(k *Kept, code, reason string) // is told of each letter that stays
}

// Replay publishes the letters that pass now, stream by stream and oldest first, up to those that were there at its
// beginning. If it returns an error, what it has counted is true, and of the letters under way, at most 64, each is
// published or still there: those are seen, and counted as nothing else.
func (d *Desk) Replay(ctx context.Context, o *Options) (Counts, error) {
	r := &replaying{Desk: d, Options: o, Counts: Counts{Kept: map[string]int{}}}
	for _, s := range d.streams {
		at := s.names.Own(s.key)
		v, err := s.redis.Eval(ctx, lastScript, []string{at})
		if err != nil {
			return r.Counts, fmt.Errorf("read %s: %w", at, err)
		}
		last, _ := v.(string)
		if last == "" {
			continue
		}
		r.stream = s
		err = d.each(ctx, s, last, &o.Filter, whole, func(k *Kept) (bool, error) { return r.take(ctx, k) })
		if err == nil {
			err = r.flush(ctx)
		}
		if err != nil || r.isEnough() {
			return r.Counts, err
		}
	}
	return r.Counts, nil
}

// replaying is a replay under way.
type replaying struct {
	*Desk
	*Options
	Counts

	stream stream
	plans  []plan // that are to be published next
	kept   []*Kept
	bytes  int // of their payloads
}

func (r *replaying) isEnough() bool { return r.Limit > 0 && r.Seen >= r.Limit }

// take judges a letter, and publishes when there are enough.
func (r *replaying) take(ctx context.Context, k *Kept) (more bool, err error) {
	r.Seen++
	v := r.judge(r.stream.place, k, !r.DryRun)
	switch {
	case v.code != "":
		r.stays(k, v.code, v.reason)
	case r.DryRun:
		r.Published++
	default:
		if v.wait > 0 {
			if err := r.pause(ctx, v.wait); err != nil {
				return false, err
			}
		}
		r.plans, r.kept = append(r.plans, newPlan(k, v.policy)), append(r.kept, k)
		if r.bytes += len(k.Payload); len(r.plans) == maxReplay || r.bytes > maxReplayBytes {
			err = r.flush(ctx)
		}
	}
	if r.Seen%maxReplay == 0 {
		r.progress()
	}
	return !r.isEnough(), err
}

// pause publishes what is ready and waits.
func (r *replaying) pause(ctx context.Context, wait time.Duration) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.progress()
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *replaying) progress() {
	if r.Progress != nil {
		r.Progress(&r.Counts)
	}
}

func (r *replaying) stays(k *Kept, code, reason string) {
	r.Kept[code]++
	if r.Refused != nil {
		r.Refused(k, code, reason)
	}
}

// flush publishes what was collected.
func (r *replaying) flush(ctx context.Context) error {
	if len(r.plans) == 0 {
		return nil
	}
	plans, kept := r.plans, r.kept
	r.plans, r.kept, r.bytes = nil, nil, 0
	keys, args := r.call(r.stream, plans)
	v, err := r.stream.redis.EvalOnce(ctx, replayScript, keys, args...)
	if err != nil {
		r.runs++
		clear(r.counts)
		return fmt.Errorf("publish: %w", err)
	}
	list, _ := v.([]any)
	if len(list) != len(plans) {
		return fmt.Errorf("Redis returned %v for a script", v)
	}
	outcomes := make([]string, len(list))
	for i := range list {
		outcomes[i], _ = list[i].(string)
		switch outcomes[i] {
		case published:
			r.Published++
		case unheard:
			r.Published++
			r.Unheard++
		case gone:
			r.Gone++
		default:
			code, _, _ := strings.Cut(outcomes[i], " ")
			r.stays(kept[i], code, outcomes[i])
		}
	}
	r.note(plans, outcomes)
	return nil
}
