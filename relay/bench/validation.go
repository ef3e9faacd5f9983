//go:build linux

// Validation: the Go benchmarks of relay/schema, as a table.

package main

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const validationTitle = "A validated message"

// benchmarkLine is a result of one of the benchmarks for one schema: which one,
// the schema, nanoseconds and allocations.
var benchmarkLine = regexp.MustCompile(
	`(?m)^Benchmark(Check|Examine)/(\S+\.json)-?\d*\s.*?([0-9.]+) ns/op.*?([0-9]+) allocs/op`)

// cost is what checks of one schema took: a value per run of the benchmark.
type cost struct{ ns, allocations []float64 }

// validation measures a check of each shipped schema.
func validation(l *lab) ([]*table, error) {
	l.progress("validation")
	cmd := exec.CommandContext(l.ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Check|Examine)$",
		"-benchmem", "-count", strconv.Itoa(l.rounds), "-benchtime", l.burst.String(), "./relay/schema")
	cmd.Dir = l.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run the benchmarks of relay/schema: %w\n%s", err, out)
	}
	t := &table{
		title: validationTitle,
		notes: []string{
			"One core, a typical message for each shipped schema: the check, which is one scan with the compiled checker in",
			"it, and the scan with an examination behind it, which schemas cost that do not compile.",
			aboutSpread,
		},
		keys:    []string{"schema"},
		columns: []string{"check", "allocations", "examination", "allocations of it"},
	}
	costs := readCosts(string(out))
	if len(costs["Check"]) == 0 {
		return nil, fmt.Errorf("no benchmark of a check in\n%s", out)
	}
	for _, schema := range slices.Sorted(maps.Keys(costs["Check"])) {
		checked, examined := costs["Check"][schema], costs["Examine"][schema]
		if examined == nil {
			return nil, fmt.Errorf("no benchmark of an examination with %s in\n%s", schema, out)
		}
		t.add([]any{schema}, figureOf(checked.ns, nanos), figureOf(checked.allocations, count),
			figureOf(examined.ns, nanos), figureOf(examined.allocations, count))
	}
	return []*table{t}, nil
}

// readCosts reads what `go test -bench` prints: costs by benchmark and schema.
func readCosts(out string) map[string]map[string]*cost {
	all := map[string]map[string]*cost{"Check": {}, "Examine": {}}
	for _, m := range benchmarkLine.FindAllStringSubmatch(out, -1) {
		of := all[m[1]]
		if of[m[2]] == nil {
			of[m[2]] = &cost{}
		}
		of[m[2]].ns = append(of[m[2]].ns, number(m[3]))
		of[m[2]].allocations = append(of[m[2]].allocations, number(m[4]))
	}
	return all
}

// number reads what benchmarkLine has matched.
func number(s string) float64 {
	v, _ := strconv.ParseFloat(strings.TrimSpace(s), 64) // it is a number
	return v
}
