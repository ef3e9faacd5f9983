package top

// The tables of clients, rejects and events.

import (
	"fmt"
	"strconv"

	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/status"
)

var clientOrders = []order[status.Client]{
	most("queue", func(c *status.Client) float64 { return float64(c.Queued) }),
	most("waits", func(c *status.Client) float64 { return c.QueuedFor }),
	most("dropped", func(c *status.Client) float64 { return float64(c.Dropped) }),
	most("kept", func(c *status.Client) float64 { return float64(c.Kept) }),
	most("age", func(c *status.Client) float64 { return c.Age }),
	most("idle", func(c *status.Client) float64 { return c.Idle }),
	alphabetical("name", func(c *status.Client) string { return c.Name }),
}

func clientTable(s *status.Status, how sorting) table {
	list := arrange(s.Clients.List, clientOrders, how, func(c *status.Client) bool {
		return how.passes(c.Name, who(&c.Who), strconv.FormatUint(c.Client, 10), c.Library, c.Command)
	})
	t := table{none: "no clients", columns: []column{
		{title: headed("CLIENTS", len(list), s.Clients.Connected), least: 14},
		{title: "PID", right: true},
		{title: "UID", right: true, leave: 3},
		{title: "QUEUE", right: true},
		{title: "WAITS", right: true},
		{title: "DROPPED", right: true},
		{title: "KEPT", right: true, leave: 6},
		{title: "NAMES", right: true, leave: 4},
		{title: "AGE", right: true, leave: 1},
		{title: "IDLE", right: true, leave: 5},
		{title: "ID", right: true, leave: 8},
		{title: "COMMAND", least: 10, leave: 2},
		{title: "LIBRARY", least: 12, leave: 7},
	}}
	for _, c := range list {
		t.rows = append(t.rows, Line{
			say(Plain, clientName(&c.Who)), number(pid(&c.Who)), number(uid(&c.Who)), queue(c), waits(c), missed(c),
			number(size(float64(c.Kept))), number(count(float64(c.Subscriptions))), number(span(c.Age)),
			number(span(c.Idle)), say(Dim, strconv.FormatUint(c.Client, 10)), say(Plain, c.Command), say(Dim, c.Library),
		})
	}
	return t
}

func queue(c *status.Client) Span {
	s := number(size(float64(c.Queued)))
	if c.QueuedFor >= 1 {
		s.Style = Bad
	}
	return s
}

func waits(c *status.Client) Span {
	s := number(span(c.QueuedFor))
	if c.QueuedFor >= 1 {
		s.Style = Bad
	}
	return s
}

func missed(c *status.Client) Span {
	s := number(count(float64(c.Dropped)))
	if c.Dropped > 0 {
		s.Style = Warn
	}
	return s
}

// who identifies a client in one text.
func who(w *notice.Who) string {
	text := clientName(w)
	if w.PID != 0 {
		text += " pid " + pid(w)
	}
	if w.UID != nil {
		text += " uid " + uid(w)
	}
	return text
}

func clientName(w *notice.Who) string {
	switch {
	case w.Name != "":
		return w.Name
	case w.Client != 0:
		return fmt.Sprintf("client %d", w.Client)
	}
	return "-"
}

func pid(w *notice.Who) string {
	if w.PID == 0 {
		return "-"
	}
	return strconv.Itoa(int(w.PID))
}

func uid(w *notice.Who) string {
	if w.UID == nil {
		return "-"
	}
	return strconv.FormatUint(uint64(*w.UID), 10)
}

var rejectOrders = []order[status.Reject]{
	most("time", func(r *status.Reject) float64 { return float64(r.Time.UnixMicro()) }),
	alphabetical("name", func(r *status.Reject) string { return r.Channel }),
	alphabetical("code", func(r *status.Reject) string { return string(r.Code) }),
}

func rejectTable(s *status.Status, how sorting) table {
	list := arrange(s.Rejects, rejectOrders, how, func(r *status.Reject) bool {
		return how.passes(r.Channel, r.Route, string(r.Code), r.Reason, who(&r.Who))
	})
	t := table{none: "nothing was refused", grow: 6, columns: []column{
		{title: headed("REJECTS", len(list), len(s.Rejects))},
		{title: "CODE", leave: 2},
		{title: "WAY", leave: 4},
		{title: "CHANNEL", least: 12},
		{title: "SIZE", right: true, leave: 3},
		{title: "PUBLISHER", least: 12, leave: 1},
		{title: "REASON", least: 30},
	}}
	for _, r := range list {
		t.rows = append(t.rows, Line{
			{clock(r.Time), Dim},
			code(r), say(Plain, way(r.Direction)), say(Plain, r.Channel),
			number(size(float64(r.Size))), say(Plain, who(&r.Who)), say(Plain, r.Reason),
		})
	}
	return t
}

func code(r *status.Reject) Span {
	if r.LetThrough {
		return say(Warn, string(r.Code)+", passed")
	}
	return say(Bad, string(r.Code))
}

func way(d monitor.Direction) string {
	if d == monitor.Inbound {
		return "in"
	}
	return "out"
}

var eventOrders = []order[status.Event]{
	most("time", func(e *status.Event) float64 { return float64(e.Time.UnixMicro()) }),
	alphabetical("name", func(e *status.Event) string { return e.Event.Event }),
}

func eventTable(s *status.Status, how sorting) table {
	list := arrange(s.Events, eventOrders, how, func(e *status.Event) bool {
		return how.passes(e.Event.Event, e.Text, e.Cause, e.Channel, e.Name)
	})
	t := table{none: "no events", grow: 3, columns: []column{
		{title: headed("EVENTS", len(list), len(s.Events))},
		{title: "LEVEL", leave: 1},
		{title: "EVENT"},
		{title: "WHAT", least: 30},
		{title: "WHAT TO DO", least: 20, leave: 2},
	}}
	for _, e := range list {
		t.rows = append(t.rows, Line{
			{clock(e.Time), Dim},
			say(levelStyle(e.Level), e.Level), say(Plain, e.Event.Event), say(Plain, what(e)),
			say(Dim, e.Do),
		})
	}
	return t
}

func levelStyle(level string) Style {
	switch level {
	case "error":
		return Bad
	case "warn":
		return Warn
	}
	return Plain
}

// what says what an event is about, as far as it tells.
func what(e *status.Event) string {
	text := e.Text
	for _, more := range []string{e.Channel, e.Pattern, e.Name, e.Cause} {
		if more != "" {
			if text != "" {
				text += ": "
			}
			text += more
		}
	}
	return text
}
