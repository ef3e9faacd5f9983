package alerts

// What is sent of an alert.

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"redis-relay/relay/notice"
)

// payload is the body of a request. The names at the top are none to which Slack and Mattermost give a meaning, but
// for text, which they show.
type payload struct {
	Text    string       `json:"text"`
	ID      string       `json:"id"`
	Version string       `json:"version"`
	Host    string       `json:"host"`
	Socket  string       `json:"socket"`
	Kind    string       `json:"kind"`
	State   State        `json:"state"`
	Since   time.Time    `json:"since"`
	Until   *time.Time   `json:"until,omitempty"`
	Times   int          `json:"times"`
	Summary string       `json:"summary"`
	Cause   string       `json:"cause,omitempty"`
	Do      string       `json:"do,omitempty"`
	Runbook string       `json:"runbook"`
	Dropped uint64       `json:"dropped,omitempty"` // messages that were dropped before this one
	Event   notice.Event `json:"event"`
}

// Origin is the relay of which alerts tell.
type Origin struct {
	Version, Host, Socket string
	Life                  string // differs from that of each other relay, and of each start
}

// encode returns the body of the request about an alert.
func (o *Origin) encode(a *Alert, dropped uint64) ([]byte, error) {
	p := payload{
		Text: o.text(a, dropped), ID: fmt.Sprintf("%s-%d", o.Life, a.ID),
		Version: o.Version, Host: o.Host, Socket: o.Socket,
		Kind: a.Kind, State: a.State, Since: a.Since, Times: a.Times,
		Summary: a.Text, Cause: a.Event.Cause, Do: a.Do, Runbook: "docs/operations.md#alert-" + a.Kind,
		Dropped: dropped, Event: a.Event,
	}
	if a.State == Ended {
		p.Until = &a.Until
	}
	return json.Marshal(p)
}

// text says in one line for people what an alert is about.
func (o *Origin) text(a *Alert, dropped uint64) string {
	var b strings.Builder
	b.WriteString("redis-relay on " + code(o.Host) + ": ")
	if a.State == Ended && !a.Once {
		fmt.Fprintf(&b, "over after %v: ", a.Until.Sub(a.Since).Round(time.Second/10))
	}
	b.WriteString(a.Text)
	for _, d := range facts(&a.Event) {
		b.WriteString("; " + d)
	}
	if a.Once && a.Times > 1 {
		fmt.Fprintf(&b, "; %d times", a.Times)
	}
	if a.Do != "" && (a.Once || a.State == Raised) {
		b.WriteString(". What to do: " + a.Do)
	}
	if dropped > 0 {
		fmt.Fprintf(&b, ". Before this, %d alerts could not be sent", dropped)
	}
	return b.String()
}

// facts names what an event is about.
func facts(e *notice.Event) (list []string) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, name+" "+code(value))
		}
	}
	add("channel", e.Channel)
	add("pattern", e.Pattern)
	add("direction", string(e.Direction))
	if e.Rate > 0 {
		list = append(list, fmt.Sprintf("%.0f messages/s", e.Rate))
	}
	if e.Client != 0 {
		list = append(list, fmt.Sprintf("client %d", e.Client))
	}
	add("name", e.Name)
	if e.PID != 0 {
		list = append(list, fmt.Sprintf("pid %d", e.PID))
	}
	if e.UID != nil {
		list = append(list, fmt.Sprintf("uid %d", *e.UID))
	}
	add("reason", string(e.Reason))
	if e.Disconnected {
		list = append(list, "disconnected")
	}
	add("cause", e.Cause)
	return list
}

// maxShown bounds each text of an event as it stands in text, in bytes.
const maxShown = 300

// code returns a text that others have chosen as a chat can show it: as code, and without the characters by which
// Slack makes links and calls people.
func code(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return "`" + strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == '\u007f':
			return ' '
		case strings.ContainsRune("<>&`", r):
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")) + "`"
}
