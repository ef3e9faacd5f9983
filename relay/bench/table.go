//go:build linux

// How figures are shown: Markdown that is also fit to be read in a terminal.

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// table is one block of figures.
type table struct {
	title   string
	notes   []string // what has to be known to read it
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

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
	t.grid(&b)
	fmt.Fprintf(&b, "\n%s\n", where)
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) grid(b *strings.Builder) {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.columns}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(b, "| %*s ", widths[i], cell)
		}
		b.WriteString("|\n")
	}
	line(t.columns)
	for _, width := range widths {
		b.WriteString("|" + strings.Repeat("-", width+1) + ":")
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
}

// describe says where and how the figures come about.
func describe(l *lab, args []string) (string, error) {
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return "", fmt.Errorf("ask for the kernel: %w", err)
	}
	redis, err := exec.Command(l.redisBinary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", l.redisBinary, err)
	}
	git := exec.Command("git", "describe", "--tags", "--always", "--dirty")
	git.Dir = l.root
	commit, err := git.Output()
	if err != nil {
		commit = []byte("unknown (not a git repository)")
	}
	version := strings.TrimPrefix(word(string(redis), 2), "v=")
	command := strings.Join(append([]string{"go run ./relay/bench"}, args...), " ")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, redis-server %s; load before %s; %s\ncommit %s; `%s`\n",
		processor(), runtime.NumCPU(), unix.ByteSliceToString(kernel.Release[:]), runtime.Version(), version,
		load(), time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), command), nil
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// load is the load average of the last minute.
func load() string {
	avg, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return word(string(avg), 0)
}

func word(s string, i int) string {
	if words := strings.Fields(s); i < len(words) {
		return words[i]
	}
	return ""
}

// median returns the middle of values, which it sorts; 0 for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// middle is the median of the n values that f gives.
func middle(n int, f func(i int) float64) float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = f(i)
	}
	return median(values)
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

func size(bytes int) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10 && bytes%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d B", bytes)
}

// absent stands where a figure has no meaning.
const absent = "-"
