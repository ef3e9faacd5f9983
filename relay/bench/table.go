//go:build linux

// How figures are shown: Markdown that is also fit to be read in a terminal.

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is one block of figures.
type table struct {
	title   string
	notes   []string // what has to be known to read it
	keys    []string // columns that say what was measured
	columns []string // of figures
	rows    []row
}

type row struct {
	redis string // version; empty: it does not matter
	keys  []string
	cells []figure
}

// key names a row among those of its table.
func (r row) key() string { return strings.Join(r.keys, ", ") }

// add appends a row that no Redis has a part in: its keys, in words or numbers, and a figure for each column.
func (t *table) add(keys []any, cells ...figure) { t.addRow("", keys, cells) }

// addOn appends a row that was measured with a Redis.
func (t *table) addOn(redis *redisServer, keys []any, cells ...figure) {
	t.addRow(redis.version, keys, cells)
}

func (t *table) addRow(redis string, keys []any, cells []figure) {
	r := row{redis: redis, cells: cells}
	for _, k := range keys {
		r.keys = append(r.keys, fmt.Sprint(k))
	}
	t.rows = append(t.rows, r)
}

// write prints the table under its title and over where it was measured.
func (t *table) write(w io.Writer, where string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.title)
	for _, n := range t.notes {
		fmt.Fprintf(&b, "%s\n", n)
	}
	if len(t.notes) > 0 {
		b.WriteByte('\n')
	}
	grid(&b, t.lines())
	fmt.Fprintf(&b, "\n%s\n", where)
	_, err := io.WriteString(w, b.String())
	return err
}

// ofRedis reports whether any row was measured with a Redis.
func (t *table) ofRedis() bool {
	return slices.ContainsFunc(t.rows, func(r row) bool { return r.redis != "" })
}

// lines are the cells of the table in words, its head first. Where a Redis has a part the first column is its
// version; where there can be targets they are the last one.
func (t *table) lines() [][]string {
	head := slices.Concat(t.keys, t.columns)
	aimed := len(t.targets()) > 0
	if aimed {
		head = append(head, "target")
	}
	versioned := t.ofRedis()
	if versioned {
		head = slices.Insert(head, 0, "Redis")
	}
	lines := [][]string{head}
	for _, r := range t.rows {
		line := slices.Clone(r.keys)
		if versioned {
			line = slices.Insert(line, 0, cmp.Or(r.redis, "-"))
		}
		for _, cell := range r.cells {
			line = append(line, cell.String())
		}
		if aimed {
			line = append(line, t.aims(r))
		}
		lines = append(lines, line)
	}
	return lines
}

// grid writes lines of equal length, the first as the head.
func grid(b *strings.Builder, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(b, "| %*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, width := range widths {
			b.WriteString("|" + strings.Repeat("-", width+1) + ":")
		}
		b.WriteString("|\n")
	}
}
