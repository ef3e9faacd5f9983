package status

// The latest rejects and events.

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"redis-relay/relay/notice"
)

// Journal keeps the latest events, and the latest rejects of each route. It is notice.Watcher. The zero value is
// empty.
type Journal struct {
	Payloads bool // keep the beginning of refused payloads; fixed before the first reject

	mu      sync.Mutex // guards what follows
	rejects map[string][]Reject
	events  []Event // oldest first
}

// Told is notice.Watcher.
func (j *Journal) Told(n *notice.Notice, e *notice.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = latest(j.events, Event{Event: *e, Level: n.Level.String(), Text: n.Text, Do: n.Do}, MaxEvents)
}

// Refused is notice.Watcher.
func (j *Journal) Refused(r *notice.Reject, payload []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rejects == nil {
		j.rejects = map[string][]Reject{}
	}
	kept := Reject{Reject: *r}
	if j.Payloads {
		kept.Payload = beginning(payload)
	}
	j.rejects[r.Route] = latest(j.rejects[r.Route], kept, MaxRejects)
}

// beginning returns at most MaxPayload bytes of a payload as text, in which a replacement character stands for what is
// none.
func beginning(payload []byte) string {
	cut := payload[:min(len(payload), MaxPayload)]
	for n := len(cut); len(cut) < len(payload) && n > 0 && n > len(cut)-utf8.UTFMax; n-- {
		if utf8.RuneStart(payload[n]) { // no character is cut in two
			cut = cut[:n]
			break
		}
	}
	return strings.ToValidUTF8(string(cut), "\ufffd")
}

// latest appends one to a list of at most so many, of which the oldest goes.
func latest[T any](list []T, one T, most int) []T {
	if len(list) == most {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, one)
}

// Events returns the latest events, newest first.
func (j *Journal) Events() []Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := append([]Event{}, j.events...)
	slices.Reverse(list)
	return list
}

// Rejects returns the latest rejects of all routes, newest first.
func (j *Journal) Rejects() []Reject {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []Reject
	for _, of := range j.rejects {
		list = append(list, of...)
	}
	slices.SortFunc(list, func(a, b Reject) int { return b.Time.Compare(a.Time) })
	return list
}

var _ notice.Watcher = (*Journal)(nil)
