package command

// What --help prints.

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"redis-relay/config"
)

func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "print this, or what a command does",
		RunE: func(_ *cobra.Command, args []string) error {
			about := root
			if len(args) > 0 {
				found, _, err := root.Find(args[:1])
				if err != nil || found == root {
					return unknownCommand(root, args[0])
				}
				about = found
			}
			p.help(about)
			return nil
		},
	}
}

// help describes a command.
func (p *program) help(cmd *cobra.Command) {
	out := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	say("%s: %s\n\nUsage:\n", cmd.CommandPath(), cmd.Short)
	if cmd.HasParent() {
		say("  redis-relay %s [flags]\n", cmd.Use)
	} else {
		say("  redis-relay [COMMAND] [flags]\n\nCommands:\n")
		for _, command := range cmd.Commands() {
			say("  %s\t%s\n", command.Name(), command.Short)
		}
	}
	if cmd.Long != "" {
		say("\n%s\n", cmd.Long)
	}
	say("\nFlags:\n")
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			value, usage := pflag.UnquoteUsage(f)
			say("  --%s %s\t%s\n", f.Name, value, usage)
		}
	})
	say("  --config FILE\tconfiguration (default %s, if it is there)\n  --help\tprint this\n", defaultFile)
	if cmd.HasParent() {
		say("\nEvery key of the configuration is a flag, too: redis-relay help lists them.\n")
	} else {
		p.listSettings(say)
	}
	_ = out.Flush()
}

func (p *program) listSettings(say func(string, ...any)) {
	say(`
Every key of the configuration is a flag and an environment variable, too. Flags
go before the environment, that before the file.

`)
	for _, key := range config.Keys() {
		say("  --%s\t%s\t%s\n", key.Path, key.Env, key.Help)
	}
}
