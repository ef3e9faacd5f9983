package main

// A calculation, in words.

import (
	"fmt"
	"io"

	"redis-relay/relay/bench/scale/model"
)

// row is a figure of a load.
type row struct {
	name  string
	of    func(model.Load) float64
	words func(float64) string
}

var ofServer = []row{
	{"connections", func(l model.Load) float64 { return l.Server.Connections }, count},
	{"messages out, a second", func(l model.Load) float64 { return l.Server.Messages }, count},
	{"egress", func(l model.Load) float64 { return l.Server.Egress }, perSecond},
	{"to other nodes", func(l model.Load) float64 { return l.Server.Bus }, perSecond},
	{"both, with the heads of packets", func(l model.Load) float64 { return l.Server.Wire }, bits},
	{"CPU seconds a second, each message alone", func(l model.Load) float64 { return l.Server.CPU }, digits},
	{"at least, many at a time", func(l model.Load) float64 { return l.Server.LeastCPU }, digits},
	{"a message waits for others, about", func(l model.Load) float64 { return l.Server.Turn }, wait},
	{"memory for clients and channels", func(l model.Load) float64 { return l.Server.Memory }, size},
	{"and at most for those that do not read", func(l model.Load) float64 { return l.Server.Backlog }, size},
}

var ofHost = []row{
	{"connections to Redis", func(l model.Load) float64 { return l.Host.Connections }, count},
	{"messages in, a second", func(l model.Load) float64 { return l.Host.Messages }, count},
	{"ingress", func(l model.Load) float64 { return l.Host.Ingress }, perSecond},
	{"deliveries to processes, a second", func(l model.Load) float64 { return l.Host.Deliveries }, count},
	{"CPU seconds of the relay, each message alone", func(l model.Load) float64 { return l.Host.CPU }, digits},
	{"at least, many at a time", func(l model.Load) float64 { return l.Host.LeastCPU }, digits},
	{"memory of the relay at rest", func(l model.Load) float64 { return l.Host.Memory }, size},
}

// calculate prints a deployment in all topologies, where it is full, and what to do then.
func calculate(out io.Writer, d model.Deployment, m model.Machine) {
	say(out, "%s\n\n", describe(d))
	loads := map[model.Topology]model.Load{}
	for _, t := range model.Topologies {
		loads[t] = model.Of(t, d)
	}
	table(out, figures("each redis-server", ofServer, loads, d))
	say(out, "\n")
	table(out, figures("each host", ofHost, loads, d))
	say(out, "\nHosts until it is full, as this deployment grows:\n\n")
	table(out, untilFull(d, m))
	say(out, "\n")
	for _, t := range model.Topologies {
		first, hosts := model.First(t, d, m)
		if hosts > model.MostHosts {
			say(out, "- %s: nothing is full before %s hosts.\n", t, count(model.MostHosts))
			continue
		}
		say(out, "- %s: full beyond %d hosts, by the limit \"%s\". Then: %s.\n", t, hosts, first.Name, first.Remedy)
	}
	say(out, "\nsharded is calculated, and was not compared with a real run yet.\n")
}

func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format, args...) // to a buffer or a terminal
}

// describe says what a deployment is.
func describe(d model.Deployment) string {
	hears := "all channels"
	if d.Subscriptions > 0 {
		hears = count(d.Subscriptions) + " of them"
	}
	return fmt.Sprintf("%d hosts with %d processes. %s channels; each process listens to %s. %s messages a second of %s.",
		d.Hosts, d.Processes, count(d.Channels+float64(d.Hosts)*d.ChannelsPerHost), hears,
		count(d.Rate+float64(d.Hosts)*d.RatePerHost), size(d.Size))
}

// heads are the columns of topologies.
func heads(first string, d model.Deployment) []string {
	line := []string{first}
	for _, t := range model.Topologies {
		name := t.String()
		if t == model.Cluster || t == model.Sharded {
			name += fmt.Sprintf(", %d masters", d.Nodes)
		}
		line = append(line, name)
	}
	return line
}

// figures is a table of rows.
func figures(title string, rows []row, loads map[model.Topology]model.Load, d model.Deployment) [][]string {
	lines := [][]string{heads(title, d)}
	for _, r := range rows {
		line := []string{r.name}
		for _, t := range model.Topologies {
			words := "-"
			if v := r.of(loads[t]); v > 0 {
				words = r.words(v)
			}
			line = append(line, words)
		}
		lines = append(lines, line)
	}
	return lines
}

// untilFull has a row for each limit, and the first that is met in bold.
func untilFull(d model.Deployment, m model.Machine) [][]string {
	lines := [][]string{heads("full", d)}
	for _, x := range model.Limits {
		line := []string{x.Name}
		for _, t := range model.Topologies {
			hosts := x.Until(t, d, m)
			words := fmt.Sprint(hosts)
			if hosts == model.MostHosts {
				words = "-"
			} else if first, _ := model.First(t, d, m); first.Name == x.Name {
				words = "**" + words + "**"
			}
			line = append(line, words)
		}
		lines = append(lines, line)
	}
	busy := []string{"(thread of Redis always busy)"}
	for _, t := range model.Topologies {
		busy = append(busy, fmt.Sprint(model.Busy.Until(t, d, m)))
	}
	return append(lines, busy)
}

// wait words a time; without end, where there is more to do than a thread can.
func wait(seconds float64) string {
	switch {
	case seconds > 10:
		return "for ever"
	case seconds >= 1:
		return digits(seconds) + " s"
	}
	return digits(seconds*1e3) + " ms"
}

// constants prints what the model rests on.
func constants(out io.Writer) {
	lines := [][]string{{"constant", "value", "from"}}
	for _, c := range model.Constants {
		lines = append(lines, []string{c.What, worded(*c.Constant), c.From})
	}
	table(out, lines)
}

// worded words a constant in its unit.
func worded(c model.Constant) string {
	switch c.Unit {
	case model.Seconds:
		if c.Value < 1e-6 {
			return digits(c.Value*1e9) + " ns"
		}
		return digits(c.Value*1e6) + " µs"
	case model.Bytes:
		return size(c.Value)
	}
	return digits(c.Value)
}
