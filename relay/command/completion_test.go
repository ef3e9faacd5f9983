package command

// Completion, as shells ask for it.

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/test/process"
)

// offers lists what the program offers for the last word, and how the shell is told to go on.
func (s *scene) offers(line ...string) (words []string, directive string) {
	s.t.Helper()
	r := s.run(nil, append([]string{"__complete"}, line...)...)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

func TestCompletionOffers(t *testing.T) {
	t.Parallel()
	const files, noFiles, someFiles = ":0", ":4", ":8"
	commands := []string{"run", "check", "explain", "health", "top", "tail", "dead", "pub", "sub", "init", "asyncapi", "credentials", "version", "completion", "man", "help"}
	s := newScene(t, nil)
	for _, c := range []struct {
		line      []string
		words     []string
		directive string
	}{
		{[]string{""}, commands, noFiles},
		{[]string{"help", ""}, commands, noFiles},
		{[]string{"help", "run", ""}, nil, noFiles},
		{[]string{"ch"}, []string{"check"}, noFiles},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish"}, noFiles},
		{[]string{"--log.level", ""}, []string{"debug", "info", "warn", "error"}, noFiles},
		{[]string{"check", "--unrouted="}, []string{"allow", "deny"}, noFiles},
		{[]string{"run", "--redis.mode", ""}, []string{"single", "sentinel", "cluster"}, noFiles},
		{[]string{"top", "--view", ""}, []string{"overview", "channels", "clients", "routes", "rejects", "events"}, noFiles},
		{[]string{"asyncapi", "--format", ""}, []string{"yaml", "json"}, noFiles},
		{[]string{"init", "--asyncapi", ""}, []string{"yaml", "yml", "json"}, someFiles},
		{[]string{"dead", ""}, []string{"list", "show", "replay"}, noFiles},
		{[]string{"dead", "list", "--direction", ""}, []string{"inbound", "outbound"}, noFiles},
		{[]string{"dead", "list", "--code", ""}, []string{"INVALID", "RATELIMIT", "TOOLARGE"}, noFiles},
		{[]string{"credentials", ""}, []string{"aws", "azure", "google"}, noFiles},
		{[]string{"credentials", "aws", "--service", ""}, []string{"elasticache", "memorydb"}, noFiles},
		{[]string{"health", "--liv"}, []string{"--live"}, noFiles},
		{[]string{"--limits.queue_"}, []string{"--limits.queue_age"}, noFiles},
		{[]string{"--config", ""}, []string{"yaml", "yml"}, someFiles},
		{[]string{"--redis.tls.ca", ""}, nil, files},
	} {
		words, directive := s.offers(c.line...)
		for i, word := range words {
			words[i] = strings.TrimSuffix(word, "=") // of a flag that takes a value
		}
		if !slices.Equal(words, c.words) || directive != c.directive && !strings.HasPrefix(c.line[len(c.line)-1], "--l") {
			t.Errorf("%q: got %q, %s; want %q, %s", c.line, words, directive, c.words, c.directive)
		}
	}
	words, _ := s.offers("--")
	for _, key := range config.Keys() {
		if !slices.Contains(words, "--"+key.Path) {
			t.Errorf("does not offer --%s", key.Path)
		}
	}
}

// TestCompletionInBash has bash carry out the script, with the one function of the package bash-completion that it
// needs.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	s.write("completion", s.run(nil, "completion", "bash").stdout)
	const script = `
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}; }
__ltrim_colon_completions() { :; }
. ./completion
COMP_WORDS=(redis-relay "$@") COMP_CWORD=$# COMP_TYPE=9 COMP_LINE="redis-relay $*" COMP_POINT=999
__start_redis-relay
printf '%s\n' "${COMPREPLY[@]}"`
	for line, want := range map[string]string{"ver": "version", "run --log.format j": "json"} {
		cmd := exec.Command("bash", append([]string{"-c", script, "bash"}, strings.Fields(line)...)...)
		r := s.runCommand(cmd, []string{"PATH=" + filepath.Dir(process.Path()) + ":/usr/bin:/bin"})
		if strings.TrimSpace(r.stdout) != want {
			t.Errorf("%s: got %q, want %q\n%s", line, r.stdout, want, r.stderr)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	for shell, says := range map[string]string{
		"bash": "complete -o default -F __start_redis-relay redis-relay",
		"zsh":  "#compdef redis-relay",
		"fish": "complete -c redis-relay",
	} {
		s.run(nil, "completion", shell).expect(t, exitOK, says)
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		s.run(nil, args...).expect(t, exitUsage, "completion needs one shell: bash, zsh, fish")
	}
}
