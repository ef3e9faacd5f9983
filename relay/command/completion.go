package command

// What lets a shell complete commands, flags and their values.

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"redis-relay/config"
)

// shells are those that completion knows.
var shells = []string{"bash", "zsh", "fish"}

func (p *program) completionCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "print the completion script for bash, zsh or fish",
		ValidArgs: shells,
		Args:      takesShell,
		Long: `For example:
  source <(redis-relay completion bash)
  redis-relay completion zsh > "${fpath[1]}/_redis-relay"
  redis-relay completion fish > ~/.config/fish/completions/redis-relay.fish

bash needs the package bash-completion.`,
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			}
			return root.GenFishCompletion(p.stdout, true)
		},
	}
}

func takesShell(_ *cobra.Command, args []string) error {
	if len(args) == 1 && slices.Contains(shells, args[0]) {
		return nil
	}
	return wrongUsage("completion needs one shell: %s", strings.Join(shells, ", "))
}

// completeFlags says what the values of flags are. Where nothing is said, files are offered.
func completeFlags(root *cobra.Command) error {
	for _, key := range config.Keys() {
		if key.Values == nil {
			continue
		}
		offer := cobra.FixedCompletions(key.Values, cobra.ShellCompDirectiveNoFileComp)
		if err := root.RegisterFlagCompletionFunc(key.Path, offer); err != nil {
			return err
		}
	}
	return root.MarkPersistentFlagFilename("config", "yaml", "yml")
}

// completeCommand offers the names of the commands.
func completeCommand(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, command := range cmd.Root().Commands() {
			if !command.Hidden { // the library's own
				names = append(names, command.Name()+"\t"+command.Short)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
