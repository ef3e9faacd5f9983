package docs_test

// The blocks that are marked as runnable.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

// programs is the test that runs blocks in JavaScript and Python.
const programs = "relay/clients/migration/docs.test.js"

// TestBlocks runs what each page marks as runnable, and knows every mark.
func TestBlocks(t *testing.T) {
	t.Parallel()
	run := 0
	for _, p := range manual(t) {
		var lines []block
		for _, b := range p.blocks() {
			language, _, _ := strings.Cut(b.info, " ")
			switch {
			case b.info == "sh run", b.info == "sh listen", b.info == "yaml reload":
				lines = append(lines, b)
				run++
			case b.info == "yaml":
				t.Run(p.path+" yaml", func(t *testing.T) { loads(t, b.text) })
				run++
			case b.info == "json":
			case language == "js", language == "python":
				if !strings.Contains(read(t, programs).text, "program('"+b.info+"')") {
					t.Errorf("%s: %s does not run the block %q", p.path, programs, b.info)
				}
				run++
			default:
				t.Errorf("%s has a block %q; doc.go says which there are", p.path, b.info)
			}
		}
		if len(lines) > 0 {
			t.Run(p.path, func(t *testing.T) { play(t, lines) })
		}
	}
	if run < 9 {
		t.Errorf("only %d blocks were run", run)
	}
}

// loads takes a block for a relay.yaml.
func loads(t *testing.T, text string) {
	path := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	schemas, err := filepath.Abs(filepath.Join(root, "schemas"))
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]string{"redis.url": config.EmbeddedRedis, "schemas": schemas}
	if _, err := config.Load(config.Source{Path: path, Required: true, Flags: flags}); err != nil {
		t.Error(err)
	}
}

// play runs the commands of a page, in their order, beside a relay.
func play(t *testing.T, blocks []block) {
	t.Parallel()
	r := startRelay(t)
	for _, b := range blocks {
		if b.info == "yaml reload" {
			r.reload(t, b.text)
			continue
		}
		for _, c := range commandsOf(t, b.text) {
			if b.info == "sh listen" {
				r.listen(t, c.line)
			} else {
				r.run(t, c)
			}
		}
	}
}

// command is a line behind "$ ", and what it must print.
type command struct {
	line string
	want []string
}

func commandsOf(t *testing.T, text string) (list []command) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, command{line: c})
		} else if len(list) == 0 {
			t.Fatalf("a block begins with %q instead of a command", line)
		} else {
			last := &list[len(list)-1]
			last.want = append(last.want, line)
		}
	}
	return list
}

func (r *relay) listen(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	out := r.start(t, exec.Command("sh", "-c", "exec "+line))
	redistest.Eventually(t, patience, line+" has begun", func() bool {
		return strings.Contains(out.String(), words[len(words)-1])
	})
}

func (r *relay) run(t *testing.T, c command) {
	t.Helper()
	out, err := r.sh(c.line)
	if err != nil {
		t.Errorf("%s: %v\n%s", c.line, err, out)
	}
	rest := out + "\n"
	for _, want := range c.want {
		line := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + "\n")
		at := line.FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%s does not print %q, or not in this place:\n%s", c.line, want, out)
		}
		rest = rest[at[1]:]
	}
}
