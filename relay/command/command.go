package command

// The tree of commands, and what becomes of an error.

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"redis-relay/config"
	"redis-relay/relay/preflight"
	"redis-relay/relay/top"
)

// Exit codes, as the shell knows them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// defaultFile is read when it is there.
const defaultFile = "relay.yaml"

// program is one call of the program.
type program struct {
	terminal
	version string
	source  config.Source // complete when the command line has been read
}

// terminal is where a command reads and prints, be it a terminal or not.
type terminal struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Run carries out the command that args are, under the environment env, and returns
// the exit code.
func Run(version string, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{
		terminal: terminal{stdin, stdout, stderr}, version: version,
		source: config.Source{Env: env, Flags: map[string]string{}},
	}
	root := p.root()
	root.SetArgs(twoDashes(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitFailed
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "redis-relay: %s\nTry redis-relay --help.\n", printable(err))
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "redis-relay: %s\n", printable(err))
	return exitFailed
}

// printable words an error for a terminal, line by line. It may quote a document or a relay that is not to be trusted.
func printable(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = top.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// usageError is a mistake on the command line itself.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func wrongUsage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// root is redis-relay itself, with all commands below it.
func (p *program) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order of the help is ours
	var check, connect, version bool
	root := &cobra.Command{
		Use:   "redis-relay",
		Short: "one Redis subscriber for the whole host",
		Long: `Runs beside an app server and holds the host's one Redis subscriber connection.
Local processes connect to its Unix socket with the Redis client they already use.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case version:
				return p.printVersion()
			case check:
				return p.check(connect)
			case connect:
				return wrongUsage("--connect belongs to check: redis-relay check --connect")
			}
			return p.run()
		},
		Args:                       takesNoArguments,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2, // edits
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Flags().BoolVar(&check, "check", false, "do what check does")
	root.Flags().BoolVar(&connect, "connect", false, connectUsage)
	root.Flags().BoolVar(&version, "version", false, "do what version does")
	root.SetGlobalNormalizationFunc(oneSpelling)
	root.SetFlagErrorFunc(explainFlag)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { p.terminal.help(cmd) })
	root.SetHelpCommand(p.helpCommand(root))
	p.addSettings(root)
	root.AddCommand(p.runCommand(), p.checkCommand(), p.explainCommand(), p.healthCommand(), p.topCommand(),
		p.tailCommand(), p.deadCommand(), p.pubCommand(), p.subCommand(), p.initCommand(), p.asyncAPICommand(),
		p.credentialsCommand(), p.versionCommand(), p.completionCommand(root), p.manCommand(root))
	if err := completeFlags(root); err != nil {
		panic(err) // a flag that was made above is not there
	}
	return root
}

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "run the relay; so does redis-relay alone",
		SuggestFor: []string{"start", "serve", "server", "daemon", "up"},
		Args:       takesNoArguments,
		RunE:       func(*cobra.Command, []string) error { return p.run() },
	}
}

// connectUsage is what help says of a flag of check.
const connectUsage = "ask Redis, too, whether it has and allows what the config needs; this changes nothing there"

func (p *program) checkCommand() *cobra.Command {
	var connect, asJSON bool
	var against string
	cmd := &cobra.Command{
		Use: "check", Short: "check configuration and schemas, and print the routes",
		SuggestFor: []string{"validate", "verify", "test", "lint", "config", "routes"},
		Args:       takesNoArguments,
		Long: `With --connect it also connects to Redis as the relay would, and asks which rights are missing,
its version, and the settings that matter. It prints what will not work, what follows, and the
rule for the ACL. The exit code is 1 if something that the configuration asks for cannot work.

With --against it compares the schemas with an earlier state instead. The exit code is 1 if a
route is not compatible as its key evolve demands.`,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case against != "":
				return p.checkAgainst(against, asJSON)
			case asJSON:
				return wrongUsage("--json goes with --against")
			}
			return p.check(connect)
		},
	}
	cmd.Flags().BoolVar(&connect, "connect", false, connectUsage)
	cmd.Flags().StringVar(&against, "against", "",
		"compare the schemas with an earlier state: a folder, or a `REVISION` of git")
	cmd.Flags().BoolVar(&asJSON, "json", false, "with --against: print the comparison as JSON, and nothing else")
	cmd.MarkFlagsMutuallyExclusive("connect", "against")
	return cmd
}

func (p *program) check(connect bool) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	if err := cfg.Locate(preflight.Describe(cfg, p.stdout)); err != nil || !connect {
		return err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	return preflight.CheckRedis(ctx, cfg, p.stdout)
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version",
		Args: takesNoArguments,
		RunE: func(*cobra.Command, []string) error { return p.printVersion() },
	}
}

func (p *program) printVersion() error {
	_, err := fmt.Fprintln(p.stdout, "redis-relay", p.version)
	return err
}

// load reads the configuration and judges it. If there are mistakes in it, it names those of
// other files, too.
func (p *program) load() (*config.Config, error) {
	source := p.source
	source.Others = preflight.Problems
	return read(source)
}

func read(source config.Source) (*config.Config, error) {
	cfg, err := config.Read(source)
	if err != nil {
		return nil, fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	return cfg, nil
}

// takesNoArguments refuses what is no flag, be it meant as a command or as anything else.
func takesNoArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasParent():
		return wrongUsage("unexpected argument %q", args[0])
	case strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml"):
		return wrongUsage("unknown command %q; did you mean --config %s?", args[0], args[0])
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(root *cobra.Command, name string) error {
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return wrongUsage("unknown command %q; did you mean %s?", name, near[0])
	}
	var names []string
	for _, command := range root.Commands() {
		names = append(names, command.Name())
	}
	return wrongUsage("unknown command %q; the commands are %s", name, strings.Join(names, ", "))
}
