package top

// Tables that fit the width of the terminal.

import (
	"cmp"
	"slices"
	"strings"
)

// gap is between two columns.
const gap = 2

// column is a column of a table.
type column struct {
	title string
	right bool // the cells are set to the right
	least int  // the cells may be cut down to this width; 0: they are never cut
	leave int  // if the width does not suffice, the column with the highest number is left out; 0: never
}

// table is a list of rows, with a cell for each column.
type table struct {
	columns []column
	rows    []Line
	none    string // stands in place of rows if there are none
	grow    int    // the column that takes the width that is left over
}

// lines returns the titles, and the rows from one on, at most most of them, 0: all. If cells is 0, a line is as wide as
// it needs to be.
func (t *table) lines(cells, from, most int) (lines []Line) {
	rows := t.rows[min(from, len(t.rows)):]
	if most > 0 {
		rows = rows[:min(most, len(rows))]
	}
	widths := t.widths(cells)
	titles := make(Line, len(t.columns))
	for i, c := range t.columns {
		titles[i] = Span{c.title, Title}
	}
	lines = append(lines, t.line(titles, widths))
	for _, row := range rows {
		lines = append(lines, t.line(row, widths))
	}
	if len(t.rows) == 0 {
		lines = append(lines, Line{{t.none, Dim}}.fit(cells))
	}
	return lines
}

// left marks a column that is left out.
const left = -1

// widths returns the width of each column. All rows count, not only those that are shown, so that columns stay where
// they are while the user scrolls.
func (t *table) widths(cells int) []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = width(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], width(row[i].Text))
		}
	}
	if cells == 0 {
		return widths
	}
	for t.total(widths, true) > cells && t.leaveOut(widths) {
	}
	for t.total(widths, false) > cells && t.shrink(widths, t.total(widths, false)-cells) {
	}
	const far = 40 // the figures of a row are not farther from its name than this
	spare := min(cells-t.total(widths, false), far-widths[t.grow])
	widths[t.grow] += max(0, spare)
	return widths
}

// total returns the width of a row; of its shortest form, if least is set.
func (t *table) total(widths []int, least bool) (cells int) {
	for i, w := range widths {
		if w == left {
			continue
		}
		if c := t.columns[i]; least && c.least > 0 {
			w = min(w, max(c.least, width(c.title)))
		}
		cells += w + gap
	}
	return cells - gap
}

// leaveOut leaves out the column that is needed the least.
func (t *table) leaveOut(widths []int) (ok bool) {
	victim := 0
	for i, c := range t.columns {
		if widths[i] != left && c.leave > t.columns[victim].leave {
			victim = i
		}
	}
	if t.columns[victim].leave == 0 {
		return false
	}
	widths[victim] = left
	return true
}

// shrink makes the widest column that may be cut narrower, by at most so many cells.
func (t *table) shrink(widths []int, by int) (ok bool) {
	var order []int
	for i, c := range t.columns {
		if least := max(c.least, width(c.title)); c.least > 0 && widths[i] > least {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return false
	}
	widest := slices.MaxFunc(order, func(a, b int) int { return cmp.Compare(widths[a], widths[b]) })
	floor := max(t.columns[widest].least, width(t.columns[widest].title))
	for _, i := range order { // down to the second widest at once, so that wide columns share what is missing
		if i != widest {
			floor = max(floor, min(widths[i], widths[widest]-1))
		}
	}
	widths[widest] = max(floor, widths[widest]-by)
	return true
}

func (t *table) line(row Line, widths []int) Line {
	var line Line
	for i, cell := range row {
		if widths[i] == left {
			continue
		}
		if len(line) > 0 {
			line = append(line, Span{strings.Repeat(" ", gap), Plain})
		}
		text := cut(cell.Text, widths[i])
		line = append(line, Span{pad(text, widths[i], t.columns[i].right), cell.Style})
	}
	return line
}
