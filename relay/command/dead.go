package command

// Refused messages that Redis keeps: listing them, reading one, publishing those that pass now.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/deadletter/replay"
)

// deadActions are what dead does.
var deadActions = []string{"list", "show", "replay"}

// errInterrupted ends a replay.
var errInterrupted = errors.New("interrupted; run it again for the rest")

// deadCommand is one call of dead.
type deadCommand struct {
	*program

	filter    replay.Filter
	since     string
	stream    string
	upstream  string
	limit     int
	json, raw bool
	dryRun    bool
}

func (p *program) deadCommand() *cobra.Command {
	d := &deadCommand{program: p}
	cmd := &cobra.Command{
		Use: "dead list|show|replay [ID]", Short: "list, show or replay refused messages that Redis keeps",
		SuggestFor: []string{"letters", "deadletters", "dlq", "rejects", "replay", "requeue"},
		Args:       d.judge,
		ValidArgs:  deadActions,
		Long: `For example:
  redis-relay dead list --route chat: --since 2h
  redis-relay dead show 1764500000000-0
  redis-relay dead replay --code INVALID --dry-run

It asks the Redis of the configuration, with its user and password; no relay needs to run.
The streams are those that routes name by dead_letter, or the one given with --stream.

list prints a line for each message, oldest first. show prints all of one, with its payload;
--raw writes the bytes of the payload and nothing else. replay judges each message by the
routes and schemas of now. What passes is published and deleted in one step, so that an
interrupted replay can be run again: each message is published once, or still there. What is
still refused stays, and is counted. Messages of a route with a rate are published no faster.
It ends with what was there when it began.

The exit code is 0 if all went well, 1 if replay has left a message, or Redis has not broadcast
one, or on a failure, 2 for a mistake on the command line.`,
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted()
			defer stop()
			return d.run(ctx, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.filter.Route, "route", "", "only messages of the route with this `PREFIX`, or unrouted")
	flags.StringVar(&d.since, "since", "", "only messages kept since `TIME`: 2h ago, or 2026-01-31T10:00:00Z")
	flags.StringVar(&d.filter.Code, "code", "", "only messages refused with this `CODE`, such as INVALID")
	flags.StringVar(&d.filter.Direction, "direction", "", "only inbound (from Redis) or outbound (from clients): `WAY`")
	flags.StringVar(&d.stream, "stream", "", "the stream with this `KEY` (without redis.prefix), not those of the routes")
	flags.StringVar(&d.upstream, "upstream", "", "only messages kept on the upstream of this `NAME`; no other is asked")
	flags.IntVarP(&d.limit, "limit", "n", 0, "at most `COUNT` messages")
	flags.BoolVar(&d.json, "json", false, "print JSON: a line for each message, or for the outcome of replay")
	flags.BoolVar(&d.raw, "raw", false, "with show: write the bytes of the payload and nothing else")
	flags.BoolVar(&d.dryRun, "dry-run", false, "with replay: judge, and change nothing")
	complete(cmd, map[string][]string{
		"route": nil, "since": nil, "stream": nil, "upstream": nil, "limit": nil, "direction": {"inbound", "outbound"},
		"code": {string(relay.Invalid), string(relay.RateLimit), string(relay.TooLarge)},
	})
	return cmd
}

// judge refuses what does not go together, and reads the flags that cobra has not read.
func (d *deadCommand) judge(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || !slices.Contains(deadActions, args[0]):
		return wrongUsage("dead needs one of %s", strings.Join(deadActions, ", "))
	case args[0] == "show" && len(args) != 2:
		return wrongUsage("dead show needs the ID of one message, as dead list prints it")
	case args[0] == "show" && !isEntryID(args[1]):
		return wrongUsage("%q is no ID; dead list prints them, such as 1764500000000-0", args[1])
	case args[0] != "show" && len(args) > 1:
		return wrongUsage("unexpected argument %q", args[1])
	case d.raw && args[0] != "show":
		return wrongUsage("--raw goes with dead show")
	case d.raw && d.json:
		return wrongUsage("--raw and --json exclude each other")
	case d.dryRun && args[0] != "replay":
		return wrongUsage("--dry-run goes with dead replay")
	case !slices.Contains([]string{"", "inbound", "outbound"}, d.filter.Direction):
		return wrongUsage("--direction: %q is not known; write inbound or outbound", d.filter.Direction)
	}
	if err := config.CheckDeadStream(d.stream); err != nil {
		return wrongUsage("--stream: %v", err)
	}
	if err := d.readSince(time.Now()); err != nil {
		return err
	}
	return positive("--limit", d.limit)
}

