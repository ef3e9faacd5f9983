package chart

// Pictures of panels, two in a row.

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Line is a curve. Points that are not positive, or outside of the axes, are left out.
type Line struct {
	Name string // of at most 16 letters: they stand in the legend
	X, Y []float64
}

// Panel is one pair of axes. All panels of a picture have lines of the same names.
type Panel struct {
	Title string
	X     string  // what the axis counts
	Lines []Line  // at most four
	Limit float64 // a line across; 0: none
}

// Sizes in pixels.
const (
	width, height           = 420, 300 // of a panel
	left, right, top, under = 62, 22, 34, 44
	legend                  = 34
)

// style has the colours of both kinds of pages, which are told apart without colour by dashes, too.
const style = `
  svg { --page: #ffffff; --ink: #1f2328; --grid: #d8dee4; --a: #b3450c; --b: #0b62c4; --c: #6f42c1; --d: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #e6edf3; --grid: #30363d; --a: #ff9a5c; --b: #6cb6ff; --c: #d2a8ff; --d: #56d364 }
  }
  text { fill: var(--ink); font: 12px system-ui, sans-serif }
  .title { font-weight: 600; font-size: 13px }
  .page { fill: var(--page) } .grid { stroke: var(--grid) } .frame { stroke: var(--ink); fill: none }
  .limit { stroke: var(--ink); stroke-dasharray: 2 4 }
  .line { fill: none; stroke-width: 2.2 }
  .l0 { stroke: var(--a) } .l1 { stroke: var(--b); stroke-dasharray: 9 3 }
  .l2 { stroke: var(--c); stroke-dasharray: 3 3 } .l3 { stroke: var(--d); stroke-dasharray: 10 3 2 3 }
`

// SVG is a picture of panels, at least one. The description is for those who do not see it.
func SVG(description string, panels []Panel) []byte {
	columns := min(2, len(panels))
	rows := (len(panels) + columns - 1) / columns
	w, h := columns*width, rows*height+legend
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", w, h)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(description), style)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", w, h)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%columns*width, i/columns*height)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	for i, l := range panels[0].Lines {
		x, y := left+i*(w-left)/len(panels[0].Lines), h-legend/2
		fmt.Fprintf(&b, `<path class="line l%d" d="M%d %dh36"/><text x="%d" y="%d">%s</text>`+"\n",
			i, x, y, x+44, y+4, html.EscapeString(l.Name))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// draw draws a panel at the origin.
func (p Panel) draw(b *strings.Builder) {
	x, y := p.axes()
	fmt.Fprintf(b, `<text class="title" x="%d" y="20">%s</text>`+"\n", left, html.EscapeString(p.Title))
	for _, v := range x.ticks() {
		at := x.at(v)
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			at, top, height-under, at, height-under+16, number(v))
	}
	for _, v := range y.ticks() {
		at := y.at(v)
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, at, width-right, left-6, at+4, number(v))
	}
	if p.Limit > y.least && p.Limit < y.most {
		fmt.Fprintf(b, `<path class="limit" d="M%d %.1fH%d"/>`+"\n", left, y.at(p.Limit), width-right)
	}
	for i, l := range p.Lines {
		fmt.Fprintf(b, `<path class="line l%d" d="%s"/>`+"\n", i, l.path(x, y))
	}
	fmt.Fprintf(b, `<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>`+"\n",
		left, top, width-left-right, height-top-under)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		(left+width-right)/2, height-under+34, html.EscapeString(p.X))
}

// path is the curve in the words of SVG.
func (l Line) path(x, y axis) string {
	var b strings.Builder
	move := "M"
	for i := range l.X {
		if l.X[i] <= 0 || l.Y[i] <= 0 || l.X[i] > x.most || l.Y[i] > y.most {
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", move, x.at(l.X[i]), y.at(l.Y[i]))
		move = "L"
	}
	return b.String()
}

// axis maps the powers of ten from least to most to pixels.
type axis struct {
	least, most float64
	from, to    float64 // pixels
}

// axes are large enough for all lines.
func (p Panel) axes() (x, y axis) {
	var xs, ys []float64
	for _, l := range p.Lines {
		xs, ys = append(xs, l.X...), append(ys, l.Y...)
	}
	return newAxis(xs, left, width-right), newAxis(ys, height-under, top)
}

func newAxis(values []float64, from, to float64) axis {
	least, most := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 {
			least, most = min(least, v), max(most, v)
		}
	}
	if most == 0 {
		least, most = 1, 1
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if low == high {
		high++
	}
	return axis{math.Pow(10, low), math.Pow(10, high), from, to}
}

func (a axis) at(v float64) float64 {
	share := math.Log10(v/a.least) / math.Log10(a.most/a.least)
	return a.from + share*(a.to-a.from)
}

// ticks are powers of ten, at most seven.
func (a axis) ticks() (all []float64) {
	const most = 7
	low, high := int(math.Round(math.Log10(a.least))), int(math.Round(math.Log10(a.most)))
	step := (high-low)/most + 1
	for e := low; e <= high; e += step {
		all = append(all, math.Pow(10, float64(e)))
	}
	return all
}

// number words a power of ten: 0.01, 100, 10 k, 1 M, 1 G.
func number(v float64) string {
	for _, unit := range []struct {
		value float64
		name  string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.value {
			return fmt.Sprintf("%.0f %s", v/unit.value, unit.name)
		}
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
