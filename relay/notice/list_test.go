package notice

// The list, held to the documentation and to the schema of events.

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const tableHead = "| log line | event | when | fields of the event | what to do |\n|---|---|---|---|---|\n"

// table is the list as the documentation has it.
func table() string {
	text := tableHead
	for _, n := range list {
		event, line, fields := "-", "-", "-"
		if n.Event != "" {
			event = "`" + n.Event + "`"
		}
		if n.Text != "" {
			line = n.Level.String() + ": `" + strings.ReplaceAll(n.Text, "%s", "…") + "`"
		}
		if len(n.Fields) > 0 {
			fields = "`" + strings.Join(n.Fields, "`, `") + "`"
		}
		do := n.Do
		if do == "" {
			do = "-"
		}
		text += "| " + strings.Join([]string{line, event, n.When, fields, do}, " | ") + " |\n"
	}
	return text
}

// TestDocumentationHasTheTable, the same, on one page.
func TestDocumentationHasTheTable(t *testing.T) { onOnePage(t, tableHead, table()) }

// onOnePage fails unless one page has a table, and the same.
func onOnePage(t *testing.T, head, table string) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, has := strings.Cut(string(text), head)
		if !has {
			continue
		}
		found++
		rows, _, _ := strings.Cut(rest, "\n\n")
		if got := head + rows + "\n"; got != table {
			t.Errorf("%s has another table; it should be:\n%s", page, table)
		}
	}
	if found != 1 {
		t.Errorf("%d pages have the table; one should:\n%s", found, table)
	}
}

// jsonFields lists the fields of an event but for its name and time, in sorted order.
func jsonFields(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, jsonFields(f.Type)...)
		case name != "event" && name != "time":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestFieldsAreThoseOfTheSchema of events: of each event, over all notices that send it, the fields are those
// that the schema describes, and an Event has no others.
func TestFieldsAreThoseOfTheSchema(t *testing.T) {
	text, err := os.ReadFile("../../schemas/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]struct{ Const any }
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	described, told := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(all map[string]map[string]bool, event string, fields []string) {
		if all[event] == nil {
			all[event] = map[string]bool{}
		}
		for _, f := range fields {
			all[event][f] = true
		}
	}
	for _, d := range schema.Definitions {
		if name, ok := d.Properties["event"].Const.(string); ok {
			note(described, name, slices.Collect(maps.Keys(d.Properties)))
			delete(described[name], "event")
			delete(described[name], "time")
		}
	}
	every := map[string]bool{}
	for _, n := range list {
		if n.Event == "" {
			continue
		}
		note(told, n.Event, n.Fields)
		for _, f := range n.Fields {
			every[f] = true
		}
	}
	if !reflect.DeepEqual(described, told) {
		t.Errorf("schemas/events.json describes %v; the list has %v", described, told)
	}
	if have, want := jsonFields(reflect.TypeFor[Event]()), slices.Sorted(maps.Keys(every)); !slices.Equal(have, want) {
		t.Errorf("an Event has %q; the list has %q", have, want)
	}
}

// TestNoticesAreWhole: each has something to tell, and somebody to tell it to.
func TestNoticesAreWhole(t *testing.T) {
	for _, n := range list {
		if n.Event == "" && n.Text == "" || (n.Event == "") != (n.To == 0) || n.When == "" {
			t.Errorf("%+v", *n)
		}
		if len(n.Fields) > 0 && n.Event == "" {
			t.Errorf("%q has fields and no event", n.Text)
		}
		if n.Alert == "" && (n.Ends || n.Once || n.Lasts != 0) || n.Ends && (n.Once || n.Lasts != 0) {
			t.Errorf("of an alert: %+v", *n)
		}
	}
}
