package command

// The man page.

import (
	"regexp"
	"strings"
	"testing"

	"redis-relay/config"
)

// TestManPageSaysWhatHelpSays: each command, each flag and each key, with its line of help.
func TestManPageSaysWhatHelpSays(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	r := s.run(nil, "man")
	r.expect(t, exitOK, `.TH REDIS-RELAY 1 "" "redis-relay `+escaped(testVersion)+`"`)
	says := func(term, meaning string) {
		t.Helper()
		if !strings.Contains(r.stdout, ".TP\n.B "+escaped(term)+"\n"+escaped(meaning)) {
			t.Errorf("does not say of %s: %s", term, meaning)
		}
	}
	line := regexp.MustCompile(`(?m)^  (.*\S)  +(\S.*)$`)
	_, help, _ := strings.Cut(s.run(nil, "help").stdout, "\nCommands:\n")
	commands, _, _ := strings.Cut(help, "\n\n")
	for _, m := range line.FindAllStringSubmatch(commands, -1) {
		flags := s.run(nil, "help", m[1]).stdout
		usage := regexp.MustCompile(`(?m)^  redis-relay (.*) \[flags\]$`).FindStringSubmatch(flags)
		says(usage[1], m[2])
		_, flags, _ = strings.Cut(flags, "\nFlags:\n")
		flags, _, _ = strings.Cut(flags, "\n\n")
		for _, f := range line.FindAllStringSubmatch(flags, -1) {
			says(f[1], f[2])
		}
	}
	says("RELAY_ROUTES", aboutRoutes)
	for _, key := range config.Keys() {
		says("--"+key.Path+", "+key.Env, key.Help)
	}
	for _, key := range config.RouteKeys() {
		says(key.Path, key.Help)
		if key.Help == "" {
			t.Errorf("%s of a route has no help", key.Path)
		}
	}
}

// TestManPageIsRoff: every line that begins with a dot or a quote is one of the few requests that are meant.
func TestManPageIsRoff(t *testing.T) {
	t.Parallel()
	request := regexp.MustCompile(`^\.(TH|SH|TP|B|PP|RS|RE|nf|fi)( |$)`)
	var indented int
	for line := range strings.Lines(newScene(t, nil).run(nil, "man").stdout) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, ".") && !request.MatchString(line) || strings.HasPrefix(line, "'") || line == "" {
			t.Errorf("a line is %q", line)
		}
		switch line {
		case ".RS", ".nf":
			indented++
		case ".RE", ".fi":
			indented--
		}
	}
	if indented != 0 {
		t.Errorf("%d requests without their end", indented)
	}
	for text, want := range map[string]string{
		".x": `\&.x`, "'x": `\&'x`, `a\b-c`: `a\eb\-c`, "~^": `\(ti\(ha`, "plain": "plain",
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
