package command

// Saying what the relay would do with a channel and a message.

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"redis-relay/relay/preflight"
)

// errRefused ends a command with exit code 1. What there is to say was printed.
var errRefused = errors.New("refused")

// explaining is what explain is told.
type explaining struct {
	payload string // a file, or - for the standard input; empty: none
	uid     uint32
	json    bool
}

func (p *program) explainCommand() *cobra.Command {
	var e explaining
	cmd := &cobra.Command{
		Use: "explain CHANNEL", Short: "print which route decides about a channel, and what would happen to a message",
		SuggestFor: []string{"route", "why", "describe", "match"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return wrongUsage("explain needs one channel: explain CHANNEL [--payload FILE] [--uid N]")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `For example:
  redis-relay explain chat:42
  redis-relay explain chat:42 --payload message.json --uid 1000
  echo '{"type":"typing"}' | redis-relay explain chat:42 --payload - --json

It reads the configuration and the schemas, and asks neither Redis nor a running relay. The
answers are those of the rules that a relay runs by. Rates are not counted: the message is
taken for the first one of its channel. Without --uid it is that of a user who may publish.

The exit code is 0 if the message would be accepted (without --payload: if the user may
publish), 1 if it would be refused, 2 for a mistake on the command line.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := &preflight.Question{Channel: args[0]}
			if cmd.Flags().Changed("uid") {
				q.UID = &e.uid
			}
			return p.explain(q, &e)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.payload, "payload", "", "judge the message in `FILE`, byte for byte; - is the standard input")
	flags.Uint32Var(&e.uid, "uid", 0, "ask for the user with the number `N`")
	flags.BoolVar(&e.json, "json", false, "print the answer as a line of JSON")
	return cmd
}

func (p *program) explain(q *preflight.Question, e *explaining) error {
	var err error
	switch e.payload {
	case "":
	case "-":
		q.Payload, err = io.ReadAll(p.stdin)
	default:
		q.Payload, err = os.ReadFile(e.payload)
	}
	if err != nil {
		return wrongUsage("--payload: %v", err)
	}
	if e.payload != "" && q.Payload == nil {
		q.Payload = []byte{}
	}
	cfg, err := p.load()
	if err != nil {
		return err
	}
	accepted, err := preflight.Explain(cfg, q, e.json, p.stdout)
	switch {
	case err != nil:
		return cfg.Locate(err)
	case !accepted:
		return errRefused
	}
	return nil
}
