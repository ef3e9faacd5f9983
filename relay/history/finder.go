package history

// Finding channels that nobody has heard before.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
)

const (
	scanPage = 1000      // keys looked at by one SCAN
	maxScan  = 2_000_000 // keys; in a larger database nobody looks for streams
)

var errManyKeys = errors.New("the database is too large")

// finder looks, after a loss, for the channels that a pattern matches and that were never heard before:
// entries of theirs may be missing, too. That may take long, in a large database, so nothing else waits
// for it.
type finder struct {
	feed    *Feed
	looking bool // a goroutine does
	retry   time.Duration
	pause   *loop.Timer // before it looks again; nil: it never failed
}

// look has somebody look, unless there is nothing to be found.
func (n *finder) look() {
	f := n.feed
	if n.looking || !f.up || !f.past.looking {
		return
	}
	patterns, life := f.local.Patterns(), f.lives
	if f.past.lostAt == 0 {
		f.past.looking = false
		n.tell(patterns, "the connection was lost before it was known where their streams stood")
		return
	}
	n.looking = true
	f.work.beside(func(ctx context.Context) func() {
		found, err := scan(ctx, f.redis, patterns)
		return func() {
			n.looking = false
			n.looked(life, patterns, found, err)
		}
	})
}

// looked takes what was found.
func (n *finder) looked(life uint64, patterns, found []string, err error) {
	f := n.feed
	switch {
	case !f.up:
		return
	case life != f.lives:
		n.look()
		return
	case err != nil && !lasting(err):
		n.again(err)
		return
	}
	n.retry, f.past.looking = 0, false
	if err != nil {
		n.tell(patterns, "channels not heard before were not all looked for: "+err.Error())
	}
	for _, name := range found {
		if c := f.channels[name]; c != nil && c.state != unheard {
			continue
		}
		if _, patterns := f.local.Names(name); len(patterns) > 0 {
			f.known.begin(name, behind, before(f.past.lostAt))
		}
	}
}

// tell says that channels may have lost messages that were not found.
func (n *finder) tell(patterns []string, cause string) {
	for _, p := range patterns {
		n.feed.miss(Gap{Pattern: p, Cause: cause})
	}
}

// again looks once more, after a while.
func (n *finder) again(err error) {
	n.feed.log.Debug("cannot look for streams", zap.Error(err))
	n.retry = min(max(2*n.retry, retryMin), retryMax)
	if n.pause == nil {
		n.pause = n.feed.loop.AfterFunc(n.retry, n.look)
		return
	}
	n.pause.Reset(n.retry)
}

func (n *finder) stop() {
	if n.pause != nil {
		n.pause.Stop()
	}
}

// scan lists the channels with a stream that patterns match, and others where that is
// for Names to say; with an error, those that it has found until then.
func scan(ctx context.Context, redis Redis, patterns []string) (list []string, err error) {
	match := Key("*") // once for all of them
	switch {
	case len(patterns) == 0:
		return nil, nil
	case len(patterns) == 1 && !strings.ContainsAny(patterns[0], `[\`): // which could take in the brace behind it
		match = Key(patterns[0])
	}
	cursor := "0"
	for looked := 0; looked < maxScan; looked += scanPage {
		v, err := redis.Do(ctx, "SCAN", cursor, "MATCH", match, "COUNT", scanPage, "TYPE", "stream")
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
