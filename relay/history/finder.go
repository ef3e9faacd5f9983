package history

// Finding channels that had no listener before.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/stream"
)

const (
	scanPage = 1000      // keys looked at by one SCAN
	maxScan  = 2_000_000 // keys; a larger database is not searched
)

var errManyKeys = errors.New("the database is too large")

// finder searches, after a loss, for channels that a pattern matches and that had no listener before: they
// may miss entries, too. In a large database that takes long, so nothing else waits for it.
type finder struct {
	*given
	link     *link
	channels *channels
	past     *past
	gaps     *gaps
	work     *work

	running    bool // a goroutine searches
	retry      time.Duration
	retryTimer *loop.Timer // before the next search; nil: no search has failed yet
}

// start begins to search, unless there is nothing to find.
func (n *finder) start() {
	if n.running || !n.link.up || !n.past.searching {
		return
	}
	patterns, session := n.local.Patterns(), n.link.session
	if n.past.lostAt == 0 {
		n.past.searching = false
		n.tellPatterns(patterns, "the connection was lost before it was known where their streams stood")
		return
	}
	n.running = true
	n.work.beside(func(ctx context.Context) func() {
		found, err := scan(ctx, n.readConn, n.names, patterns)
		return func() {
			n.running = false
			n.finished(session, patterns, found, err)
		}
	})
}

// finished takes the channels that were found.
func (n *finder) finished(session uint64, patterns, found []string, err error) {
	switch {
	case !n.link.up:
		return
	case session != n.link.session:
		n.start()
		return
	case err != nil && !lasting(err):
		n.retryLater(err)
		return
	}
	n.retry, n.past.searching = 0, false
	if err != nil {
		n.tellPatterns(patterns, "channels not heard before were not all looked for: "+err.Error())
	}
	for _, name := range found {
		if c := n.channels.byName[name]; c != nil && c.state != unsubscribed {
			continue
		}
		if _, patterns := n.local.Names(name); len(patterns) > 0 {
			n.channels.start(name, behind, stream.Before(n.past.lostAt))
		}
	}
}

// tellPatterns tells of a gap in channels that were not found.
func (n *finder) tellPatterns(patterns []string, cause string) {
	for _, p := range patterns {
		n.gaps.tell(Gap{Pattern: p, Cause: cause})
	}
}

// retryLater searches once more, after a while.
func (n *finder) retryLater(err error) {
	n.log.Debug("cannot look for streams", zap.Error(err))
	n.retry = min(max(2*n.retry, retryMin), retryMax)
	if n.retryTimer == nil {
		n.retryTimer = n.loop.AfterFunc(n.retry, n.start)
		return
	}
	n.retryTimer.Reset(n.retry)
}

func (n *finder) stop() {
	if n.retryTimer != nil {
		n.retryTimer.Stop()
	}
}

// scan lists the channels with a stream that patterns match. Listeners.Names tells which others are in
// the list. With an error it returns the channels found until then.
func scan(ctx context.Context, redis ReadConn, names Names, patterns []string) (list []string, err error) {
	match := "*" // once for all of them
	switch {
	case len(patterns) == 0:
		return nil, nil
	case len(patterns) == 1 && !strings.ContainsAny(patterns[0], `[\`): // which could take in the brace behind it
		match = patterns[0]
	}
	for _, keys := range names.Keys(match) {
		found, err := scanKeys(ctx, redis, names, keys)
		if list = append(list, found...); err != nil {
			return list, err
		}
	}
	return list, nil
}

// scanKeys lists the channels whose stream has a key that a pattern matches.
func scanKeys(ctx context.Context, redis ReadConn, names Names, match string) (list []string, err error) {
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
			if channel, ok := names.Channel(key); ok {
				list = append(list, channel)
			}
		}
		if cursor, _ = answer[0].(string); cursor == "0" || cursor == "" {
			return list, nil
		}
	}
	return list, errManyKeys
}
