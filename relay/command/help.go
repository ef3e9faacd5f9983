package command

// What --help prints.

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"redis-relay/config"
)

func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "print this, or what a command does",
		ValidArgsFunction: completeCommand,
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
func (t *terminal) help(cmd *cobra.Command) {
	out := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
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
	for _, o := range optionsOf(cmd) {
		say("  %s\t%s\n", o.flag, o.usage)
	}
	if cmd.HasParent() {
		say("\nEvery key of the configuration but routes is a flag, too: redis-relay help lists them.\n")
	} else {
		listSettings(say)
	}
	_ = out.Flush()
}

// option is a flag that is no key of the configuration, and what it is for.
type option struct{ flag, usage string }

// optionsOf lists the flags of a command, and those of all commands.
func optionsOf(cmd *cobra.Command) []option {
	return append(ownOptions(cmd),
		option{"--config FILE", "configuration (default " + defaultFile + ", if it is there)"},
		option{"--help", "print this"})
}

// ownOptions lists the flags of a command alone.
func ownOptions(cmd *cobra.Command) (list []option) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			value, usage := pflag.UnquoteUsage(f)
			flag := strings.TrimSpace("--" + f.Name + " " + value)
			if f.Shorthand != "" {
				flag = "-" + f.Shorthand + ", " + flag
			}
			list = append(list, option{flag, usage})
		}
	})
	return list
}

const aboutSettings = `Every key of the configuration but routes is a flag and an environment variable,
too. Flags win over the environment, the environment wins over the file.`

// aboutRoutes is about the key that is no flag.
const aboutRoutes = `the routes, as YAML: [{prefix: "chat:", schema: chat.json}]; there is no flag`

func listSettings(say func(string, ...any)) {
	say("\n%s\n\n", aboutSettings)
	for _, key := range config.Keys() {
		say("  --%s\t%s\t%s\n", key.Path, key.Env, key.Help)
	}
	say("  \t%s\t%s\n", config.RoutesEnv, aboutRoutes)
}
