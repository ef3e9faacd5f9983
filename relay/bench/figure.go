//go:build linux

// Figures: what rounds came to, how far they lay apart, and how they are worded.

package main

import (
	"fmt"
	"slices"
)

// figure is one cell of a table. The zero figure has no meaning there, and is
// shown as a dash.
type figure struct {
	median, least, most float64
	in                  format
}

// format words a value.
type format func(float64) string

// aboutSpread says how figures are to be read, in the notes of tables.
const aboutSpread = "A figure is the median of the rounds (least..most)."

// over is the figure of n rounds, of which f gives the values.
func over(n int, f func(i int) float64, in format) figure {
	values := make([]float64, n)
	for i := range values {
		values[i] = f(i)
	}
	return figureOf(values, in)
}

// figureOf is the figure of values, at least one, which it sorts.
func figureOf(values []float64, in format) figure {
	slices.Sort(values)
	last := len(values) - 1
	return figure{(values[last/2] + values[last-last/2]) / 2, values[0], values[last], in}
}

// exactly is a figure of one value.
func exactly(value float64, in format) figure { return figure{value, value, value, in} }

// plain leaves out how far the rounds lay apart.
func (f figure) plain() figure { return exactly(f.median, f.in) }

// String words the median, and in parentheses the least and the most.
func (f figure) String() string {
	switch {
	case f.in == nil:
		return "-"
	case f.least == f.most:
		return f.in(f.median)
	}
	return fmt.Sprintf("%s (%s..%s)", f.in(f.median), f.in(f.least), f.in(f.most))
}

// count words a large number: 940, 12.3 k, 5.68 M.
func count(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }

// micros words nanoseconds as microseconds.
func micros(ns float64) string {
	if ns < 1e5 {
		return fmt.Sprintf("%.1f", ns/1e3)
	}
	return fmt.Sprintf("%.0f", ns/1e3)
}

// added words nanoseconds as microseconds more, or less.
func added(ns float64) string { return fmt.Sprintf("%+.1f", ns/1e3) }

// perMillion words nanoseconds of a processor for one thing as seconds for a
// million of them.
func perMillion(ns float64) string { return fmt.Sprintf("%.4f", ns/1e3) }

func nanos(ns float64) string { return fmt.Sprintf("%.0f ns", ns) }

func millis(ns float64) string { return fmt.Sprintf("%.1f ms", ns/1e6) }

func size(bytes float64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
	case bytes >= 1<<10 && int(bytes)%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", int(bytes)>>10)
	}
	return fmt.Sprintf("%.0f B", bytes)
}
