package relay_test

// README.md's tables, held to the program.

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

// readmeTable returns the rows of the first table under a heading, the cells of each
// without the spaces around them.
func readmeTable(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("README.md has no heading %q", heading)
	}
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			if len(rows) > 0 {
				return rows[2:] // without the head and the line under it
			}
		default:
			var cells []string
			for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			rows = append(rows, cells)
		}
	}
	t.Fatalf("README.md has no table under %q", heading)
	return nil
}

var coded = regexp.MustCompile("`([^`]*)`")

// codeWords lists what a cell shows as code.
func codeWords(cell string) (words []string) {
	for _, m := range coded.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// TestReadmeNamesEveryMetric compares the table of metrics, with their labels, with
// what a relay that has just started tells: every series is there from the start.
func TestReadmeNamesEveryMetric(t *testing.T) {
	t.Parallel()
	want := map[string][]string{} // labels; with the values, where the table lists them
	for _, row := range readmeTable(t, "## Health and metrics") {
		labels := codeWords(row[1])
		if name, values, listed := strings.Cut(row[1], ": "); listed {
			labels = nil
			for _, value := range codeWords(values) {
				labels = append(labels, strings.Trim(name, "`")+"="+value)
			}
		}
		slices.Sort(labels)
		for _, name := range codeWords(row[0]) {
			want[name] = labels
		}
	}
	if diff := cmp.Diff(want, told(t, want)); diff != "" {
		t.Errorf("(-README.md +/metrics):\n%s", diff)
	}
}

// told reads the metrics of a relay: the labels of each, with their values where want
// has them.
func told(t *testing.T, want map[string][]string) map[string][]string {
	t.Helper()
	_, text := startRelay(t, redistest.Start(t)).get("/metrics")
	sets := map[string]map[string]bool{}
	label := regexp.MustCompile(`(\w+)="([^"]*)"`)
	for _, m := range regexp.MustCompile(`(?m)^redis_relay_(\w+)(\{.*\})? `).FindAllStringSubmatch(text, -1) {
		name := m[1]
		if sets[name] == nil {
			sets[name] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if slices.Contains(want[name], l[1]) {
				sets[name][l[1]] = true
			} else {
				sets[name][l[1]+"="+l[2]] = true
			}
		}
	}
	all := map[string][]string{}
	for name, set := range sets {
		all[name] = slices.Sorted(maps.Keys(set))
	}
	return all
}

// TestReadmeNamesEveryKey compares the table of the configuration's keys with those
// that there are, and with their defaults.
func TestReadmeNamesEveryKey(t *testing.T) {
	t.Parallel()
	plain := func(value string) string { return strings.TrimSuffix(strings.Trim(value, "`\""), "B") } // 256 is 256B
	want := map[string]string{}
	for _, key := range config.Keys() {
		want[key.Path] = plain(key.Default)
	}
	got := map[string]string{}
	for _, row := range readmeTable(t, "## Configuration") {
		words := codeWords(row[0])
		group := words[0][:strings.LastIndex(words[0], ".")+1]
		for _, word := range words {
			if rest, short := strings.CutPrefix(word, "."); short { // `redis.tls.ca`, `.cert`
				word = group + rest
			}
			got[word] = plain(row[1])
		}
	}
	delete(got, "routes") // a table of its own
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-keys +README.md):\n%s", diff)
	}
}
