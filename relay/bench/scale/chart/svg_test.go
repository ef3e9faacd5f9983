package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPicture(t *testing.T) {
	lines := []Line{
		{"direct", []float64{1, 10, 100}, []float64{5, 50, 500}},
		{"a < b", []float64{1, 10, 100}, []float64{0, 20, 2e9}},
	}
	text := string(SVG("of & by", []Panel{
		{Title: "A", X: "hosts", Lines: lines, Limit: 100}, {Title: "B", X: "hosts", Lines: lines},
	}))
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	for part, times := range map[string]int{
		`<title>of &amp; by</title>`: 1, `>a &lt; b</text>`: 1, `class="limit"`: 1, `class="line l1"`: 3, `>10 k</text>`: 2,
		"prefers-color-scheme: dark": 1,
	} {
		if got := strings.Count(text, part); got != times {
			t.Errorf("%s is there %d times, want %d, in\n%s", part, got, times, text)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("a number is none")
	}
}

func TestAxis(t *testing.T) {
	a := newAxis([]float64{3, 0, 2000}, 100, 300)
	if a.least != 1 || a.most != 10000 || a.at(100) != 200 || a.at(1) != 100 {
		t.Errorf("%+v, 100 is at %v", a, a.at(100))
	}
	if n := len(newAxis([]float64{1e-6, 1e12}, 0, 1).ticks()); n > 8 {
		t.Errorf("%d ticks", n)
	}
	if a := newAxis(nil, 0, 1); a.at(1) != 0 {
		t.Errorf("an axis without values: %+v", a)
	}
}
