package top

// The tables of channels and of routes.

import (
	"redis-relay/relay/status"
)

// busy is the rate of a channel or route: that of the direction with more messages. A message that is published and
// heard on this host passes in both.
func busy(f *status.Flow) float64 { return max(f.Received, f.Published) }

func bytes(f *status.Flow) float64 { return max(f.ReceivedBytes, f.PublishedBytes) }

// now weighs what happens now over what happened since the start.
func now(rate, total float64) float64 { return rate*1e12 + total }

var channelOrders = []order[status.Channel]{
	most("rate", func(c *status.Channel) float64 { return busy(&c.Rate) }),
	most("bytes", func(c *status.Channel) float64 { return bytes(&c.Rate) }),
	most("refused", func(c *status.Channel) float64 { return now(c.Rate.Refused, c.Total.Refused) }),
	most("dropped", func(c *status.Channel) float64 { return now(c.Rate.Dropped, c.Total.Dropped) }),
	most("listeners", func(c *status.Channel) float64 { return float64(c.Listeners) }),
	alphabetical("name", func(c *status.Channel) string { return c.Name }),
}

func channelTable(s *status.Status, how sorting) table {
	list := arrange(s.Channels, channelOrders, how, func(c *status.Channel) bool { return how.passes(c.Name) })
	t := table{none: "no channels", columns: []column{
		{title: headed("CHANNELS", len(list), len(s.Channels)), least: 16},
		{title: "RATE/S", right: true},
		{title: "USUAL", right: true, leave: 1},
		{title: "BYTES/S", right: true, leave: 4},
		{title: "REFUSED", right: true},
		{title: "DROPPED", right: true, leave: 2},
		{title: "LISTEN", right: true, leave: 5},
		{title: "MEAN", right: true, leave: 9},
		{title: "LARGEST", right: true, leave: 8},
		{title: "LAST MINUTE", leave: 7},
		{title: "ROUTE", least: 10, leave: 10},
		{title: "LAST PUBLISHER", least: 16, leave: 3},
	}}
	for _, c := range list {
		t.rows = append(t.rows, Line{
			say(Plain, channelName(c)), channelRate(c), number(count(busy(&c.Usual))), number(size(bytes(&c.Rate))),
			lost(c.Rate.Refused, c.Total.Refused), lost(c.Rate.Dropped, c.Total.Dropped),
			number(count(float64(c.Listeners))), number(size(c.Mean)), number(size(float64(c.Largest))),
			{minute(c.Seconds), Good},
			say(Dim, c.Route), say(Plain, publisher(c)),
		})
	}
	return t
}

func channelName(c *status.Channel) string {
	if c.Cut {
		return c.Name + "…"
	}
	return c.Name
}

// channelRate is conspicuous if it is far over the usual one.
func channelRate(c *status.Channel) Span {
	const least, times = 10, 3 // messages/s
	rate := busy(&c.Rate)
	if rate >= least && rate > times*busy(&c.Usual) {
		return Span{count(rate), Warn}
	}
	return Span{count(rate), Plain}
}

// minute draws messages per second in bars of five seconds each.
func minute(seconds []float64) string {
	const wide = 5
	var bars []float64
	for seconds = last(60, seconds); len(seconds) > 0; seconds = seconds[min(wide, len(seconds)):] {
		bars = append(bars, highest(seconds[:min(wide, len(seconds))]))
	}
	return sparkline(bars, highest(bars))
}

func publisher(c *status.Channel) string {
	if c.Publisher == nil {
		return "-"
	}
	return who(c.Publisher)
}

var routeOrders = []order[status.Route]{
	most("rate", func(r *status.Route) float64 { return busy(&r.Rate) }),
	most("bytes", func(r *status.Route) float64 { return bytes(&r.Rate) }),
	most("refused", func(r *status.Route) float64 { return now(r.Rate.Refused, r.Total.Refused) }),
	alphabetical("name", func(r *status.Route) string { return r.Name }),
}

func routeTable(s *status.Status, how sorting) table {
	list := arrange(s.Routes, routeOrders, how, func(r *status.Route) bool { return how.passes(r.Name, r.Schema) })
	t := table{none: "no routes", columns: []column{
		{title: headed("ROUTES", len(list), len(s.Routes)), least: 16},
		{title: "IN/S", right: true},
		{title: "OUT/S", right: true},
		{title: "DELIVERED/S", right: true, leave: 2},
		{title: "BYTES/S", right: true, leave: 1},
		{title: "REFUSED", right: true},
		{title: "IN", right: true, leave: 4},
		{title: "OUT", right: true, leave: 5},
		{title: "SCHEMA", least: 10, leave: 3},
	}}
	for _, r := range list {
		t.rows = append(t.rows, Line{
			say(Plain, r.Name), number(count(r.Rate.Received)), number(count(r.Rate.Published)),
			number(count(r.Rate.Delivered)), number(size(bytes(&r.Rate))), lost(r.Rate.Refused, r.Total.Refused),
			number(count(r.Total.Received)), number(count(r.Total.Published)), say(Dim, r.Schema),
		})
	}
	return t
}

// number is a figure that has been written; zeros do not catch the eye.
func number(text string) Span {
	if text == "0" || text == "0B" || text == "0s" {
		return Span{text, Dim}
	}
	return Span{text, Plain}
}

// lost tells of messages that somebody did not get: how many a second if it happens now, else how many it were.
func lost(rate, total float64) Span {
	if rate > 0 {
		return Span{count(rate) + "/s", Bad}
	}
	return number(count(total))
}
