package status

// The latest rejects and events.

import (
	"slices"
	"sync"

	"redis-relay/relay/notice"
)

// Journal keeps the latest events, and the latest rejects of each route. It is notice.Watcher. The zero value is
// empty.
type Journal struct {
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
func (j *Journal) Refused(r *notice.Reject) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rejects == nil {
		j.rejects = map[string][]Reject{}
	}
	j.rejects[r.Route] = latest(j.rejects[r.Route], Reject{Reject: *r}, MaxRejects)
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
	list := slices.Clone(j.events)
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
