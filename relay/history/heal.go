package history

// Asking Redis for what is missing, and handing it out.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/relay/resp"
)

const (
	maxQuestions = 64      // streams in one question
	maxAnswer    = 1 << 20 // bytes, about
	tokenTimeout = 5 * time.Second
	retryMin     = 50 * time.Millisecond
	retryMax     = 2 * time.Second
	tick         = 5 * time.Second // after which the fence is moved on, also when all is quiet
	scanPage     = 1000            // keys looked at by one SCAN
	maxScan      = 2_000_000       // keys; in a larger database nobody looks for streams
	maxCompared  = 16              // channels that are compared with their streams at a tick
)

var (
	errManyKeys = errors.New("the database is too large")
	errNoFence  = errors.New("Redis does not let the relay hear " + FencePrefix + "*")
	errNoToken  = errors.New("the token of a question has not come back")
)

// Run asks until ctx ends. It always returns nil.
func (f *Feed) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { f.ask(ctx); return nil })
	g.Go(func() error { f.findAll(ctx); return nil })
	for range maxFetches {
		g.Go(func() error { f.fetchAll(ctx); return nil })
	}
	return g.Wait()
}

func (f *Feed) ask(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	retry := retryMin
	for ctx.Err() == nil {
		more, err := f.askOnce(ctx)
		wait := time.Duration(0)
		if err != nil && ctx.Err() == nil {
			f.log.Debug("cannot read streams", zap.Error(err))
			wait, retry = retry, min(2*retry, retryMax)
		} else {
			retry = retryMin
		}
		if more && wait == 0 {
			continue
		}
		if wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-ticker.C:
			f.ticked()
		}
	}
}

// askOnce looks at the next channels of the queue. more tells that there is more to do
// now.
func (f *Feed) askOnce(ctx context.Context) (more bool, err error) {
	f.mu.Lock()
	f.resume()
	if !f.up || len(f.queue) == 0 && !f.beat {
		f.mu.Unlock()
		return false, nil
	}
	n := min(len(f.queue), maxQuestions)
	batch, life := f.queue[:n:n], f.lives
	f.queue, f.beat = f.queue[n:], false
	f.mu.Unlock()
	err = f.askAbout(ctx, life, batch)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up && len(f.queue) > 0, err
}

