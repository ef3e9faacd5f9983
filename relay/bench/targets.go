//go:build linux

// What the figures should come to, and whether they did.

package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a bound on the median of one cell.
type target struct {
	table  string // its title
	row    string // its keys, with commas between
	column string
	limit  limit
	bound  float64 // in the unit of the cell
}

// limit says on which side of its bound a figure should be.
type limit string

const (
	atLeast limit = ">="
	atMost  limit = "<="
)

// targets are of messages of 124 B with validation on. They are meant for the newest redis-server, and hold for each
// that is measured.
var targets = []target{
	{fanoutTitle, "1, 124 B, validated", "x direct", atLeast, 1},
	{fanoutTitle, "4, 124 B, validated", "x direct", atLeast, 1.5},
	{fanoutTitle, "16, 124 B, validated", "x direct", atLeast, 3},
	{fanoutTitle, "64, 124 B, validated", "x direct", atLeast, 3.8},
	{fanoutTitle, "256, 124 B, validated", "x direct", atLeast, 4.5},
	{fanoutTitle, "1, 124 B, validated", "CPU server", atMost, 250},
	{fanoutTitle, "16, 124 B, validated", "CPU server", atMost, 35},
	{fanoutTitle, "256, 124 B, validated", "CPU server", atMost, 20},
	{fanoutTitle, "256, 124 B, validated", "x floor", atLeast, .9},
	{latencyTitle, "1, 1000, validated", "p50 +", atMost, 10e3},
	{latencyTitle, "1, 1000, validated", "p99 +", atMost, 40e3},
	{latencyTitle, "16, 1000, validated", "p50 +", atMost, 10e3},
	{latencyTitle, "16, 1000, validated", "p99 +", atMost, 40e3},
	{publishTitle, "64, 1, validated", "x direct", atLeast, 1.2},
	{publishTitle, "16, 1, validated", "x direct", atLeast, .95},
	{publishTitle, "1, 64, validated", "x direct", atLeast, .75},
	{publishTitle, "64, 1, validated", "CPU relay", atMost, 5e3},
	{publishTitle, "64, 1, validated", "x CPU Redis", atMost, .5},
	{besideTitle, "validated", "p50", atMost, 250e3},
	{historyTitle, "16, kept", "x plain", atLeast, .8},
	{historyTitle, "16, kept", "x CPU Redis", atMost, 3.5},
	{featuresTitle, "16, beside features", "x validated", atLeast, .95},
	{featuresTitle, "16, beside features", "x CPU relay", atMost, 1.05},
	{twoTitle, "main, killed", "x quiet", atMost, 1.5},
	{twoTitle, "main, started again", "x quiet", atMost, 1.5},
	{twoTitle, "main, stopped", "x quiet", atMost, 1.5},
	{twoTitle, "main, continued", "x quiet", atMost, 1.5},
	{twoTitle, "eu, killed", "x quiet", atMost, 1.5},
	{twoTitle, "eu, started again", "x quiet", atMost, 1.5},
	{twoTitle, "eu, stopped", "x quiet", atMost, 1.5},
	{twoTitle, "eu, continued", "x quiet", atMost, 1.5},
	{adversityTitle, troubleStopped + ", validated", "x quiet", atMost, 2},
	{adversityTitle, troubleChannels + ", validated", "x quiet", atMost, 2},
	{adversityTitle, troubleMob + ", validated", "x quiet", atMost, 2},
	{adversityTitle, troubleInvalid + ", validated", "x quiet", atMost, 2},
	{adversityTitle, troubleExamined + ", validated", "x quiet", atMost, 2},
	{validationTitle, "chat.json", "check", atMost, 130},
	{validationTitle, "document.json", "check", atMost, 130},
	{validationTitle, "events.json", "check", atMost, 130},
	{validationTitle, "rejects.json", "check", atMost, 130},
	{validationTitle, "user.json", "check", atMost, 130},
	{validationTitle, "chat.json", "allocations", atMost, 0},
	{validationTitle, "document.json", "allocations", atMost, 0},
	{validationTitle, "events.json", "allocations", atMost, 0},
	{validationTitle, "rejects.json", "allocations", atMost, 0},
	{validationTitle, "user.json", "allocations", atMost, 0},
	{memoryTitle, "idle", "relay", atMost, 15 << 20},
	{memoryTitle, "1000 idle subscribers, each", "relay", atMost, 1536},
	{memoryTitle, "10000 idle subscribers, each", "relay", atMost, 1536},
	{memoryTitle, "100000 channels, each", "relay", atMost, 250},
	{memoryTitle, "start to ready", "relay", atMost, 50e6},
}

// verdict is what became of a target.
type verdict struct {
	target
	got figure
}

func (v verdict) met() bool {
	if v.limit == atLeast {
		return v.got.median >= v.bound
	}
	return v.got.median <= v.bound
}

// want words the bound: >= 0.95.
func (v verdict) want() string { return fmt.Sprintf("%s %s", v.limit, v.got.in(v.bound)) }

func (v verdict) word() string {
	if v.met() {
		return "met"
	}
	return "missed"
}

// judge finds the verdicts on a row. A target whose column the table lacks is a
// mistake in this program.
func (t *table) judge(r row) (found []verdict) {
	for _, x := range t.targets() {
		if x.row == r.key() {
			found = append(found, verdict{x, r.cells[slices.Index(t.columns, x.column)]})
		}
	}
	return found
}

// targets are those of the table, whether or not it has their rows.
func (t *table) targets() (own []target) {
	for _, x := range targets {
		if x.table == t.title {
			own = append(own, x)
		}
	}
	return own
}

// aims words the targets of a row and what became of them, for its last cell.
func (t *table) aims(r row) string {
	var words []string
	for _, v := range t.judge(r) {
		words = append(words, fmt.Sprintf("%s %s: %s", v.column, v.want(), v.word()))
	}
	return strings.Join(words, "; ")
}

// measurement is a target with one Redis; without a version, where no Redis has a part.
type measurement struct {
	target
	redis string
}

// summary lists the targets of all tables, with a column for each Redis; nil without any.
func summary(tables []*table) *table {
	s := &table{
		title: "Targets",
		notes: []string{
			"A column for each redis-server. A target is met by the median of the rounds. Open: this run did not measure it.",
		},
		keys: []string{"table", "row", "column", "target"},
	}
	found := map[measurement]verdict{}
	var versions []string
	for _, t := range tables {
		for _, r := range t.rows {
			for _, v := range t.judge(r) {
				found[measurement{v.target, r.redis}] = v
			}
			if r.redis != "" && !slices.Contains(versions, r.redis) {
				versions = append(versions, r.redis)
			}
		}
	}
	if len(versions) == 0 {
		versions = []string{"any"}
	}
	s.keys = append(s.keys, versions...)
	for _, t := range tables {
		for _, x := range t.targets() {
			s.add(x.line(found, versions))
		}
	}
	if len(s.rows) == 0 {
		return nil
	}
	return s
}

// line is the row of a target in the summary.
func (x target) line(found map[measurement]verdict, versions []string) []any {
	line := []any{x.table, x.row, x.column, ""}
	for _, version := range versions {
		v, ok := found[measurement{x, version}]
		if !ok {
			v, ok = found[measurement{x, ""}]
		}
		if !ok {
			line = append(line, "open")
			continue
		}
		line[3] = v.want()
		line = append(line, fmt.Sprintf("%s %s", v.got, v.word()))
	}
	return line
}
