package command

// Publishing by the socket.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) pubCommand() *cobra.Command {
	var lines bool
	cmd := &cobra.Command{
		Use: "pub CHANNEL MESSAGE", Short: "publish a message through the running relay, and print the number of receivers",
		SuggestFor: []string{"publish", "send"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 || lines && len(args) == 1 {
				return nil
			}
			return wrongUsage("pub needs a channel and a message: pub CHANNEL MESSAGE; quote what has spaces")
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `For example:
  redis-relay pub chat:42 '{"type":"typing","userId":"ann","roomId":"42"}'
  redis-relay pub chat:42 - < message.json
  tail -f messages | redis-relay pub chat:42 --lines

The message - stands for the whole standard input, as it is. Put -- before a
message that begins with a dash. With --lines, a line that is refused does not end
the command, but it makes the exit code 1.`,
		RunE: func(_ *cobra.Command, args []string) error {
			channel, message := args[0], append(args, "-")[1]
			if lines && message != "-" {
				return wrongUsage("--lines reads the messages from the standard input: pub CHANNEL --lines")
			}
			c, err := running{&p.source}.dial(context.Background(), "redis-relay-pub")
			if err != nil {
				return err
			}
			defer c.close()
			to := &publisher{&p.terminal, c, channel}
			if lines {
				return to.publishLines()
			}
			if message == "-" {
				text, err := io.ReadAll(p.stdin)
				if err != nil {
					return err
				}
				message = string(text)
			}
			return to.publish(message)
		},
	}
	cmd.Flags().BoolVar(&lines, "lines", false, "publish each line of the standard input as one message")
	return cmd
}

// publisher publishes on a channel, by a connection.
type publisher struct {
	*terminal
	client  *client
	channel string
}

// publish publishes one message.
func (p *publisher) publish(message string) error {
	v, err := p.client.do("PUBLISH", p.channel, message)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, v.Int)
	return err
}

// publishLines publishes each line that comes in, until the input ends.
func (p *publisher) publishLines() error {
	refused := 0
	for in, n := bufio.NewReader(p.stdin), 1; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil && line == "" {
			break
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		var reply errorReply
		switch err := p.publish(line); {
		case errors.As(err, &reply):
			refused++
			_, _ = fmt.Fprintf(p.stderr, "redis-relay: line %d: %v\n", n, err)
		case err != nil:
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("%s refused", count(refused, "message"))
	}
	return nil
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", n, noun)
}
