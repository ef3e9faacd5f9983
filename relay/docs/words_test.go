package docs_test

// The words: how long pages are, how they open, and where their links lead.

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxima are the most lines that a page may have.
var maxima = map[string]int{"README.md": 150, "ARCHITECTURE.md": 110}

func TestLength(t *testing.T) {
	t.Parallel()
	for name, most := range maxima {
		if lines := strings.Count(read(t, name).text, "\n"); lines > most {
			t.Errorf("%s has %d lines, more than %d: move something to docs", name, lines, most)
		}
	}
}

// Lines of prose fit a screen. Tables and blocks are as long as what is in them.
func TestLinesFit(t *testing.T) {
	t.Parallel()
	for _, p := range manual(t) {
		for line := range strings.Lines(p.prose()) {
			line = strings.TrimSuffix(line, "\n")
			if len([]rune(line)) > 120 && !isRow(line) && !strings.HasPrefix(line, "    ") {
				t.Errorf("%s: a line of %d characters: %s", p.path, len([]rune(line)), line)
			}
		}
	}
}

func TestPagesOpenWithTheirUse(t *testing.T) {
	t.Parallel()
	for _, p := range guides(t) {
		title, rest, _ := strings.Cut(p.text, "\n\n")
		if !strings.HasPrefix(title, "# ") || !strings.HasPrefix(rest, "After this page you can ") {
			t.Errorf("%s does not open with a title, and then with what its reader can do after it", p.path)
		}
	}
}

// Every page is linked from README.md or ARCHITECTURE.md.
func TestPagesAreLinked(t *testing.T) {
	t.Parallel()
	linked := append(read(t, "README.md").links(), read(t, "ARCHITECTURE.md").links()...)
	for _, p := range guides(t) {
		if !slices.Contains(linked, p.path) {
			t.Errorf("neither README.md nor ARCHITECTURE.md links to %s", p.path)
		}
	}
}

// TestLinks looks at every page of the project, those of the examples, too.
func TestLinks(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
		"--exclude-standard", "--deduplicate", "*.md").Output()
	if err != nil {
		t.Fatalf("list the pages: %v; install git, and work in a clone", err)
	}
	found := 0
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			continue // about to be removed
		}
		p := read(t, name)
		for _, target := range p.links() {
			found++
			p.follow(t, target)
		}
	}
	if found < 100 {
		t.Errorf("only %d links found", found)
	}
}

var runbook = regexp.MustCompile(`(?m)^ *runbook: (\S+)$`)

// TestRunbooks: each alert rule for Prometheus says where a page has what to do.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	rules := read(t, "examples/prometheus/redis-relay.rules.yaml").text
	links := runbook.FindAllStringSubmatch(rules, -1)
	if n := strings.Count(rules, "- alert: "); n < 15 || len(links) != n {
		t.Errorf("%d rules, %d runbooks", n, len(links))
	}
	for _, m := range links {
		if !strings.Contains(m[1], "#") {
			t.Errorf("%s is a whole page", m[1])
		}
		page{path: "the rules"}.follow(t, m[1])
	}
}

// follow checks one link.
func (p page) follow(t *testing.T, target string) {
	t.Helper()
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return
	}
	file, fragment, _ := strings.Cut(target, "#")
	at := path.Join(path.Dir(p.path), file)
	if file == "" {
		at = p.path
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(at))); err != nil {
		t.Errorf("%s links to %s: there is no %s", p.path, target, at)
		return
	}
	if fragment != "" && !slices.Contains(read(t, at).anchors(), fragment) {
		t.Errorf("%s links to %s: %s has no such heading, but %q", p.path, target, at, read(t, at).anchors())
	}
}

var figure = regexp.MustCompile(`\d+(\.\d+)?`)

// README.md's figures are some of those in docs/benchmarks.md, which says where they come from.
func TestFigures(t *testing.T) {
	t.Parallel()
	known := figure.FindAllString(read(t, "docs/benchmarks.md").prose(), -1)
	found := 0
	for _, cells := range read(t, "README.md").table(t, "Figures") {
		for _, f := range figure.FindAllString(cells[1], -1) {
			if found++; !slices.Contains(known, f) {
				t.Errorf("README.md has the figure %s, which docs/benchmarks.md does not have", f)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d figures found", found)
	}
}

func TestAnchor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"The relay's own channels": "the-relays-own-channels",
		"`relay.yaml`: the keys":   "relayyaml-the-keys",
		"Fan-out and memory":       "fan-out-and-memory",
		"What is missed, and why":  "what-is-missed-and-why",
	} {
		if got := anchor(text); got != want {
			t.Errorf("anchor(%q) = %q, want %q", text, got, want)
		}
	}
}
