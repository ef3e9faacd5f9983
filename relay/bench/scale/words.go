package main

// How figures are worded.

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// count words a number with three digits or more: 12, 3.45, 12.3 k, 5.68 M.
func count(v float64) string {
	for _, unit := range []struct {
		value float64
		name  string
	}{{1e9, " G"}, {1e6, " M"}, {1e4, " k"}} {
		if v < unit.value {
			continue
		}
		if unit.value == 1e4 {
			unit.value = 1e3
		}
		return digits(v/unit.value) + unit.name
	}
	return digits(v)
}

// digits words a number with three digits that count.
func digits(v float64) string {
	switch {
	case v >= 100 || v == float64(int(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= .1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// size words bytes, in powers of 1000.
func size(v float64) string {
	for _, unit := range []struct {
		value float64
		name  string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if v >= unit.value {
			return digits(v/unit.value) + " " + unit.name
		}
	}
	return digits(v) + " B"
}

func perSecond(v float64) string { return size(v) + "/s" }

func bits(v float64) string { return digits(8*v/1e9) + " Gbit/s" }

// table writes lines of equal length as a table in Markdown, the first as its head.
func table(out io.Writer, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += space
			} else {
				cell = space + cell
			}
			_, _ = fmt.Fprintf(out, "| %s ", cell) // to a buffer or a terminal
		}
		_, _ = fmt.Fprintln(out, "|")
		if n == 0 {
			for i, width := range widths {
				rule := strings.Repeat("-", width+2)
				if i > 0 {
					rule = rule[1:] + ":"
				}
				_, _ = fmt.Fprint(out, "|", rule)
			}
			_, _ = fmt.Fprintln(out, "|")
		}
	}
}
