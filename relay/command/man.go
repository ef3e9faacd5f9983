package command

// The man page. It says what --help says, from the same commands, flags and keys.

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"redis-relay/config"
)

func (p *program) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man", Short: "print the man page, for man(1): redis-relay man | man -l -",
		Args: takesNoArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.stdout, manPage(root, p.version))
			return err
		},
	}
}

// page is a text in roff, the language of man pages.
type page struct{ strings.Builder }

func manPage(root *cobra.Command, version string) string {
	var m page
	m.WriteString(`.TH REDIS-RELAY 1 "" "redis-relay ` + escaped(version) + "\"\n")
	m.section("NAME")
	m.line(root.Name() + " - " + root.Short)
	m.section("SYNOPSIS")
	m.line("redis-relay [COMMAND] [flags]")
	m.section("DESCRIPTION")
	m.text(root.Long)
	m.section("COMMANDS")
	for _, cmd := range root.Commands() {
		m.entry(cmd.Use, cmd.Short)
		m.command(cmd)
	}
	m.section("OPTIONS")
	for _, o := range optionsOf(root) {
		m.entry(o.flag, o.usage)
	}
	m.section("SETTINGS")
	m.text(aboutSettings)
	for _, key := range config.Keys() {
		m.entry("--"+key.Path+", "+key.Env, withDefault(key))
	}
	m.entry(config.RoutesEnv, aboutRoutes)
	m.section("ROUTES")
	m.text("The keys of each item of routes, in the configuration file:")
	for _, key := range config.RouteKeys() {
		m.entry(key.Path, withDefault(key))
	}
	m.section("SIGNALS")
	m.entry("SIGHUP", "read the configuration and the schemas again; saved files are noticed without it, too")
	m.entry("SIGINT, SIGTERM", fmt.Sprintf("end when publishes under way are answered, within %v; a second one: at once",
		drainTime))
	m.section("FILES")
	m.entry(defaultFile, "the configuration, in the working directory, unless --config names another")
	m.section("EXIT STATUS")
	m.entry(fmt.Sprint(exitOK), "good, or a clean end")
	m.entry(fmt.Sprint(exitFailed), "failed")
	m.entry(fmt.Sprint(exitUsage), "wrong usage")
	return m.String()
}

// command writes what help says of one command beyond the line about it.
func (m *page) command(cmd *cobra.Command) {
	own := ownOptions(cmd)
	if cmd.Long == "" && len(own) == 0 {
		return
	}
	m.WriteString(".RS\n")
	for _, o := range own {
		m.entry(o.flag, o.usage)
	}
	if cmd.Long != "" {
		m.WriteString(".PP\n")
		m.text(cmd.Long)
	}
	m.WriteString(".RE\n")
}

func withDefault(key config.Key) string {
	if key.Default == "" || key.Default == "[]" {
		return key.Help
	}
	return key.Help + " (default " + key.Default + ")"
}

func (m *page) section(name string) { m.WriteString(".SH " + name + "\n") }

// entry is a term and what it means.
func (m *page) entry(term, meaning string) {
	m.WriteString(".TP\n.B " + escaped(term) + "\n")
	m.line(meaning)
}

// text writes lines; those that are indented stay as they are.
func (m *page) text(text string) {
	asIs := false
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !asIs:
			m.WriteString(".PP\n.nf\n")
		case !indented && asIs:
			m.WriteString(".fi\n")
		}
		switch asIs = indented; {
		case line == "":
			m.WriteString(".PP\n")
		default:
			m.line(line)
		}
	}
	if asIs {
		m.WriteString(".fi\n")
	}
}

func (m *page) line(text string) { m.WriteString(escaped(text) + "\n") }

// escaped is a text of which roff takes nothing for a command.
func escaped(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
