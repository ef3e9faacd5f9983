//go:build linux

// Figures, tables and targets.

package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestHistogramKnowsQuantiles(t *testing.T) {
	h := newHistogram()
	if got := h.quantile(.5); got != 0 {
		t.Errorf("median of nothing is %v", got)
	}
	for i := range int64(10000) {
		h.add(i * 1000)
	}
	h.merge(h)
	if h.total() != 20000 {
		t.Errorf("total is %d", h.total())
	}
	for _, q := range []float64{0, .001, .5, .99, .999} {
		got, want := h.quantile(q), q*1e7
		if math.Abs(got-want) > want/steps+1000 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if got, want := h.quantile(1), 9999e3; math.Abs(got-want) > want/steps {
		t.Errorf("the longest is %v, want about %v", got, want)
	}
	h.add(-1) // clocks of two processors may differ a little
	h.add(math.MaxInt64)
}

func TestTableIsMarkdown(t *testing.T) {
	x := &table{title: "T", notes: []string{"note"}, keys: []string{"µs"}, columns: []string{"a", "long"}}
	x.add([]any{12}, figureOf([]float64{4, 1, 3, 2}, count), figure{})
	var b strings.Builder
	if err := x.write(&b, "here"); err != nil {
		t.Fatal(err)
	}
	const want = "## T\n\nnote\n\n| µs |        a | long |\n|---:|---------:|-----:|\n| 12 | 2 (1..4) |    - |\n\nhere\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTargetsAreJudgedByTheMedian(t *testing.T) {
	saved := targets
	defer func() { targets = saved }()
	targets = []target{
		{"T", "1, b", "up", atLeast, 2},
		{"T", "1, b", "down", atMost, 2},
		{"T", "2, b", "down", atMost, 2},
		{"U", "1, b", "down", atMost, 2},
	}
	x := &table{title: "T", keys: []string{"n", "variant"}, columns: []string{"up", "down"}}
	x.add([]any{1, "a"}, exactly(9, ratio), exactly(9, ratio))
	x.add([]any{1, "b"}, figureOf([]float64{1, 2, 9}, ratio), exactly(2.1, ratio))
	var got []string
	for _, line := range x.lines() {
		got = append(got, line[len(line)-1])
	}
	if want := "target||up >= 2.00: met; down <= 2.00: missed"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s := summary([]*table{x, {title: "V"}})
	if got, want := fmt.Sprint(s.lines()), "[[table row column target any] [T 1, b up >= 2.00 2.00 (1.00..9.00) met]"+
		" [T 1, b down <= 2.00 2.10 missed] [T 2, b down  open]]"; got != want {
		t.Errorf("summary is %s, want %s", got, want)
	}
	if s := summary([]*table{{title: "V"}}); s != nil {
		t.Errorf("a summary of nothing: %v", s)
	}
}

func TestSummaryHasAColumnForEachRedis(t *testing.T) {
	saved := targets
	defer func() { targets = saved }()
	targets = []target{
		{"T", "b", "up", atLeast, 2},
		{"U", "c", "down", atMost, 2},
		{"V", "d", "down", atMost, 2},
	}
	both := &table{title: "T", keys: []string{"variant"}, columns: []string{"up"}}
	one := &table{title: "U", keys: []string{"variant"}, columns: []string{"down"}}
	none := &table{title: "V", keys: []string{"variant"}, columns: []string{"down"}}
	newer, older := &redisServer{version: "8.2.3"}, &redisServer{version: "7.0.15"}
	both.addOn(newer, []any{"b"}, exactly(1, ratio))
	both.addOn(older, []any{"b"}, exactly(2, ratio))
	one.addOn(newer, []any{"c"}, exactly(1, ratio))
	none.add([]any{"d"}, exactly(3, ratio))
	if got, want := fmt.Sprint(summary([]*table{both, one, none}).lines()), "[[table row column target 8.2.3 7.0.15]"+
		" [T b up >= 2.00 1.00 missed 2.00 met] [U c down <= 2.00 1.00 met open] [V d down <= 2.00 3.00 missed 3.00 missed]]"; got != want {
		t.Errorf("summary is %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(both.lines()), "[[Redis variant up target] [8.2.3 b 1.00 up >= 2.00: missed]"+
		" [7.0.15 b 2.00 up >= 2.00: met]]"; got != want {
		t.Errorf("table is %s, want %s", got, want)
	}
}

func TestReadsBenchmarks(t *testing.T) {
	got := readCosts(`
BenchmarkCheck/chat.json-2      	     100	       312.5 ns/op	 396.72 MB/s	       0 B/op	       0 allocs/op
BenchmarkCheck/chat.json-2      	     100	       310 ns/op	 396.72 MB/s	       0 B/op	       0 allocs/op
BenchmarkExamine/chat.json     	     100	      4400 ns/op	    1234 B/op	      70 allocs/op
BenchmarkOther/chat.json-2      	     100	         1 ns/op	       0 B/op	       0 allocs/op
`)
	check, library := got["Check"]["chat.json"], got["Examine"]["chat.json"]
	if check == nil || library == nil {
		t.Fatalf("read %v", got)
	}
	if s := fmt.Sprint(*check, *library); s != "{[312.5 310] [0 0]} {[4400] [70]}" {
		t.Errorf("read %s", s)
	}
}

func TestReadsTheLongestTurn(t *testing.T) {
	const metrics = "# TYPE redis_relay_loop_longest_turn_seconds gauge\nredis_relay_loop_longest_turn_seconds 0.0123\nother 1\n"
	if got := readTurn(metrics).String(); got != "12.3 ms" {
		t.Errorf("read %s", got)
	}
	if got := readTurn("redis_relay_loop_longest_turn_seconds_other 2\n").String(); got != "-" {
		t.Errorf("without the metric: %s", got)
	}
}
