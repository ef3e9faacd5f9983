package notice

// Notices that raise or end alerts, and who is told of them.

import "slices"

// Observer is told of each notice that raises or ends an alert, with its event, which has a time. It may be called
// from several goroutines at the same time, the event loop among them: it must not block.
type Observer interface {
	Observe(n *Notice, e Event)
}

// ObserveBy has an observer told. It must be called before there are notices, and at most once.
func (t *Teller) ObserveBy(o Observer) { t.observer = o }

// Observe tells the observer of a notice that has no event on the relay's channels. Send and Tell do that by
// themselves. It may be called from anywhere.
func (t *Teller) Observe(n *Notice, e Event) {
	e.complete(n)
	t.observe(n, &e)
}

func (t *Teller) observe(n *Notice, e *Event) {
	if n.Alert != "" && t.observer != nil {
		t.observer.Observe(n, *e)
	}
}

// AlertKinds returns the kinds of alerts, in the order of the list.
func AlertKinds() (kinds []string) {
	for _, n := range list {
		if n.Alert != "" && !slices.Contains(kinds, n.Alert) {
			kinds = append(kinds, n.Alert)
		}
	}
	return kinds
}
