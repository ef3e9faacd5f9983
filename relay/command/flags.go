package command

// The flags that are keys of relay.yaml, and what is said of those that are not.

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"redis-relay/config"
)

// addSettings makes every key a flag of all commands.
func (p *program) addSettings(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.Func("config", "configuration `FILE`", func(path string) error {
		p.source.Path, p.source.Required = path, true
		return nil
	})
	p.source.Path = defaultFile
	for _, key := range config.Keys() {
		flags.Func(key.Path, key.Help, func(text string) error {
			p.source.Flags[key.Path] = text
			return nil
		})
	}
}

// spellings are the keys, by their letters alone.
var spellings = func() map[string]string {
	byLetters := map[string]string{}
	for _, key := range config.Keys() {
		byLetters[letters(key.Path)] = key.Path
	}
	return byLetters
}()

func letters(name string) string { return separators.Replace(name) }

var separators = strings.NewReplacer(".", "", "-", "", "_", "")

// oneSpelling lets a key be written with dots, dashes or underscores.
func oneSpelling(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if key, ok := spellings[letters(name)]; ok {
		return pflag.NormalizedName(key)
	}
	return pflag.NormalizedName(name)
}

// twoDashes lets a flag begin with one dash, as it could when Go's own package read
// the flags.
func twoDashes(root *cobra.Command, args []string) []string {
	known := map[string]bool{"help": true} // which the library adds later
	add := func(f *pflag.Flag) { known[f.Name] = true }
	root.PersistentFlags().VisitAll(add)
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(add) // its own: asking for all that it knows takes the library 1 ms a command
	}
	list := slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break // what follows is no flag
		}
		name, one := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(name, "=")
		if one && !strings.HasPrefix(name, "-") && known[string(oneSpelling(nil, name))] {
			list[i] = "-" + arg
		}
	}
	return list
}

// flagNames lists the flags of a command, those of all commands included.
func flagNames(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return names
}

// explainFlag words an error of the library.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var odd *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name, dashes := unknown.GetSpecifiedName(), "--"
		if short := unknown.GetSpecifiedShortnames(); short != "" { // one dash, and the library takes it letter by letter
			name, dashes = short, "-"
		}
		return wrongUsage("unknown flag %s%s%s", dashes, name, suggestFlag(cmd, name))
	case errors.As(err, &bare):
		return wrongUsage("--%s needs a value behind it: --%[1]s=VALUE", bare.GetSpecifiedName())
	case errors.As(err, &odd) && slices.Contains([]string{"int", "uint32"}, odd.GetFlag().Value.Type()):
		return wrongUsage("--%s: %q is no whole number", odd.GetFlag().Name, odd.GetValue())
	case errors.As(err, &odd): // of the flags that the library reads, all others are switches
		return wrongUsage("--%s: %q is not known; write true or false, or only the flag", odd.GetFlag().Name, odd.GetValue())
	}
	return wrongUsage("%v", err)
}

// suggestFlag finds what an unknown flag was meant to be: a near name, or a key whose
// last part it is.
func suggestFlag(cmd *cobra.Command, name string) string {
	name, _, _ = strings.Cut(name, "=")
	if name == "routes" || name == "route" {
		return "; write routes in the configuration file, or as YAML in " + config.RoutesEnv
	}
	names := flagNames(cmd)
	if near, ok := config.Nearest(name, names); ok {
		return "; did you mean --" + near + "?"
	}
	var ends []string
	for _, known := range names {
		if strings.HasSuffix(known, "."+name) {
			ends = append(ends, "--"+known)
		}
	}
	if len(ends) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(ends, " or ") + "?"
}
