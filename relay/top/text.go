package top

// Lines, their styles, and how texts fit a width.

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Style is how a text looks. A terminal without colours shows all but Good and Warn by other means.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Dim
	Title
	Good
	Warn
	Bad
	Selected
)

// Span is a text in one style. It has printable characters only.
type Span struct {
	Text  string
	Style Style
}

// Line is a line of the picture.
type Line []Span

// String returns the line's text without styles.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Width returns the number of cells that the line takes.
func (l Line) Width() (cells int) {
	for _, s := range l {
		cells += width(s.Text)
	}
	return cells
}

func width(text string) int { return displaywidth.String(text) }

// say is a span of a text from anywhere.
func say(style Style, text string) Span { return Span{Printable(text), style} }

// Printable returns a text in which nothing controls a terminal or moves the eye: control characters, those without a
// shape, and bytes that are not UTF-8, are written as \n or \xNN. Anybody may call it.
func Printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if unprintable(r) || r == utf8.RuneError && size == 1 {
			quoted := strconv.QuoteToASCII(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// cut returns a text that takes at most so many cells.
func cut(text string, cells int) string {
	if width(text) <= cells {
		return text
	}
	if cells < 1 {
		return ""
	}
	return displaywidth.TruncateString(text, cells, "…")
}

// pad fills a text up with spaces, on the left if right is set.
func pad(text string, cells int, right bool) string {
	space := strings.Repeat(" ", max(0, cells-width(text)))
	if right {
		return space + text
	}
	return text + space
}

// fit cuts a line that is too long for a width; 0: none is.
func (l Line) fit(cells int) Line {
	if cells == 0 || l.Width() <= cells {
		return l
	}
	var short Line
	for _, s := range l {
		w := width(s.Text)
		if w > cells {
			return append(short, Span{cut(s.Text, cells), s.Style})
		}
		short, cells = append(short, s), cells-w
	}
	return short
}

// ends puts one text at the left end of a line and one at the right. If both do not fit, the left one is cut.
func ends(left, right Line, cells int) Line {
	const gap = 2
	if cells == 0 {
		return append(append(left, Span{strings.Repeat(" ", gap), Plain}), right...)
	}
	room := cells - right.Width()
	if room <= gap {
		return left.fit(cells)
	}
	left = left.fit(room - gap)
	return append(append(left, Span{strings.Repeat(" ", room-left.Width()), Plain}), right...)
}

// flow sets items one behind the other, in as many lines as they need; 0: in one. An item is not broken.
func flow(items []Line, gap, indent string, cells int) (lines []Line) {
	var line Line
	for _, item := range items {
		switch {
		case line == nil:
			line = append(line, item...)
		case cells == 0 || line.Width()+len(gap)+item.Width() <= cells:
			line = append(append(line, Span{gap, Plain}), item...)
		default:
			lines = append(lines, line.fit(cells))
			line = append(Line{{indent, Plain}}, item...)
		}
	}
	if line != nil {
		lines = append(lines, line.fit(cells))
	}
	return lines
}

// wrap breaks a text into lines between its words.
func wrap(style Style, text string, cells int) []Line {
	return flow(words(style, text), " ", "  ", cells)
}

func words(style Style, text string) (list []Line) {
	for word := range strings.FieldsSeq(text) {
		list = append(list, Line{say(style, word)})
	}
	return list
}
