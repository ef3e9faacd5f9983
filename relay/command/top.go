package command

// Showing what a running relay does: live, or once.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"redis-relay/relay/top"
)

// The interval at which the relay is asked: default and bounds.
const (
	topInterval    = time.Second
	topMinInterval = 100 * time.Millisecond
	topMaxInterval = time.Hour
)

// watching is what top is told.
type watching struct {
	*terminal
	relay running
	top.Options
	once, json bool
	every      string

	model *top.Model
}

func (p *program) topCommand() *cobra.Command {
	w := &watching{terminal: &p.terminal, relay: running{&p.source}}
	cmd := &cobra.Command{
		Use: "top", Short: "show live what the running relay does: Redis, traffic, channels, clients, alerts",
		SuggestFor: []string{"stats", "stat", "dashboard", "htop", "ui", "show"},
		Args: func(cmd *cobra.Command, args []string) error {
			if err := takesNoArguments(cmd, args); err != nil {
				return err
			}
			return w.check()
		},
		Long: `For example:
  redis-relay top
  redis-relay top --once --view clients --sort dropped
  redis-relay top --json | jq .rate

It is a client of the socket, so what your user may not listen to is not shown. ? shows
the keys, q quits. If the output is no terminal, top prints one snapshot as text, as
--once does. While the relay is away, it keeps the last picture, marked as old, and tries
again; with --once it ends with code 1.`,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := untilInterrupted()
			defer stop()
			return w.show(ctx)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&w.once, "once", false, "print one snapshot as text, without escape codes")
	flags.BoolVar(&w.json, "json", false, "print the status as a line of JSON at each interval; with --once: one line")
	flags.StringVar(&w.View, "view", "", "show this `VIEW` first: "+strings.Join(top.Views(), ", "))
	flags.StringVar(&w.Sort, "sort", "", "sort by `KEY`, in each view that has it: "+strings.Join(top.Orders(), ", "))
	flags.StringVar(&w.Filter, "filter", "", "show only what has this `TEXT` in its name, or matches it as a pattern")
	flags.StringVar(&w.every, "interval", topInterval.String(),
		fmt.Sprintf("ask the relay each `TIME`, %v to %v (default %v)", topMinInterval, topMaxInterval, topInterval))
	complete(cmd, map[string][]string{"view": top.Views(), "sort": top.Orders(), "filter": nil, "interval": nil})
	return cmd
}

// complete says what the values of a command's flags are.
func complete(cmd *cobra.Command, flags map[string][]string) {
	for name, values := range flags {
		offer := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// check reads what cobra does not.
func (w *watching) check() (err error) {
	w.Interval, err = time.ParseDuration(w.every)
	if err != nil || w.Interval < topMinInterval || w.Interval > topMaxInterval {
		return wrongUsage("--interval is a time as 1s, %v to %v, not %q", topMinInterval, topMaxInterval, w.every)
	}
	if w.model, err = top.NewModel(w.Options); err != nil {
		return wrongUsage("%v", err)
	}
	return nil
}

// show shows the status as it is wanted: live, as lines of JSON, or once.
func (w *watching) show(ctx context.Context) error {
	cells := terminalWidth(w.stdout)
	a := &asker{relay: w.relay}
	defer a.hangUp()
	switch {
	case w.json && !w.once:
		return w.showLines(ctx, a)
	case w.once || cells == 0 || os.Getenv("TERM") == "dumb":
		return w.showOnce(ctx, a, cells)
	}
	return w.showLive(ctx, a)
}

// terminalWidth returns the number of cells in a line of a terminal; 0: w is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	const usual = 80
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return usual
	}
	return int(size.Col)
}

// showOnce prints one snapshot.
func (w *watching) showOnce(ctx context.Context, a *asker, cells int) error {
	text, err := a.ask(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	if w.json {
		return w.printJSON(text)
	}
	s, err := top.Decode(text)
	if err == nil {
		_, err = fmt.Fprint(w.stdout, w.model.Snapshot(s, cells))
	}
	return err
}

// showLines prints a line of JSON at each interval. While the relay is away, it says so once.
func (w *watching) showLines(ctx context.Context, a *asker) error {
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for away := false; ctx.Err() == nil; {
		text, err := a.ask(ctx)
		switch {
		case err == nil:
			if err := w.printJSON(text); err != nil {
				return err
			}
		case ctx.Err() == nil && !away:
			_, _ = fmt.Fprintf(w.stderr, "redis-relay: %v; trying again\n", err)
		}
		away = err != nil
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return nil
}

// showLive shows the model on the terminal. A goroutine asks the relay.
func (w *watching) showLive(ctx context.Context, a *asker) error {
	ctx, stop := context.WithCancel(ctx)
	answers, done := make(chan top.Answer), make(chan struct{})
	go func() {
		defer close(done)
		a.askEach(ctx, w.Interval, answers)
	}()
	err := top.Run(ctx, w.model, answers)
	stop()
	<-done
	return err
}

// unlessEnded returns no error if the user has ended what failed.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// printJSON prints a line of JSON. Names of clients and channels are in it: what a terminal could take for a command is
// escaped. JSON itself allows no other control characters.
func (t *terminal) printJSON(text []byte) error {
	text = bytes.ReplaceAll(text, []byte("\x7f"), []byte(`\u007f`))
	for r := rune(0x80); r < 0xa0; r++ {
		text = bytes.ReplaceAll(text, []byte(string(r)), fmt.Appendf(nil, `\u%04x`, r))
	}
	_, err := t.stdout.Write(append(text, '\n'))
	return err
}
