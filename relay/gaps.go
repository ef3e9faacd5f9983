package relay

// Gaps in single channels: who is concerned, and how they learn of it.

import (
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/checks"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// gaps tells of them. It belongs to the loop.
type gaps struct {
	// Fixed after construction.
	rules   *atomic.Pointer[rules]
	loop    *loop.Loop
	sides   sides
	hub     *hub.Group
	outlets *outlets
	teller  *notice.Teller
	last    *lastValues

	since map[int]time.Time // by upstream: see late
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
	now := g.rules.Load()
	concerned := slices.DeleteFunc(append(g.names(l.Channel), resp.Name{Kind: resp.SMessage, Text: l.Channel}),
		func(n resp.Name) bool { return !l.Kinds[n.Kind] })
	g.end(now, concerned)
	if more, ok := g.teller.Sample(notice.CheckGap, l.Channel); ok {
		g.teller.Log(notice.CheckGap.With(tooManyChecks), append(more, zap.String("channel", policy.Printable(l.Channel)),
			zap.Int64("missing", l.Messages))...)
	}
	g.teller.Send(notice.CheckGap, notice.Event{
		Cause: tooManyChecks, Since: &l.Since, Until: &l.Until, Channel: l.Channel,
		Prefixes: []string{now.Route([]byte(l.Channel)).Prefix}, Missing: l.Messages,
	})
}

// unhealed tells of entries on an upstream that could not be had back.
func (g *gaps) unhealed(s *side, gap history.Gap) {
	now := g.rules.Load()
	event := notice.Event{
		Upstream: s.label, Cause: gap.Cause, Channel: gap.Channel, Pattern: gap.Pattern, Missing: gap.Missing,
	}
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
	g.last.missed([]byte(gap.Channel))
	g.end(now, concerned)
	g.teller.Send(notice.HistoryGap, event)
}

// late is told that patterns are heard on an upstream only now, though they were confirmed before, while it had no
// connection. It tells of the time between, once for all of a turn of the loop.
func (g *gaps) late(upstream int, kind resp.Kind, names []string, since time.Time) {
	concerned := make([]resp.Name, len(names))
	for i, name := range names {
		concerned[i] = resp.Name{Kind: kind, Text: name}
	}
	if g.since == nil {
		g.since = map[int]time.Time{}
	}
	earliest, waiting := g.since[upstream]
	if !waiting || since.Before(earliest) {
		g.since[upstream] = since
	}
	g.loop.Post(func() { g.end(g.rules.Load(), concerned) }) // not while the hub confirms
	if !waiting {
		g.loop.Post(func() { g.tellLate(g.sides[upstream]) })
	}
}

func (g *gaps) tellLate(s *side) {
	since, until := g.since[s.index], time.Now()
	delete(g.since, s.index)
	g.teller.Send(notice.UpstreamGap, notice.Event{
		Upstream: s.label, Since: &since, Until: &until, Prefixes: s.prefixes(g.rules.Load()),
		Cause: "patterns were subscribed while there was no connection",
	})
}

// moved has listeners learn that channels are on another upstream than before, of whose messages they may miss some
// meanwhile. done is to be called when all new subscriptions stand.
func (g *gaps) moved(before, now *rules) (done func()) {
	prefixes := now.Moved(before.Rules)
	if len(prefixes) == 0 {
		return func() {}
	}
	var concerned []resp.Name
	for kind := range resp.Kind(resp.Kinds) {
		for _, name := range g.hub.Names(kind) {
			if !policy.IsLocal(name) && now.MovedName(before.Rules, prefixes, kind, name) {
				concerned = append(concerned, resp.Name{Kind: kind, Text: name})
			}
		}
	}
	g.end(now, concerned)
	since, bySide := time.Now(), map[*side][]string{}
	for _, prefix := range prefixes {
		to := g.sides.of(now, prefix)
		bySide[to] = append(bySide[to], prefix)
	}
	g.teller.Log(notice.Moved, zap.Strings("prefixes", prefixes))
	return func() {
		until := time.Now()
		for to, prefixes := range bySide {
			g.teller.Send(notice.Moved, notice.Event{
				Since: &since, Until: &until, Prefixes: prefixes, Upstream: to.label,
				Cause: "a reload has moved the channels to another upstream",
			})
		}
	}
}