// askTogether looks at channels in one question. With an error nothing is done about
// them.
func (f *Feed) askTogether(ctx context.Context, life uint64, batch []*channel) error {
	list, number, err := f.inquire(life, batch)
	if list == nil {
		return err
	}
	tails, err := ask(ctx, f.redis, f.fence, tokenText(number), maxAnswer, f.largest(), list)
	if err == nil && !f.awaitToken(ctx, life, number) {
		err = errNoToken
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batch = nil
	switch {
	case life != f.lives || !f.up:
		return nil // all that is behind is queued again
	case err != nil:
		return err
	}
	for i, c := range batch {
		c.asked, c.failed = false, 0
		if f.channels[c.name] != c {
			continue // nobody wants it any more
		}
		if c.state == behind && !c.last.IsZero() && !list[i].entries {
			f.enqueue(c) // it fell behind after it was asked about
			continue
		}
		f.settle(c, &tails[i])
	}
	f.ears.Flush()
	return nil
}

// inquire makes a question of channels: none, if the connection was lost since they were
// taken off the queue, or the answer could not be compared with messages.
func (f *Feed) inquire(life uint64, batch []*channel) (list []question, token uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if life != f.lives || !f.up || f.unfenced != nil {
		return nil, 0, f.unfenced
	}
	f.batch, list = batch, []question{}
	f.token++
	for _, c := range batch {
		list = append(list, question{
			channel: c.name, after: c.last, entries: c.state == behind && !c.last.IsZero(),
		})
	}
	return list, f.token, nil
}

// largest is how many bytes an entry may take that is read for listeners: a little more
// than they may be sent.
func (f *Feed) largest() int { return int(min(f.payload.Load()+64<<10, maxEntry)) }

// awaitToken returns once the token is back. It reports false when the connection
// was lost or the token is late.
func (f *Feed) awaitToken(ctx context.Context, life, number uint64) bool {
	timer := time.NewTimer(tokenTimeout)
	defer timer.Stop()
	for {
		f.mu.Lock()
		back, same := f.fenced >= number, f.up && f.lives == life
		f.mu.Unlock()
		if back || !same {
			return back && same
		}
		select {
		case <-f.passed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// ticked moves the fence on, so that it is known of each moment whether what was
// published by then has come, lets channels go that nobody reads any more, and
// compares some of the others with their streams.
func (f *Feed) ticked() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		f.expireRecent(c)
		f.rest(c)
	}
	f.compareSome()
	f.beatLocked()
}

// compareSome finds what did not come though the connection stands: entries that
// somebody added by hand, or whose broadcast Redis refused. Which channels it looks
// at is left to the order of the map, which is another one each time. One that costs
// Redis too much is left out.
func (f *Feed) compareSome() {
	if !f.up {
		return
	}
	n := 0
	for _, c := range f.channels {
		if c.state != live || c.heavy {
			continue
		}
		f.enqueue(c)
		if n++; n == maxCompared {
			return
		}
	}
}

// beatLocked has a question asked about nothing, for its token, if anybody hears
// channels with history.
func (f *Feed) beatLocked() {
	if len(f.channels) > 0 || len(f.ears.Patterns()) > 0 {
		f.beat = true
		signal(f.wake)
	}
}

// settle compares what Redis says of a channel with what its listeners have, and
// makes good the difference. All that had been published by then has arrived.
func (f *Feed) settle(c *channel, t *tail) {
	c.heavy, c.blind = t.heavy, nil
	if c.state != behind {
		f.baseline(c, t)
		return
	}
	switch {
	case c.last.IsZero():
		f.unknown(c, t)
	case t.refused != "":
		f.gone(c, t)
	case c.exact && t.newest.Compare(c.last) < 0:
		f.miss(Gap{Channel: c.name, After: c.last, Cause: "the stream was made anew, or lost its newest entries"})
		c.last = t.newest
		f.forgetRecent(c)
	default:
		f.trimmed(c, t)
		f.replay(c, t)
	}
	f.proceed(c, t)
}

// baseline notes where a channel stands that misses nothing, as far as is known.
func (f *Feed) baseline(c *channel, t *tail) {
	switch {
	case c.state == fresh:
		c.state, c.exact, c.last = live, true, before(f.seen)
		if t.refused == "" && !t.newest.IsZero() {
			c.last = t.newest
		}
		c.recent.restart(c.last)
	case c.settled && t.newest.After(c.last):
		f.log.Info("the stream has entries that nobody announced; reading them", zap.String("channel", c.name))
		f.fallBehind(c)
		return
	}
	f.recount(c, t, c.passed-c.mark)
	f.served(c)
}

// recount begins to count anew, and tells of entries that were overlooked: somebody
// added them by hand, with IDs before what has been heard. Readers that have gone on
// missed them, too.
func (f *Feed) recount(c *channel, t *tail, since int64) {
	if n := c.overlooked(t, since); n > 0 {
		f.miss(Gap{
			Channel: c.name, Missing: n,
			Cause: "entries were added to the stream that nobody announced, with IDs before what was heard",
		})
		f.forgetRecent(c) // they are not among them
	}
	c.counted(t, since)
}

// unknown is a loss so early that it is not known what came before it.
func (f *Feed) unknown(c *channel, t *tail) {
	switch {
	case t.absent:
	case t.refused != "":
		f.gone(c, t)
	case t.length > 0:
		f.miss(Gap{Channel: c.name, Cause: "the connection was lost before it was known where the stream stood"})
	}
	if c.last = before(f.seen); t.newest.After(c.last) {
		c.last = t.newest
	}
	c.exact = true
}

// gone is a stream that cannot be read. If it can have ended by its time to live,
// with nothing in it that was missed, nothing is.
func (f *Feed) gone(c *channel, t *tail) {
	switch {
	case !t.absent:
		f.miss(Gap{Channel: c.name, After: c.last, Cause: "its stream cannot be read: " + t.refused})
	case !c.exact, c.base == 0 && c.passed == 0: // nobody has heard an entry of it
	case !f.mayHaveExpired(c):
		f.miss(Gap{Channel: c.name, After: c.last, Cause: "its stream was deleted"})
	}
}

// mayHaveExpired tells whether the stream can have ended by its time to live, with
// nothing in it that was missed.
func (f *Feed) mayHaveExpired(c *channel) bool {
	kept := f.ears.Kept(c.name) * 3 / 4 // it is renewed when a quarter has gone
	ms := uint64(kept.Milliseconds())   //nolint:gosec // not negative
	return ms > 0 && c.last.Ms+ms <= f.seen && f.lostAt+ms >= f.seen
}

// trimmed tells of entries that were trimmed before they could be read.
func (f *Feed) trimmed(c *channel, t *tail) {
	oldest := t.first
	if oldest.IsZero() {
		oldest = t.newest // and even that is gone
	}
	if !c.exact || !oldest.After(c.last) {
		return
	}
	missing := int64(0)
	if c.base >= 0 && t.added >= 0 {
		missing = t.added - c.base - c.passed - t.length
	}
	switch {
	case c.base < 0 || t.added < 0:
	case missing == 0:
		return
	case missing < 0: // fewer were ever added than listeners have
		if !f.mayHaveExpired(c) {
			f.miss(Gap{Channel: c.name, After: c.last, Before: t.first, Cause: "the stream was made anew"})
		}
		return
	}
	f.miss(Gap{
		Channel: c.name, After: c.last, Before: t.first, Missing: missing,
		Cause: "the stream was trimmed past the gap; a greater history.length keeps more",
	})
	c.passed += missing
}

// replay hands out the entries that are missing: all, or those before the first
// that was held. What listeners do not take now is read again.
func (f *Feed) replay(c *channel, t *tail) {
	end, some := c.firstHeld()
	exact, patterns := f.ears.Names(c.name)
	turn := f.turn(c)
	for i, e := range t.entries {
		joined := some && e.ID.Compare(end) >= 0
		if joined || !turn.take(e.size()*(1+len(patterns))) {
			t.more = !joined
			t.entries = t.entries[:i]
			break
		}
		last := c.last
		exact, patterns := c.half.without(e.ID, exact, patterns)
		if e.ID == c.half.id {
			c.last = e.ID
			c.passed++
		} else {
			f.passEntry(c, e)
		}
		payload, problem := f.toDeliver(&e)
		if problem != "" {
			f.miss(Gap{
				Channel: c.name, After: last, Missing: 1, Entry: e.ID, Size: e.bytes(), Cause: problem,
			})
			continue
		}
		f.healed++
		f.deliverEntry(c.name, e.ID, payload, exact, patterns)
	}
}

// toDeliver returns what listeners get of an entry, or why they cannot get any.
func (f *Feed) toDeliver(e *Entry) (payload []byte, problem string) {
	payload, ok := e.Payload()
	switch limit := f.payload.Load(); {
	case e.large != nil, int64(len(payload)) > limit:
		return nil, fmt.Sprintf("entry %v of %d bytes is over limits.payload (%d)", e.ID, e.bytes(), limit)
	case !ok:
		return nil, fmt.Sprintf("entry %v was not written by a relay and has no field %s", e.ID, DefaultField)
	}
	return payload, ""
}

// deliverEntry makes the frames that Redis would have sent.
func (f *Feed) deliverEntry(channel string, id ID, payload []byte, exact bool, patterns []string) {
	name := []byte(channel)
	if exact {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), name, payload)
		d := delivery(frame)
		d.ID = resp.EntryID(id)
		f.ears.Deliver(&d)
	}
	for _, p := range patterns {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.PMessage.String(), []byte(p), name, payload)
		d := delivery(frame)
		d.ID = resp.EntryID(id)
		f.ears.Deliver(&d)
	}
}

