package top

// The model: what is shown.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"redis-relay/relay/status"
)

// Options say what is shown at first.
type Options struct {
	View   string // one of Views; empty: the overview
	Sort   string // one of Orders, for each view that has it; empty: the first of each
	Filter string // a part of a name, or a pattern with *; empty: all

	Interval time.Duration // at which statuses come
}

// Model is the picture. NewModel makes one.
type Model struct {
	interval time.Duration

	shown   *status.Status // nil: none has come yet
	newest  *status.Status // shown, unless paused
	came    time.Time      // newest
	failure string         // why no status comes; empty: one has come
	since   time.Time      // failure

	view   View
	sorts  [numViews]sorting
	paused bool
	help   bool
	typing bool // a filter
	from   int  // the first row that is shown
}

// NewModel returns a model that has no status yet. It fails if an option is none that there is.
func NewModel(o Options) (*Model, error) {
	m := &Model{interval: o.Interval}
	if o.View != "" {
		i := slices.Index(Views(), o.View)
		if i < 0 {
			return nil, fmt.Errorf("there is no view %q; the views are %s", o.View, strings.Join(Views(), ", "))
		}
		m.view = View(i)
	}
	known := o.Sort == ""
	for i, v := range views {
		m.sorts[i].filter = o.Filter
		if n := slices.Index(v.orders, o.Sort); n >= 0 {
			m.sorts[i].order, known = n, true
		}
	}
	if !known {
		return nil, fmt.Errorf("nothing is sorted by %q, but by %s", o.Sort, strings.Join(Orders(), ", "))
	}
	return m, nil
}

// Update takes a new status, which came at a time.
func (m *Model) Update(s *status.Status, at time.Time) {
	m.newest, m.came, m.failure = s, at, ""
	if !m.paused || m.shown == nil {
		m.shown = s
	}
}

// Fail takes the reason why no status came. The last one stays, and is marked as old.
func (m *Model) Fail(err error, at time.Time) {
	if m.failure == "" {
		m.since = at
	}
	m.failure = strings.ReplaceAll(err.Error(), "\n", "; ")
}

// Lines returns the picture at a time, at most high lines of at most wide cells each.
func (m *Model) Lines(wide, high int, now time.Time) []Line {
	wide, high = max(1, wide), max(1, high)
	var lines []Line
	if m.help {
		lines = helpLines(wide)
	} else {
		lines = m.top(wide, now)
		if m.shown != nil {
			lines = append(lines, m.body(wide, max(0, high-1-len(lines)))...)
		}
	}
	lines = lines[:min(len(lines), max(0, high-1))]
	for len(lines) < high-1 {
		lines = append(lines, nil)
	}
	lines = append(lines, m.bottom())
	for i := range lines {
		lines[i] = lines[i].fit(wide)
	}
	return lines
}

// top returns the lines above the tables: what is wrong comes first.
func (m *Model) top(wide int, now time.Time) (lines []Line) {
	s := m.shown
	if s == nil {
		lines = append(lines, Line{{"redis-relay top", Title}})
	} else {
		lines = append(lines, title(s, Line{{clock(s.Time) + " ", Plain}, m.state(now)}, wide))
	}
	if m.failure != "" {
		text := "NO ANSWER for " + span(now.Sub(m.since).Seconds()) + "; trying again: " + m.failure
		lines = append(lines, wrap(Bad, text, wide)...)
	}
	if s != nil {
		most := 4
		if m.view == Events {
			most = 0
		}
		lines = append(lines, troubleLines(s, most, wide)...)
		lines = append(lines, stateLines(s, wide)...)
	}
	return append(lines, m.tabs(wide))
}

// state says how new the picture is. A relay that stands still is noticed before a request to it fails.
func (m *Model) state(now time.Time) Span {
	late := 3 * max(time.Second, m.interval)
	age := now.Sub(m.came)
	switch {
	case m.failure != "" || age > late && !m.paused:
		return Span{"OLD " + span(age.Seconds()), Bad}
	case m.paused:
		return Span{"PAUSED", Warn}
	}
	return Span{"live", Good}
}

// tabs names the views, and says how the rows are sorted and filtered.
func (m *Model) tabs(wide int) Line {
	s := &m.sorts[m.view]
	text := "by " + views[m.view].orders[s.order]
	if s.reverse {
		text += ", reversed"
	}
	if s.filter != "" {
		text += ", filter " + s.filter
	}
	how := Line{say(Dim, text)}
	line := m.viewNames(true)
	if line.Width()+gap+how.Width() > wide {
		line = m.viewNames(false)
	}
	return ends(line, how, wide)
}

// viewNames lists the views with their keys; of those that are not shown, the keys alone, unless all is set.
func (m *Model) viewNames(all bool) (line Line) {
	for i, v := range views {
		switch {
		case View(i) == m.view:
			line = append(line, Span{fmt.Sprintf(" %d %s ", i+1, v.name), Selected})
		case all:
			line = append(line, Span{fmt.Sprintf(" %d %s ", i+1, v.name), Plain})
		default:
			line = append(line, Span{fmt.Sprintf(" %d ", i+1), Plain})
		}
	}
	return line
}

// body returns the tables, in so many lines.
func (m *Model) body(wide, high int) []Line {
	if m.view == Overview {
		return m.overview(wide, high)
	}
	t := views[m.view].table(m.shown, m.sorts[m.view])
	m.from = max(0, min(m.from, len(t.rows)-max(1, high-1)))
	return t.lines(wide, m.from, max(1, high-1))
}

// overview returns the beginnings of several tables. Each gets a line in turn until there are no more.
func (m *Model) overview(wide, high int) (lines []Line) {
	sections := []View{Channels, Clients, Routes, Rejects}
	tables, shares := make([]table, len(sections)), make([]int, len(sections))
	for i, v := range sections {
		s := m.sorts[v]
		if v == Channels {
			s = m.sorts[Overview]
		}
		tables[i] = views[v].table(m.shown, s)
	}
	left := high - len(sections) // the titles
	for more := true; more && left > 0; {
		more = false
		for i := range tables {
			if left > 0 && shares[i] < max(1, len(tables[i].rows)) {
				shares[i]++
				left--
				more = true
			}
		}
	}
	for i := range tables {
		if shares[i] > 0 {
			lines = append(lines, tables[i].lines(wide, 0, shares[i])...)
		}
	}
	return lines
}

func (m *Model) bottom() Line {
	switch {
	case m.help:
		return Line{{"? back  q quit", Dim}}
	case m.typing:
		filter := say(Plain, m.sorts[m.view].filter+"_")
		return Line{{"filter: ", Title}, filter, {"  enter: done, esc: no filter", Dim}}
	}
	return Line{{"q quit  ? help  1-6 view  s sort  r reverse  / filter  p pause", Dim}}
}
