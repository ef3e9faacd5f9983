package command

// Watching what passes through the relay.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"redis-relay/relay/tail"
)

// retryAfter is the pause between attempts to find a relay that is away.
const retryAfter = time.Second

// tailing is what tail is told.
type tailing struct {
	*terminal
	relay running
	tail.Options
	json, retry bool
	count       int // messages; 0: no end

	seen int  // messages so far
	away bool // no relay is there, and that was said
}

func (p *program) tailCommand() *cobra.Command {
	t := &tailing{terminal: &p.terminal, relay: running{&p.source}, Options: tail.Options{Rate: tail.DefaultRate}}
	cmd := &cobra.Command{
		Use: "tail [PATTERN...]", Short: "print what passes through the running relay, and what it refuses",
		SuggestFor: []string{"monitor", "watch", "follow"},
		Args: func(*cobra.Command, []string) error {
			if t.Rate < 1 || t.Rate > tail.MaxRate {
				return wrongUsage("--rate is a number of messages a second, 1 to %d", tail.MaxRate)
			}
			return positive("--count", t.count)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `For example:
  redis-relay tail 'chat:*'
  redis-relay tail --rejected --full -n 1
  redis-relay tail --json | jq .channel

Each line has the time, in (from Redis) or out (published on this host), ok or the code
of the error, the channel, its route, the message's kind, the publisher if it is known,
and the payload. It shows what passes: it subscribes to nothing, so messages from Redis
are those that somebody on this host listens to. What your user may not listen to is not
shown. What is over the rate, or comes faster than it is read, is counted and told.

When the relay goes away, tail ends with code 1; with -F it tries again every second,
at the start, too, as tail -F does. Ctrl-C ends it with code 0.`,
		RunE: func(_ *cobra.Command, patterns []string) error {
			for _, pattern := range patterns {
				t.Patterns = append(t.Patterns, []byte(pattern))
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return t.print(ctx)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&t.Full, "full", false, fmt.Sprintf("print whole payloads, not only %d bytes of each", tail.MaxShown))
	flags.BoolVar(&t.Rejected, "rejected", false, "print only what is refused, or invalid")
	flags.IntVar(&t.Rate, "rate", t.Rate, fmt.Sprintf("print at most `N` messages a second, 1 to %d (default %d)",
		tail.MaxRate, tail.DefaultRate))
	flags.BoolVar(&t.json, "json", false, "print each message as a line of JSON")
	flags.IntVarP(&t.count, "count", "n", 0, "end after `COUNT` messages")
	flags.BoolVarP(&t.retry, "retry", "F", false, "try again when the relay is away")
	return cmd
}

// positive refuses a number that is negative.
func positive(flag string, n int) error {
	if n < 0 {
		return wrongUsage("%s: %d is negative", flag, n)
	}
	return nil
}

// print prints until ctx ends or enough was seen. A relay that is away ends it, too, unless it is to try again.
func (t *tailing) print(ctx context.Context) error {
	for {
		err := t.printOnce(ctx)
		var refused errorReply
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !t.retry || errors.As(err, &refused):
			return err
		case !t.away:
			t.away = true
			_, _ = fmt.Fprintf(t.stderr, "redis-relay: %v; trying again\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

// printOnce prints what one connection brings.
func (t *tailing) printOnce(ctx context.Context) error {
	c, err := t.relay.dial(ctx, "redis-relay-tail")
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.do(append([]string{"MONITOR"}, t.Args()...)...); err != nil {
		return err
	}
	if t.away {
		t.away = false
		_, _ = fmt.Fprintln(t.stderr, "redis-relay: the relay is there again")
	}
	out := t.printer(t.json)
	defer func() { _ = out.flush() }() // what an end from outside has left
	out.hint("watching; Ctrl-C ends")
	for t.count == 0 || t.seen < t.count {
		v, err := c.receive()
		if err != nil {
			return err
		}
		line, err := tail.Parse(string(v.Str))
		if err != nil {
			return err
		}
		if line.LeftOut == 0 {
			t.seen++
		}
		if out.passed(&line); c.in.Buffered() == 0 || t.seen == t.count {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}
