package relay

// Gaps in single channels: who is concerned, and how they learn of it.

import (
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"redis-relay/relay/checks"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// gaps tells of them. It belongs to the loop.
type gaps struct {
	rules   *atomic.Pointer[rules]
	hub     *hub.Hub
	outlets *outlets
	teller  *notice.Teller
}

// names returns the names, channel or patterns, by which the messages of a channel
// are heard.
func (g *gaps) names(channel string) (names []resp.Name) {
	exact, patterns := g.hub.Subscribers([]byte(channel))
	if exact {
		names = append(names, resp.Name{Kind: resp.Message, Text: channel})
	}
	for _, p := range patterns {
		names = append(names, resp.Name{Kind: resp.PMessage, Text: p})
	}
	return names
}

// end disconnects the listeners of names, where their routes ask for that.
func (g *gaps) end(now *rules, names []resp.Name) {
	ended := map[resp.Name]bool{}
	for _, n := range names {
		if now.OnGap(n.Kind, n.Text) == route.GapDisconnect {
			ended[n] = true
			g.hub.Disconnect(n.Kind, n.Text, hub.ReasonGap)
		}
	}
	if len(ended) > 0 {
		g.outlets.disconnect(func(kind resp.Kind, name string) bool { return ended[resp.Name{Kind: kind, Text: name}] })
	}
}

// unchecked tells of messages for which the pool of checks had no room.
func (g *gaps) unchecked(l *checks.Loss) {
	const cause = "too many messages that take long to check waited"
	now := g.rules.Load()
	concerned := slices.DeleteFunc(append(g.names(l.Channel), resp.Name{Kind: resp.SMessage, Text: l.Channel}),
		func(n resp.Name) bool { return !l.Kinds[n.Kind] })
	g.end(now, concerned)
	if more, ok := g.teller.Sample(notice.CheckGap, l.Channel); ok {
		g.teller.Log(notice.CheckGap.With(cause), append(more, zap.String("channel", policy.Printable(l.Channel)),
			zap.Int64("missing", l.Messages))...)
	}
	g.teller.Send(notice.CheckGap, notice.Event{
		Cause: cause, Since: &l.Since, Until: &l.Until, Channel: l.Channel,
		Prefixes: []string{now.Route([]byte(l.Channel)).Prefix}, Missing: l.Messages,
	})
}

// unhealed tells of entries that could not be had back.
func (g *gaps) unhealed(gap history.Gap) {
	now := g.rules.Load()
	event := notice.Event{Cause: gap.Cause, Channel: gap.Channel, Pattern: gap.Pattern, Missing: gap.Missing}
	if !gap.After.IsZero() {
		event.After = gap.After.String()
	}
	if !gap.Before.IsZero() {
		event.Before = gap.Before.String()
	}
	if !gap.Entry.IsZero() {
		event.Entry, event.Size = gap.Entry.String(), gap.Size
	}
	concerned := []resp.Name{{Kind: resp.PMessage, Text: gap.Pattern}}
	if gap.Channel != "" {
		event.Prefixes = []string{now.Route([]byte(gap.Channel)).Prefix}
		concerned = g.names(gap.Channel)
	}
	g.end(now, concerned)
	g.teller.Send(notice.HistoryGap, event)
}
