package overview

// The channels that carry most, and the alerts that stand, in the words of the status.

import (
	"redis-relay/relay/resp"
	"redis-relay/relay/status"
	"redis-relay/relay/traffic"
	"redis-relay/relay/watch"
)

// channels returns the n heaviest channels of each dimension, each once, as far as may allows. It belongs to the loop.
func (o *Overview) channels(n int, may func(channel string) bool) []status.Channel {
	list, seen := []status.Channel{}, map[string]bool{}
	for by := range traffic.Dimension(traffic.Dimensions) {
		for _, c := range o.parts.Watch.Top(by, n) {
			if !seen[c.Name] && may(c.Name) {
				seen[c.Name] = true
				list = append(list, o.channel(&c))
			}
		}
	}
	return list
}

func (o *Overview) channel(c *traffic.Channel) status.Channel {
	name := []byte(c.Name)
	rules, _ := o.parts.Rules()
	s := status.Channel{
		Name: c.Name, Cut: c.IsCut(), Route: rules.Route(name).Name,
		Total: flow(&c.Count), Rate: flow(&c.Rate), Usual: flow(&c.Usual), Mean: c.Mean, Largest: c.Largest,
		Seconds: make([]float64, len(c.Minute)),
	}
	for i, messages := range c.Minute {
		s.Seconds[i] = float64(messages)
	}
	s.Listeners, _ = o.parts.upstreamOf(name).Hub.Audience(resp.Message, name)
	if who := watch.WhoPublished(c.Publisher); who.Client > 0 {
		s.Publisher = &who
	}
	return s
}

func flow(f *traffic.Figures) status.Flow {
	return status.Flow{
		Received: f[traffic.InMessages], ReceivedBytes: f[traffic.InBytes],
		Published: f[traffic.OutMessages], PublishedBytes: f[traffic.OutBytes],
		Refused: f[traffic.Refused], Dropped: f[traffic.Dropped],
	}
}

// alerts returns the alerts that stand, as far as may allows.
func (o *Overview) alerts(may func(channel string) bool) []status.Alert {
	list := []status.Alert{}
	for _, a := range o.parts.Alerts.Standing() {
		if a.Event.Channel == "" || may(a.Event.Channel) {
			list = append(list, status.Alert{Kind: a.Kind, Since: a.Since, Text: a.Text, Do: a.Do, About: a.Event})
		}
	}
	return list
}