// isEntryID tells whether a text is the whole ID of an entry.
func isEntryID(text string) bool {
	ms, seq, ok := strings.Cut(text, "-")
	_, err := strconv.ParseUint(ms, 10, 64)
	_, errSeq := strconv.ParseUint(seq, 10, 64)
	return ok && err == nil && errSeq == nil
}

// readSince reads --since: how long ago, or a time.
func (d *deadCommand) readSince(now time.Time) error {
	if d.since == "" {
		return nil
	}
	if ago, err := time.ParseDuration(d.since); err == nil && ago >= 0 {
		d.filter.Since = now.Add(-ago)
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, d.since, time.Local); err == nil {
			d.filter.Since = at
			return nil
		}
	}
	return wrongUsage("--since: %q is no time; write 30m, 2h or 2026-01-31T10:00:00Z", d.since)
}

func (d *deadCommand) run(ctx context.Context, args []string) error {
	cfg, err := d.load()
	if err != nil {
		return err
	}
	if known := cfg.UpstreamNames(); d.upstream != "" && !slices.Contains(known, d.upstream) {
		return wrongUsage("--upstream: %q is no upstream; known are %s", d.upstream, strings.Join(known, ", "))
	}
	if err := d.knowsRoute(cfg); err != nil {
		return err
	}
	desk, err := relay.OpenDeadLetters(cfg, d.stream, d.upstream)
	if err != nil {
		return cfg.Locate(err)
	}
	defer desk.Close()
	switch args[0] {
	case "list":
		return d.list(ctx, desk)
	case "show":
		return d.show(ctx, desk, args[1])
	}
	return d.replay(ctx, desk)
}

// knowsRoute refuses a --route that the configuration does not have.
func (d *deadCommand) knowsRoute(cfg *config.Config) error {
	known := []string{"unrouted"}
	for i := range cfg.Routes {
		known = append(known, cfg.Routes[i].Prefix)
	}
	if d.filter.Route == "" || slices.Contains(known, d.filter.Route) {
		return nil
	}
	near, _ := config.Nearest(d.filter.Route, known)
	return wrongUsage("--route: no route has the prefix %q; the nearest is %s", d.filter.Route, near)
}

func (d *deadCommand) list(ctx context.Context, desk *replay.Desk) error {
	out := d.printer(d.json)
	found := false
	err := desk.List(ctx, d.filter, d.limit, 0, func(k *replay.Kept) error {
		found = true
		out.dead(k)
		return nil
	})
	if flushed := out.flush(); err == nil {
		err = flushed
	}
	if err == nil && !found {
		_, err = fmt.Fprintln(d.stderr, "nothing was found in", strings.Join(desk.Streams(), ", "))
	}
	return err
}

func (d *deadCommand) show(ctx context.Context, desk *replay.Desk, id string) error {
	k, err := desk.Find(ctx, id)
	switch {
	case err != nil:
		return err
	case k == nil:
		return fmt.Errorf("no message %s in %s", id, strings.Join(desk.Streams(), ", "))
	case d.raw && k.TooLarge:
		return fmt.Errorf("message %s is too large to be read whole; dead show prints its beginning", id)
	case d.raw:
		_, err := d.stdout.Write(k.Payload)
		return err
	}
	out := d.printer(d.json)
	out.wholeDead(k)
	return out.flush()
}

// replay publishes what passes, and says what became of all.
func (d *deadCommand) replay(ctx context.Context, desk *replay.Desk) error {
	line := &progress{out: d.stderr, on: isTerminal(d.stderr)}
	counts, err := desk.Replay(ctx, &replay.Options{
		Filter: d.filter, Limit: d.limit, DryRun: d.dryRun,
		Progress: func(c *replay.Counts) { line.show(d.words(c)) },
	})
	line.end()
	if printed := d.printCounts(&counts); err == nil {
		err = printed
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return fmt.Errorf("%w; run it again: each message is published or still there", err)
	case counts.Left() > 0 || counts.Unheard > 0:
		return errRefused
	}
	return nil
}
