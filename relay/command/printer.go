package command

// How messages are printed: for people, and as JSON.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"

	"redis-relay/relay/tail"
	"redis-relay/relay/top"
)

// printer prints messages. What it prints is buffered until flush.
type printer struct {
	out    *bufio.Writer
	stderr io.Writer
	json   *json.Encoder // nil: for people
	inTerm bool          // out is a terminal, and for people

	faint, good, bad, warn *color.Color
}

// printer returns a printer on the standard output. It uses colours if that is a terminal, unless NO_COLOR is set.
func (t *terminal) printer(asJSON bool) *printer {
	out := &printer{
		out: bufio.NewWriter(t.stdout), stderr: t.stderr, inTerm: !asJSON && isTerminal(t.stdout),
		faint: color.New(color.Faint), good: color.New(color.FgGreen), bad: color.New(color.FgRed, color.Bold),
		warn: color.New(color.FgYellow),
	}
	if asJSON {
		out.json = json.NewEncoder(out.out)
		out.json.SetEscapeHTML(false)
	}
	return out
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// flush writes what was printed.
func (p *printer) flush() error { return p.out.Flush() }

// hint tells a person at a terminal that the command has begun.
func (p *printer) hint(text string) {
	if p.inTerm {
		_, _ = p.faint.Fprintln(p.stderr, text)
	}
}

// heard prints a message that sub has got.
func (p *printer) heard(m heard) {
	if p.json != nil {
		_ = p.json.Encode(m) // flush returns the error
		return
	}
	_, _ = fmt.Fprintln(p.out, top.Printable(m.Channel), top.Printable(m.text))
}

// payload is one in JSON: as text, or, where it is not UTF-8, as base64.
type payload struct {
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"payload_base64,omitempty"`

	text string
}

func newPayload(b []byte) payload {
	text := string(b)
	if utf8.ValidString(text) {
		return payload{Payload: &text, text: text}
	}
	return payload{Base64: b, text: text}
}

// passed prints a line of tail.
func (p *printer) passed(l *tail.Line) {
	if p.json != nil {
		_ = p.json.Encode(newPassed(l)) // flush returns the error
		return
	}
	at := p.faint.Sprint(l.Time.Format("15:04:05.000000"))
	if l.LeftOut > 0 {
		_, _ = fmt.Fprintln(p.out, at, p.warn.Sprint("--- ", l.LeftOut, " left out: ", whyLeftOut(l.Cause)))
		return
	}
	_, _ = fmt.Fprintln(p.out, at, direction(l), p.verdict(l), top.Printable(string(l.Channel)),
		p.faint.Sprint(details(l)), top.Printable(string(l.Payload))+p.faint.Sprint(rest(l)))
}

func (p *printer) verdict(l *tail.Line) string {
	c := p.good
	if l.Rejected() {
		c = p.bad
	}
	return c.Sprintf("%-7s", top.Printable(l.Verdict))
}

// direction is in for a message from Redis, and out for one of a local publisher, as wide as each other.
func direction(l *tail.Line) string {
	if l.Inbound() {
		return "in "
	}
	return "out"
}

// whyLeftOut words a cause.
func whyLeftOut(c tail.Cause) string {
	switch c {
	case tail.OverRate:
		return "over the rate"
	case tail.TooSlow:
		return "read too slowly"
	}
	return top.Printable(string(c))
}

// details are what is known of a message besides its text, as name=value.
func details(l *tail.Line) string {
	list := []string{"route=" + word(l.Route)}
	add := func(name, value string) {
		if value != "" {
			list = append(list, name+"="+word(value))
		}
	}
	add("kind", string(l.Kind))
	if l.ID != 0 {
		add("client", strconv.FormatUint(l.ID, 10))
	}
	add("name", l.Name)
	if l.PID != 0 {
		add("pid", strconv.Itoa(int(l.PID)))
	}
	if l.UID != nil {
		add("uid", strconv.FormatUint(uint64(*l.UID), 10))
	}
	if l.Passes {
		add("passes", "true")
	}
	add("reason", l.Reason)
	return strings.Join(list, " ")
}

// rest says how large a payload is that is not there whole.
func rest(l *tail.Line) string {
	if l.Size <= len(l.Payload) {
		return ""
	}
	return fmt.Sprintf("... (%d bytes)", l.Size)
}

// word is a text without spaces, or in quotes.
func word(text string) string {
	if text == "" || strings.ContainsAny(text, ` "`) || top.Printable(text) != text {
		return strconv.Quote(text)
	}
	return text
}

// passed is a line of tail --json.
type passed struct {
	Time      time.Time `json:"time"`
	Direction string    `json:"direction,omitempty"` // in: from Redis; out: published on this host
	Verdict   string    `json:"verdict,omitempty"`
	Channel   string    `json:"channel,omitempty"`
	Route     string    `json:"route,omitempty"`
	Kind      string    `json:"kind,omitempty"`
	Command   string    `json:"command,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Passes    bool      `json:"passes,omitempty"`
	Client    uint64    `json:"client,omitempty"`
	Name      string    `json:"name,omitempty"`
	PID       int32     `json:"pid,omitempty"`
	UID       *uint32   `json:"uid,omitempty"`
	Size      *int      `json:"size,omitempty"` // bytes of the whole payload
	Cut       bool      `json:"cut,omitempty"`  // the payload is not here whole
	payload
	LeftOut uint64     `json:"left_out,omitempty"` // the line tells of so many messages that were left out
	Cause   tail.Cause `json:"cause,omitempty"`
}

func newPassed(l *tail.Line) *passed {
	if l.LeftOut > 0 {
		return &passed{Time: l.Time, LeftOut: l.LeftOut, Cause: l.Cause}
	}
	return &passed{
		Time: l.Time, Direction: strings.TrimSpace(direction(l)), Verdict: l.Verdict, Channel: string(l.Channel),
		Route: l.Route, Kind: string(l.Kind), Command: l.Command, Reason: l.Reason, Passes: l.Passes, Client: l.ID,
		Name: l.Name, PID: l.PID, UID: l.UID, Size: &l.Size, Cut: l.Size > len(l.Payload), payload: newPayload(l.Payload),
	}
}
