package docs_test

// ARCHITECTURE.md's packages are those that there are, with what they import.

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "redis-relay"

func TestPackages(t *testing.T) {
	t.Parallel()
	want := imports(t)
	want["relay"] = []string{"config"} // and all below
	delete(want, module)               // main.go
	want["main"] = []string{"relay/command"}
	want["relay/deploy"] = nil // a module of its own
	got := map[string][]string{"main": {"relay/command"}}
	for _, cells := range rows(read(t, "ARCHITECTURE.md").prose()) {
		name := codeWords(cells[0])
		if len(name) != 1 || !onlyCode.MatchString(cells[0]) || name[0] == "main" {
			continue
		}
		got[name[0]] = nil
		if len(cells) == 3 {
			for _, imported := range codeWords(cells[2]) {
				if imported != "config" && !strings.HasPrefix(imported, "relay") {
					imported = "relay/" + imported // the short form
				}
				got[name[0]] = append(got[name[0]], imported)
			}
		}
		slices.Sort(got[name[0]])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-go list +ARCHITECTURE.md):\n%s", diff)
	}
}

const testPackages = "relay/test/..."

// rowOf is the row that a package is in: the packages below relay/schema, relay/deadletter and relay/test
// share one.
func rowOf(name string) string {
	switch {
	case strings.HasPrefix(name, "relay/schema/"):
		return "relay/schema"
	case strings.HasPrefix(name, "relay/deadletter/"):
		return "relay/deadletter"
	case strings.HasPrefix(name, "relay/test/"):
		return testPackages
	}
	return name
}

// imports lists the packages by their folders, and what their product code imports of ours. The arrows of tests
// and of what measures do not count.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		var list []string
		for _, imported := range words[1:] {
			if name, ours := strings.CutPrefix(imported, module+"/"); ours {
				list = append(list, rowOf(name))
			}
		}
		name := rowOf(strings.TrimPrefix(words[0], module+"/"))
		list = slices.DeleteFunc(append(list, all[name]...), func(imported string) bool { return imported == name })
		slices.Sort(list)
		if list = slices.Compact(list); len(list) == 0 {
			list = nil
		}
		if name == testPackages {
			list = nil
		}
		all[name] = list
	}
	if len(all) < 20 {
		t.Fatalf("go list finds %d packages", len(all))
	}
	return all
}
