package alerts

// An alert as others see it.

import (
	"strings"
	"time"
	"unicode/utf8"

	"redis-relay/relay/notice"
)

// State says whether an alert stands.
type State string

// The states.
const (
	Raised State = "raised"
	Ended  State = "ended"
)

// Alert is an alert at one moment.
type Alert struct {
	ID    uint64 // the same when it is raised and when it ends
	Kind  string // one of notice.AlertKinds
	State State
	Once  bool         // it was over as soon as it was raised, so it is told only as Ended
	Since time.Time    // when it was raised
	Until time.Time    // when it ended; zero while it stands
	Times int          // how often its cause was reported
	Text  string       // what is the matter, without details
	Do    string       // what to do
	Event notice.Event // the details, of the last report; long texts are cut

	key key
}

// maxText bounds each text that is kept of an event, in bytes.
const maxText = 1024

// cut returns the beginning of a text that is too long to keep.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) && end > maxText-utf8.UTFMax {
		end--
	}
	return strings.Clone(text[:end]) + "…"
}

// details returns an event without what would take much memory.
func details(e notice.Event) notice.Event {
	for _, text := range []*string{&e.Cause, &e.Channel, &e.Pattern, &e.Name} {
		*text = cut(*text)
	}
	return e
}

// summary says for people what is the matter: the log line, unless that has gaps to fill in.
func summary(n *notice.Notice) string {
	if n.Text == "" || strings.Contains(n.Text, "%") {
		return n.When
	}
	return n.Text
}
