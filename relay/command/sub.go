package command

// Listening by the socket.

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"redis-relay/relay/resp"
)

// listening is what sub is told.
type listening struct {
	*terminal
	relay          running
	json, patterns bool
	count          int // 0: no end
}

func (p *program) subCommand() *cobra.Command {
	o := &listening{terminal: &p.terminal, relay: running{&p.source}}
	cmd := &cobra.Command{
		Use: "sub CHANNEL|PATTERN...", Short: "print the messages of channels, through the running relay",
		SuggestFor: []string{"subscribe", "psubscribe", "listen"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("sub needs a channel or a pattern: sub CHANNEL|PATTERN...")
			}
			return positive("--count", o.count)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `For example:
  redis-relay sub chat:42 'room:*'
  redis-relay sub --json -n 10 chat:42

A name with *, ? or [ is a pattern, as PSUBSCRIBE has them. The command is a listener
like any other: the relay subscribes at Redis for it. Control characters are printed as
\xNN; --json has every byte: what is not UTF-8 is in payload_base64. Ctrl-C ends it.`,
		RunE: func(_ *cobra.Command, names []string) error {
			ctx, stop := untilInterrupted()
			defer stop()
			err := o.print(ctx, names)
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&o.patterns, "pattern", false, "every name is a pattern")
	cmd.Flags().BoolVar(&o.json, "json", false, "print each message as a line of JSON")
	cmd.Flags().IntVarP(&o.count, "count", "n", 0, "end after `COUNT` messages")
	return cmd
}

// isPattern reports whether a name is one for PSUBSCRIBE.
func (o *listening) isPattern(name string) bool {
	return o.patterns || strings.ContainsAny(name, "*?[")
}

// print subscribes and prints, until an error or as many messages as are wanted.
func (o *listening) print(ctx context.Context, names []string) error {
	c, err := o.relay.dial(ctx, "redis-relay-sub")
	if err != nil {
		return err
	}
	defer c.close()
	if err := o.subscribe(c, names); err != nil {
		return err
	}
	out := o.printer(o.json)
	defer func() { _ = out.flush() }() // what an end from outside has left
	out.hint("listening; Ctrl-C ends")
	for n := 0; o.count == 0 || n < o.count; {
		v, err := c.receive()
		if err != nil {
			return err
		}
		m, ok := messageIn(v)
		if !ok {
			continue // a confirmation
		}
		n++
		if out.heard(m); c.in.Buffered() == 0 || n == o.count {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscribe sends the commands for the names, channels first.
func (o *listening) subscribe(c *client, names []string) error {
	channels, patterns := []string{"SUBSCRIBE"}, []string{"PSUBSCRIBE"}
	for _, name := range names {
		if o.isPattern(name) {
			patterns = append(patterns, name)
		} else {
			channels = append(channels, name)
		}
	}
	for _, command := range [][]string{channels, patterns} {
		if len(command) > 1 {
			if err := c.send(command...); err != nil {
				return err
			}
		}
	}
	return nil
}

// heard is a message that sub has got.
type heard struct {
	Time    time.Time `json:"time"` // when it came
	Channel string    `json:"channel"`
	Pattern string    `json:"pattern,omitempty"`
	payload
}

// messageIn returns the message in a value of RESP2.
func messageIn(v resp.Value) (m heard, ok bool) {
	n := len(v.Elems)
	if n < 3 {
		return m, false
	}
	m.Time, m.Channel, m.payload = time.Now(), string(v.Elems[n-2].Str), newPayload(v.Elems[n-1].Str)
	switch kind := string(v.Elems[0].Str); {
	case kind == resp.Message.String() && n == 3:
		return m, true
	case kind == resp.PMessage.String() && n == 4:
		m.Pattern = string(v.Elems[1].Str)
		return m, true
	}
	return m, false
}
