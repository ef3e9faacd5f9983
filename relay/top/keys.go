package top

// What the keys do.

import "unicode/utf8"

// keyHelp is what the help shows.
var keyHelp = [][2]string{
	{"1 to 6, tab", "another view"},
	{"s, S", "sort by the next figure, or the one before; in the overview: the channels"},
	{"r", "reverse the order"},
	{"/", "filter: a part of a name, or a pattern as chat:*; enter ends it, esc removes it"},
	{"up, down, page up, page down, home, end", "move through a table"},
	{"p, space", "pause, and go on"},
	{"ctrl-l", "paint all of the screen again"},
	{"?", "this, and back"},
	{"q, ctrl-c", "quit"},
}

// meanings explain what the picture does not.
var meanings = []string{
	"RATE/S: messages a second, in or out, whichever are more. USUAL: the same over the last minutes.",
	"REFUSED, DROPPED: with /s what happens now, else how many since the relay watches.",
	"QUEUE: output that a client has not read. WAITS: for how long. DROPPED: messages that it missed.",
	"KEPT: memory for its subscriptions and commands. NAMES: channels and patterns that it listens to.",
	"x in the line of messages: Redis was away.",
}

func helpLines(wide int) (lines []Line) {
	for _, key := range keyHelp {
		lines = append(lines, flow(append([]Line{{{key[0] + " ", Title}}}, words(Plain, key[1])...), " ", "    ", wide)...)
	}
	lines = append(lines, nil)
	for _, text := range meanings {
		lines = append(lines, wrap(Plain, text, wide)...)
	}
	return lines
}

// page is how far the page keys move; there is no need to know how many rows the screen has.
const page = 10

// Key does what a key stands for: a character, or the name of one that is none: enter, esc, backspace, tab, up, down,
// pgup, pgdn, home, end, ctrl-c. It returns true if that is to quit.
func (m *Model) Key(key string) (quit bool) {
	if key == "ctrl-c" {
		return true
	}
	if m.typing {
		m.typeFilter(key)
		return false
	}
	switch key {
	case "q":
		return true
	case "?", "h":
		m.help = !m.help
		return false
	case "esc":
		if !m.help {
			m.setFilter("")
		}
	}
	m.help = false
	if !m.move(key) {
		m.change(key)
	}
	return false
}

// move scrolls, or does nothing.
func (m *Model) move(key string) (moved bool) {
	steps := map[string]int{"up": -1, "down": 1, "pgup": -page, "pgdn": page, "home": -m.from, "end": 1 << 20}
	step, ok := steps[key]
	m.from = max(0, m.from+step)
	return ok
}

// change changes the view or how it looks.
func (m *Model) change(key string) {
	s := &m.sorts[m.view]
	orders := len(views[m.view].orders)
	switch key {
	case "1", "2", "3", "4", "5", "6":
		m.view, m.from = View(key[0]-'1'), 0
	case "tab":
		m.view, m.from = (m.view+1)%numViews, 0
	case "s":
		s.order = (s.order + 1) % orders
	case "S":
		s.order = (s.order + orders - 1) % orders
	case "r":
		s.reverse = !s.reverse
	case "/":
		m.typing = true
	case "p", " ":
		m.paused = !m.paused
		m.shown = m.newest
	}
}

func (m *Model) typeFilter(key string) {
	const most = 100 // bytes
	filter := m.sorts[m.view].filter
	switch {
	case key == "enter":
		m.typing = false
	case key == "esc":
		m.typing = false
		m.setFilter("")
	case key == "backspace":
		_, size := utf8.DecodeLastRuneInString(filter)
		m.setFilter(filter[:len(filter)-size])
	case utf8.RuneCountInString(key) == 1 && len(filter)+len(key) <= most:
		m.setFilter(filter + key)
	}
}

// setFilter sets the filter of all views: what somebody looks for may be a channel, a client and a route.
func (m *Model) setFilter(filter string) {
	for i := range m.sorts {
		m.sorts[i].filter = filter
	}
	m.from = 0
}
