package docs_test

// Entries: what the program knows by name is explained in docs exactly once, and as it is.

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"redis-relay/config"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
)

// wantOnce reports the names that are not an entry of exactly one page.
func wantOnce(t *testing.T, what string, names []string) {
	t.Helper()
	if len(names) == 0 {
		t.Fatalf("no %s found", what)
	}
	where := map[string][]string{}
	for _, p := range manual(t) {
		for _, name := range p.entries() {
			where[name] = append(where[name], p.path)
		}
	}
	for _, name := range names {
		if len(where[name]) != 1 {
			t.Errorf("%s %s is an entry %d times, want once: %q", what, name, len(where[name]), where[name])
		}
	}
}

// TestKeys compares the table of keys with those that there are, and with their defaults.
func TestKeys(t *testing.T) {
	t.Parallel()
	plain := func(value string) string { return strings.TrimSuffix(strings.Trim(value, "`\""), "B") } // 256 is 256B
	want := map[string]string{"routes": "", "upstreams": ""}
	for _, key := range config.Keys() {
		want[key.Path] = plain(key.Default)
	}
	got := map[string]string{}
	for _, cells := range read(t, "docs/configuration.md").table(t, "Keys") {
		for _, name := range fullNames(cells[0]) {
			got[name] = plain(cells[1])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-keys +docs/configuration.md):\n%s", diff)
	}
	wantOnce(t, "key", slices.Sorted(maps.Keys(want)))
}

func TestKeysOfARoute(t *testing.T) {
	t.Parallel()
	want := tags(reflect.TypeFor[config.Route]())
	var got []string
	for _, cells := range read(t, "docs/routes-and-schemas.md").table(t, "Keys of a route") {
		got = append(got, codeWords(cells[0])...)
	}
	if slices.Sort(want); !slices.Equal(want, slices.Sorted(slices.Values(got))) {
		t.Errorf("(-keys +docs/routes-and-schemas.md):\n%s", cmp.Diff(want, slices.Sorted(slices.Values(got))))
	}
	wantOnce(t, "key of a route", want)
}

// tags lists the keys of a struct, those of the structs that are laid into it, too.
func tags(s reflect.Type) (keys []string) {
	for i := range s.NumField() {
		key := s.Field(i).Tag.Get("koanf")
		if key == ",squash" {
			keys = append(keys, tags(s.Field(i).Type)...)
		} else if key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestMetrics compares the table of metrics, with their labels, with what a relay that has just started
// tells: every series is there from the start.
func TestMetrics(t *testing.T) {
	t.Parallel()
	want := map[string][]string{} // labels; with the values, where the table lists them
	for _, cells := range read(t, "docs/operations.md").table(t, "Metrics") {
		labels := codeWords(cells[1])
		if name, values, listed := strings.Cut(cells[1], ": "); listed {
			labels = nil
			for _, value := range codeWords(values) {
				labels = append(labels, strings.Trim(name, "`")+"="+value)
			}
		}
		slices.Sort(labels)
		for _, name := range codeWords(cells[0]) {
			want[name] = labels
		}
	}
	r := startRelay(t)
	r.reload(t, "  - prefix: \"user:\"\n    schema: user.json\n  - prefix: \"two:\"\n    schema: [user.json, chat.json]\n")
	_, metrics := r.Get("/metrics")
	if diff := cmp.Diff(want, told(metrics, want)); diff != "" {
		t.Errorf("(-docs/operations.md +/metrics):\n%s", diff)
	}
	wantOnce(t, "metric", slices.Sorted(maps.Keys(want)))
}

var (
	series = regexp.MustCompile(`(?m)^redis_relay_(\w+)(\{.*\})? `)
	label  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// told reads metrics: the labels of each, with their values where want has them.
func told(metrics string, want map[string][]string) map[string][]string {
	sets := map[string]map[string]bool{}
	for _, m := range series.FindAllStringSubmatch(metrics, -1) {
		name, of := histogram(m[1])
		if of == "count" || of == "sum" {
			continue
		}
		if sets[name] == nil {
			sets[name] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "le" {
				continue
			}
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

// histogram splits the name of a series of a histogram; of is empty for all others.
func histogram(series string) (name, of string) {
	for _, of := range []string{"bucket", "count", "sum"} {
		if name, ok := strings.CutSuffix(series, "_seconds_"+of); ok {
			return name + "_seconds", of
		}
	}
	return series, ""
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	wantOnce(t, "error code", append(slices.Clone(monitor.Codes), "ERR"))
}

func TestEvents(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "schemas/events.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Definitions map[string]struct {
			Properties struct {
				Event struct{ Const string }
			}
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, definition := range schema.Definitions {
		if name := definition.Properties.Event.Const; name != "" {
			names[name] = true
		}
	}
	events := slices.Sorted(maps.Keys(names))
	var got []string
	for _, cells := range read(t, "docs/clients-and-protocol.md").table(t, "Events") {
		got = append(got, codeWords(cells[0])...)
	}
	if slices.Sort(got); !slices.Equal(got, events) {
		t.Errorf("(-schemas/events.json +docs/clients-and-protocol.md):\n%s", cmp.Diff(events, got))
	}
	wantOnce(t, "event", events)
}

// TestCommands compares the table of commands with what COMMAND DOCS says.
func TestCommands(t *testing.T) {
	t.Parallel()
	served := startRelay(t).commands()
	upper := regexp.MustCompile(`^[A-Z][A-Z-]*$`)
	var listed []string
	for _, cells := range read(t, "docs/clients-and-protocol.md").table(t, "Commands") {
		for part := range strings.SplitSeq(cells[1], ";") {
			words := slices.DeleteFunc(codeWords(part), func(word string) bool { return !upper.MatchString(word) })
			listed = append(listed, fullCommands(words, served)...)
		}
	}
	if slices.Sort(listed); !slices.Equal(listed, served) {
		t.Errorf("(-COMMAND DOCS +docs/clients-and-protocol.md):\n%s", cmp.Diff(served, listed))
	}
}

// fullCommands writes the subcommands of a container as COMMAND DOCS does. A container opens its part of a cell.
func fullCommands(words, served []string) (names []string) {
	container := ""
	for i, word := range words {
		name := strings.ToLower(word)
		if i == 0 && slices.ContainsFunc(served, func(s string) bool { return strings.HasPrefix(s, name+"|") }) {
			container = name + "|"
			names = append(names, name)
			continue
		}
		names = append(names, container+name)
	}
	return names
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	for _, cells := range read(t, "docs/nats.md").table(t, "Subjects") {
		channels, subjects := codeWords(cells[0]), codeWords(cells[1])
		if len(channels) != len(subjects) {
			t.Fatalf("%q: %d channels and %d subjects", cells, len(channels), len(subjects))
		}
		for i, channel := range channels {
			subject, err := natsbridge.Subject([]byte(channel))
			if err != nil || subject != subjects[i] {
				t.Errorf("%s is the subject %s, %v; docs/nats.md says %s", channel, subject, err, subjects[i])
			}
		}
	}
}
