package top

// A snapshot as plain text, for scripts and logs.

import (
	"strings"
	"time"

	"redis-relay/relay/status"
)

// snapshotRows is how many rows of each table an overview has.
const snapshotRows = 10

// Snapshot returns the picture of a status as plain text: all rows of the view, or the first ones of each for the
// overview. Lines are at most so many cells wide; 0: as wide as need be.
func (m *Model) Snapshot(s *status.Status, wide int) string {
	lines := []Line{title(s, Line{{s.Time.Local().Format(time.DateTime), Plain}}, wide)}
	lines = append(lines, troubleLines(s, 0, wide)...)
	lines = append(lines, stateLines(s, wide)...)
	list, rows := []View{m.view}, 0
	if m.view == Overview {
		list, rows = []View{Channels, Clients, Routes, Rejects}, snapshotRows
	}
	for _, v := range list {
		t := views[v].table(s, m.sorts[v])
		lines = append(append(lines, nil), t.lines(wide, 0, rows)...)
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l.fit(wide).String(), " ") + "\n")
	}
	return b.String()
}