// proceed goes on with a channel of which one answer has been handed out.
func (f *Feed) proceed(c *channel, t *tail) {
	if t.more {
		f.goOn(c)
		return
	}
	c.half = half{}
	_, some := c.firstHeld()
	since, all := f.release(c, t.newest, f.turn(c))
	if !all {
		f.keepBack(c)
		return
	}
	switch {
	case c.overflow, some && t.newest.After(c.last): // what was not held, or not announced, is still to be read
		c.overflow = false
		f.fallBehind(c)
	default:
		f.recount(c, t, since)
		if t.newest.After(c.last) {
			c.last = t.newest // it was trimmed, or deleted
		}
	}
	f.caughtUp(c)
}

// caughtUp tells of what could not be held, and serves readers.
func (f *Feed) caughtUp(c *channel) {
	if c.dropped > 0 {
		f.miss(Gap{
			Channel: c.name, After: c.last, Missing: c.dropped,
			Cause: "messages without history were let go: they had to wait for entries that were missing",
		})
		c.dropped = 0
	}
	f.served(c)
	if c.state == live {
		c.passBarriers()
	}
}

// release hands out what was held, as far as it may now (nil: all), and counts the
// entries in it that came after one. It makes the channel a live one.
func (f *Feed) release(c *channel, newest ID, turn *turn) (since int64, all bool) {
	list := c.held
	c.state, c.held = live, nil
	for i, h := range list {
		// All who hear an entry get it together: one that was read again would go to all.
		if turn != nil && !turn.take(len(h.frame)) && !h.copy {
			clear(list[:i])
			c.held = list[i:]
			return since, false
		}
		f.heldBytes -= len(h.frame)
		d := delivery(h.frame)
		d.ID = resp.EntryID(h.id)
		if !h.id.IsZero() && !h.copy {
			f.pass(c, h.id, h.field, d.Payload)
			if h.id.After(newest) {
				since++
			}
		}
		f.ears.Deliver(&d)
	}
	return since, true
}

