package history

// Erasing: what is deleted from a stream is not to be had from memory for long.

import (
	"context"
	"slices"
	"time"

	"redis-relay/relay/upstream"
)

const (
	// eraseEvery is how often Redis is asked about what is kept here, and how long its answer
	// is waited for: what was deleted is gone after twice that.
	eraseEvery = 500 * time.Millisecond

	// heavyKept is the size of an oldest entry, in bytes, beyond which nothing is kept of a
	// stream: Redis copies it each time.
	heavyKept = 2 << 20
)

// there returns of each stream the IDs of a range, or the error of Redis. ARGV, for each:
// the first and the last ID, and how many there are at most.
var there = upstream.NewScript(`
local out = {}
for i, key in ipairs(KEYS) do
  local list, ids = redis.pcall('XRANGE', key, ARGV[3 * i - 2], ARGV[3 * i - 1], 'COUNT', ARGV[3 * i]), {}
  for _, entry in ipairs(list) do ids[#ids + 1] = entry[1] end
  out[i] = list.err or ids
end
return out
`)

// shape is what a stream is like. It changes with each entry that is added, or deleted.
type shape struct {
	newest        ID
	added, length int64
	deleted       ID // the greatest that was; zero: none, or this Redis does not know
}

// memory is what is kept of a channel, while Redis is asked about it.
type memory struct {
	channel     *channel
	first, last ID
	count       int
	shape       shape // of the stream
}

// eraseAll asks about all that is kept until ctx ends.
func (f *Feed) eraseAll(ctx context.Context) {
	ticker := time.NewTicker(eraseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for batch := range slices.Chunk(f.remembered(), maxQuestions) {
			f.erase(ctx, batch)
		}
	}
}

// remembered lists what is kept.
func (f *Feed) remembered() (list []memory) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		if n := len(c.recent.entries); n > 0 {
			list = append(list, memory{channel: c, first: c.recent.entries[0].ID, last: c.recent.entries[n-1].ID, count: n})
		}
	}
	return list
}

// erase forgets entries that are not in their streams any more. What cannot be asked about
// in time is forgotten, too: readers get it from Redis.
func (f *Feed) erase(ctx context.Context, list []memory) {
	ctx, cancel := context.WithTimeout(ctx, eraseEvery)
	defer cancel()
	questions := make([]question, len(list))
	for i, m := range list {
		questions[i].channel = m.channel.name
	}
	tails, err := ask(ctx, f.redis, "", "", 0, 0, questions)
	doubted := f.compare(list, tails, err)
	if len(doubted) == 0 {
		return
	}
	keys, args := make([]string, len(doubted)), make([]any, 0, 3*len(doubted))
	for i, m := range doubted {
		keys[i] = Key(m.channel.name)
		args = append(args, m.first, m.last, m.count)
	}
	v, err := f.redis.Eval(ctx, there, keys, args...)
	answers, _ := v.([]any)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, m := range doubted {
		var ids []any
		if err == nil && i < len(answers) {
			ids, _ = answers[i].([]any)
		}
		f.keepOnly(m, ids)
	}
}

// compare forgets what was trimmed, and returns the memories of which entries may have
// been deleted: of streams that have changed since, unless Redis knows that none that is
// kept was.
func (f *Feed) compare(list []memory, tails []tail, err error) (doubted []memory) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, m := range list {
		c := m.channel
		if err != nil || tails[i].refused != "" || tails[i].head > heavyKept || tails[i].length == 0 {
			f.forgetRecent(c)
			continue
		}
		t := &tails[i]
		f.filter(c, func(e *Entry) bool { return t.first.After(e.ID) })
		m.shape = t.shape()
		if known := t.knowsDeleted && m.first.After(t.deleted); known || m.shape == c.shape {
			c.shape = m.shape
			continue
		}
		doubted = append(doubted, m)
	}
	return doubted
}

// keepOnly forgets what Redis was asked about and has not.
func (f *Feed) keepOnly(m memory, ids []any) {
	has := make(map[ID]bool, len(ids))
	for _, v := range ids {
		text, _ := v.(string)
		if id, err := ParseID([]byte(text), 0); err == nil {
			has[id] = true
		}
	}
	f.filter(m.channel, func(e *Entry) bool {
		return !has[e.ID] && !m.first.After(e.ID) && !e.ID.After(m.last)
	})
	m.channel.shape = m.shape
}

// filter forgets entries.
func (f *Feed) filter(c *channel, gone func(e *Entry) bool) {
	c.recent.entries = slices.DeleteFunc(c.recent.entries, func(e Entry) bool {
		if !gone(&e) {
			return false
		}
		c.recent.bytes -= e.size()
		f.keptBytes -= e.size()
		return true
	})
}
