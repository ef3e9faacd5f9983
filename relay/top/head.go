package top

// The lines above the tables: how the relay is, and what is wrong.

import (
	"fmt"
	"strings"
	"time"

	"redis-relay/relay/status"
)

// title returns the line that says which relay it is. when says of which time the picture is.
func title(s *status.Status, when Line, cells int) Line {
	about := fmt.Sprintf("  %s  pid %d  up %s", s.Host, s.PID, span(s.Time.Sub(s.Started).Seconds()))
	return ends(Line{say(Title, "redis-relay "+s.Version), say(Plain, about)}, when, cells)
}

// stateLines returns the lines about Redis and traffic.
func stateLines(s *status.Status, cells int) []Line {
	var lines []Line
	if len(s.Upstreams) == 0 { // redis is the only one
		lines = redisLines("Redis", &s.Redis, cells)
	}
	for i := range s.Upstreams {
		u := &s.Upstreams[i]
		lines = append(lines, redisLines("Redis "+u.Upstream, &u.Redis, cells)...)
	}
	lines = append(lines, flow(figures(s), "  ", "", cells)...)
	return append(lines, throughput(s.Seconds, cells))
}

func redisLines(what string, r *status.Redis, cells int) []Line {
	items := []Line{{say(Title, what), say(Plain, " "+r.Name)}}
	if r.Up {
		items = append(items, Line{{"up", Good}}, Line{say(Plain, "lag "+lag(r.Lag))})
		if r.Connections > 1 {
			items = append(items, Line{say(Plain, fmt.Sprintf("connected %d times", r.Connections))})
		}
		return flow(items, "  ", "  ", cells)
	}
	lines := flow(append(items, Line{{"DOWN", Bad}}), "  ", "  ", cells)
	if r.Missing == "" {
		return lines
	}
	return append(lines, wrap(Bad, "  "+r.Missing, cells)...)
}

func lag(seconds *float64) string {
	if seconds == nil {
		return "not known"
	}
	return fine(*seconds)
}

// figures are the items of the lines about traffic.
func figures(s *status.Status) []Line {
	r := &s.Rate
	item := func(name, value string) Line { return Line{{name + " ", Dim}, {value, Plain}} }
	list := []Line{
		item("in", count(r.Received)+"/s "+size(r.ReceivedBytes)+"/s"),
		item("out", count(r.Published)+"/s "+size(r.PublishedBytes)+"/s"),
		item("delivered", count(r.Delivered)+"/s"),
		{{"refused ", Dim}, lost(r.Refused, s.Total.Refused)},
		{{"dropped ", Dim}, lost(r.Dropped, s.Total.Dropped)},
		item("clients", fmt.Sprint(s.Clients.Connected)),
		item("waiting", size(float64(s.Process.Queued))+" of "+size(float64(s.Process.Limit))),
		item("memory", size(float64(s.Process.Resident))),
	}
	if h := &s.History; h.Channels > 0 {
		behind := number(fmt.Sprintf("%d behind", h.Behind))
		if h.Behind > 0 {
			behind.Style = Warn
		}
		list = append(list, Line{{"history ", Dim}, {fmt.Sprintf("%d channels, ", h.Channels), Plain}, behind})
	}
	if n := s.NATS; n != nil {
		list = append(list, item("NATS", fmt.Sprintf("%d clients, %d names", n.Clients, n.Subscriptions)))
	}
	return list
}

// throughput draws messages per second, in and out. A second at whose end Redis was away is an x.
func throughput(seconds []status.Second, cells int) Line {
	const plainSeconds = 60 // where there is no width to fill
	values := func(list []status.Second) (v []float64) {
		for _, s := range list {
			v = append(v, s.Rate.Received+s.Rate.Published)
		}
		return v
	}
	label := func(n int, peak float64) string { return fmt.Sprintf(" last %ds, peak %s/s", n, count(peak)) }
	room := plainSeconds
	if cells > 0 {
		room = cells - len(" last 600s, peak 9.5k/s")
	}
	seconds = last(room, seconds)
	peak := highest(values(seconds))
	var line Line
	for len(seconds) > 0 {
		n := 1
		for n < len(seconds) && seconds[n].Up == seconds[0].Up {
			n++
		}
		if seconds[0].Up {
			line = append(line, Span{sparkline(values(seconds[:n]), peak), Good})
		} else {
			line = append(line, Span{strings.Repeat("x", n), Bad})
		}
		seconds = seconds[n:]
	}
	return append(line, Span{label(line.Width(), peak), Dim})
}

// troubleLines says what is wrong: at most most alerts, the newest first, 0: all; and checks that fail.
func troubleLines(s *status.Status, most, cells int) (lines []Line) {
	alerts := s.Alerts
	if most > 0 {
		alerts = last(most, alerts)
	}
	for i := len(alerts) - 1; i >= 0; i-- {
		lines = append(lines, wrap(Bad, alertText(&alerts[i], s.Time), cells)...)
	}
	if n := len(s.Alerts) - len(alerts); n > 0 {
		lines = append(lines, Line{{fmt.Sprintf("and %d older alerts: press 6", n), Bad}}.fit(cells))
	}
	for _, c := range s.Checks {
		switch {
		case c.OK, c.Name == "redis" && !s.Redis.Up, strings.HasPrefix(c.Name, "upstream "): // which has a line of its own
		case c.Vital:
			lines = append(lines, wrap(Bad, "NOT READY "+c.Name+": "+c.Text, cells)...)
		default:
			lines = append(lines, wrap(Warn, "WARNING "+c.Name+": "+c.Text, cells)...)
		}
	}
	return lines
}

func alertText(a *status.Alert, now time.Time) string {
	text := fmt.Sprintf("ALERT %s for %s: %s", a.Kind, span(now.Sub(a.Since).Seconds()), a.Text)
	client := ""
	if a.About.Client != 0 || a.About.Name != "" {
		client = who(&a.About.Who)
	}
	for _, more := range []string{a.About.Channel, client, a.About.Cause} {
		if more != "" && !strings.Contains(text, more) {
			text += "; " + more
		}
	}
	if a.Do != "" {
		text += ". " + strings.ToUpper(a.Do[:1]) + a.Do[1:]
	}
	return text
}