// findAll looks for channels after each loss, until ctx ends. It may take long, in a
// large database, so nothing else waits for it.
func (f *Feed) findAll(ctx context.Context) {
	retry := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.find:
		}
		if err := f.lookForChannels(ctx); err == nil {
			retry = 0
			continue
		} else if ctx.Err() == nil {
			f.log.Debug("cannot look for streams", zap.Error(err))
		}
		retry = min(max(2*retry, retryMin), retryMax)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
			signal(f.find)
		}
	}
}

// lookForChannels finds, after a loss, the channels that a pattern matches and that
// were never heard before: entries of theirs may be missing, too.
func (f *Feed) lookForChannels(ctx context.Context) error {
	f.mu.Lock()
	if !f.up || !f.looking {
		f.mu.Unlock()
		return nil
	}
	patterns, life := f.ears.Patterns(), f.lives
	f.mu.Unlock()

	found, err := f.scan(ctx, patterns)
	if err != nil && !lasting(err) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if life != f.lives || !f.up {
		return nil
	}
	f.looking = false
	for _, p := range patterns {
		if err != nil {
			f.miss(Gap{Pattern: p, Cause: "channels not heard before were not all looked for: " + err.Error()})
		}
	}
	for _, name := range found {
		if _, known := f.channels[name]; known {
			continue
		}
		if _, patterns := f.ears.Names(name); len(patterns) > 0 {
			f.enqueue(f.begin(name, behind, before(f.lostAt)))
		}
	}
	return nil
}

// scan lists the channels with a stream that patterns match, and others where that is
// for Names to say; with an error, those that it has found until then.
func (f *Feed) scan(ctx context.Context, patterns []string) (list []string, err error) {
	match := Key("*") // once for all of them
	switch {
	case len(patterns) == 0:
		return nil, nil
	case len(patterns) == 1 && !strings.ContainsAny(patterns[0], `[\`): // which could take in the brace behind it
		match = Key(patterns[0])
	}
	cursor := "0"
	for looked := 0; looked < maxScan; looked += scanPage {
		v, err := f.redis.Do(ctx, "SCAN", cursor, "MATCH", match, "COUNT", scanPage, "TYPE", "stream")
		if err != nil {
			return list, fmt.Errorf("look for streams of %q: %w", match, err)
		}
		answer, _ := v.([]any)
		if len(answer) != 2 {
			return list, fmt.Errorf("%w: SCAN: %v", errAnswer, v)
		}
		keys, _ := answer[1].([]any)
		for _, k := range keys {
			key, _ := k.(string)
			if channel, ok := channelOf(key); ok {
				list = append(list, channel)
			}
		}
		if cursor, _ = answer[0].(string); cursor == "0" || cursor == "" {
			return list, nil
		}
	}
	return list, errManyKeys
}
