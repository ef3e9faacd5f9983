package top

// How figures are written.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes a number in at most five characters: 0, 0.4, 9.5, 950, 9.5k, 950k, 9.5M.
func count(n float64) string {
	switch {
	case n <= 0 || math.IsNaN(n):
		return "0"
	case n < 0.1:
		return "<0.1"
	}
	return short(n, 1000, []string{"", "k", "M", "G", "T"})
}

// size writes a number of bytes: 0B, 950B, 9.5KiB, 950KiB, 9.5MiB.
func size(n float64) string {
	if n < 1 || math.IsNaN(n) {
		return "0B"
	}
	return short(math.Floor(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB"})
}

// short writes a number with the largest unit of which there is one, and one decimal below ten.
func short(n, step float64, units []string) string {
	last := len(units) - 1
	i := 0
	for i < last && math.Round(n) >= step {
		n, i = n/step, i+1
	}
	if n < 9.95 && n != math.Trunc(n) {
		return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") + units[i]
	}
	return strconv.FormatFloat(n, 'f', 0, 64) + units[i]
}

// span writes a time in at most six characters: 0s, 95s, 12m, 3h12m, 5d3h.
func span(seconds float64) string {
	s := int64(max(0, seconds))
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case s < 2*minute:
		return fmt.Sprintf("%ds", s)
	case s < hour:
		return fmt.Sprintf("%dm", s/minute)
	case s < day:
		return fmt.Sprintf("%dh%dm", s/hour, s%hour/minute)
	case s < 100*day:
		return fmt.Sprintf("%dd%dh", s/day, s%day/hour)
	}
	return fmt.Sprintf("%dd", s/day)
}

// fine writes a short time: 350µs, 1.2ms, 2.5s.
func fine(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return span(seconds)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// clock writes a time of the day.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// bars are the levels of a sparkline, the lowest first.
var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values; the highest bar stands for peak.
func sparkline(values []float64, peak float64) string {
	var b strings.Builder
	for _, v := range values {
		level := 0
		if v > 0 && peak > 0 {
			level = max(1, int(math.Ceil(v/peak*float64(len(bars))))-1) // the lowest is for nothing at all
		}
		b.WriteRune(bars[level])
	}
	return b.String()
}

// highest returns the highest of some values, at least 0.
func highest(values []float64) (peak float64) {
	for _, v := range values {
		peak = max(peak, v)
	}
	return peak
}

// last returns the last n values, or as many as there are.
func last[T any](n int, values []T) []T { return values[max(0, len(values)-max(0, n)):] }
