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

// targets are of messages of 124 B with validation on.
var targets = []target{
	{fanoutTitle, "1, 124 B, validated", "x direct", atLeast, .95},
	{fanoutTitle, "4, 124 B, validated", "x direct", atLeast, 1.5},
	{fanoutTitle, "16, 124 B, validated", "x direct", atLeast, 3},
	{fanoutTitle, "64, 124 B, validated", "x direct", atLeast, 4},
	{fanoutTitle, "256, 124 B, validated", "x direct", atLeast, 5},
	{fanoutTitle, "1000, 124 B, validated", "x direct", atLeast, 5},
	{fanoutTitle, "16, 124 B, validated", "x CPU", atMost, .5},
	{fanoutTitle, "256, 124 B, validated", "x CPU", atMost, .2},
	{fanoutTitle, "256, 124 B, validated", "x floor", atLeast, .9},
	{latencyTitle, "1, 1000, validated", "p50 +", atMost, 15e3},
	{latencyTitle, "1, 1000, validated", "p99 +", atMost, 40e3},
	{publishTitle, "64, 1, validated", "x direct", atLeast, 1.2},
	{publishTitle, "64, 1, validated", "x CPU Redis", atMost, .5},
	{historyTitle, "16, kept", "x plain", atLeast, .8},
	{historyTitle, "16, kept", "x CPU Redis", atMost, 3.5},
	{validationTitle, "chat.json", "check", atMost, 400},
	{validationTitle, "document.json", "check", atMost, 400},
	{validationTitle, "events.json", "check", atMost, 400},
	{validationTitle, "rejects.json", "check", atMost, 400},
	{validationTitle, "user.json", "check", atMost, 400},
	{validationTitle, "chat.json", "allocations", atMost, 0},
	{validationTitle, "document.json", "allocations", atMost, 0},
	{validationTitle, "events.json", "allocations", atMost, 0},
	{validationTitle, "rejects.json", "allocations", atMost, 0},
	{validationTitle, "user.json", "allocations", atMost, 0},
	{memoryTitle, "idle", "relay", atMost, 15 << 20},
	{memoryTitle, "1000 idle subscribers, each", "relay", atMost, 8 << 10},
	{memoryTitle, "10000 idle subscribers, each", "relay", atMost, 8 << 10},
	{memoryTitle, "100000 channels, each", "relay", atMost, 300},
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

// summary lists the targets of all tables; nil without any.
func summary(tables []*table) *table {
	s := &table{
		title: "Targets",
		notes: []string{"A target is met by the median of the rounds. Open: this run did not measure it."},
		keys:  []string{"table", "row", "column", "target", "measured", "verdict"},
	}
	for _, t := range tables {
		verdicts := map[target]verdict{}
		for _, r := range t.rows {
			for _, v := range t.judge(r) {
				verdicts[v.target] = v
			}
		}
		for _, x := range t.targets() {
			if v, ok := verdicts[x]; ok {
				s.add([]any{x.table, x.row, x.column, v.want(), v.got, v.word()})
			} else {
				s.add([]any{x.table, x.row, x.column, "", figure{}, "open"})
			}
		}
	}
	if len(s.rows) == 0 {
		return nil
	}
	return s
}
