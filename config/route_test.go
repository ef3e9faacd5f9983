package config

// This file tests what a kind inherits and the defaults that hang on others.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResolve(t *testing.T) {
	plain := NewRoute("").Policy
	with := func(change func(*Policy)) Policy {
		p := plain
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		route string // besides the prefix
		want  Policy
		kinds map[string]Policy
	}{
		"defaults":   {"", plain, nil},
		"empty kind": {"kinds: {k: , l: {}}", plain, map[string]Policy{"k": plain, "l": plain}},
		"a kind overrides": {
			"slow: drop, deliver: one, kinds: {k: {slow: disconnect}, a.b: {deliver: all}}",
			with(func(p *Policy) { p.Slow, p.Deliver = SlowDrop, DeliverOne }),
			map[string]Policy{
				"k":   with(func(p *Policy) { p.Deliver = DeliverOne }),
				"a.b": with(func(p *Policy) { p.Slow = SlowDrop }),
			},
		},
		"history of the route": {
			"history: {length: 5, ttl: 72h}, kinds: {k: {history: {length: 9}}, l: {history: null}}",
			with(func(p *Policy) { p.OnGap, p.History = OnGapNotify, &History{5, 72 * time.Hour} }),
			map[string]Policy{
				"k": with(func(p *Policy) { p.OnGap, p.History = OnGapNotify, &History{9, 72 * time.Hour} }),
				"l": with(func(p *Policy) { p.OnGap = OnGapNotify }),
			},
		},
		"history of a kind": {
			"kinds: {k: {history: {length: 9, ttl: 0}}, l: {on_gap: disconnect}}",
			with(func(p *Policy) { p.OnGap = OnGapNotify }),
			map[string]Policy{
				"k": with(func(p *Policy) { p.OnGap, p.History = OnGapNotify, &History{Length: 9} }),
				"l": plain,
			},
		},
		"on_gap as written": {
			"on_gap: disconnect, kinds: {k: {history: {length: 9}}}",
			plain,
			map[string]Policy{"k": with(func(p *Policy) { p.History = &History{Length: 9} })},
		},
		"burst": {
			"rate: {limit: 2.5, alert: 1}, kinds: {k: {rate: {limit: 10}}, l: {rate: {burst: 7}}, m: {rate: {limit: 0}}}",
			with(func(p *Policy) { p.Rate = Rate{2.5, 3, 1, ""} }),
			map[string]Policy{
				"k": with(func(p *Policy) { p.Rate = Rate{10, 10, 1, ""} }),
				"l": with(func(p *Policy) { p.Rate = Rate{2.5, 7, 1, ""} }),
				"m": with(func(p *Policy) { p.Rate = Rate{0, 0, 1, ""} }),
			},
		},
		"burst of another limit": {
			"rate: {limit: 2, burst: 20}, kinds: {k: {rate: {limit: 0}}, l: {rate: {alert: 4}}}",
			with(func(p *Policy) { p.Rate = Rate{2, 20, 0, ""} }),
			map[string]Policy{
				"k": plain,
				"l": with(func(p *Policy) { p.Rate = Rate{2, 20, 4, ""} }),
			},
		},
		"latest_by goes with latest": {
			"slow: latest, latest_by: userId, kinds: {k: {slow: drop}, l: {latest_by: id}}",
			with(func(p *Policy) { p.Slow, p.LatestBy = SlowLatest, "userId" }),
			map[string]Policy{
				"k": with(func(p *Policy) { p.Slow = SlowDrop }),
				"l": with(func(p *Policy) { p.Slow, p.LatestBy = SlowLatest, "id" }),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustLoad(t, "routes: [{prefix: 'a:', "+c.route+"}]").Routes[0]
			want := NewRoute("a:")
			want.Policy, want.Kinds = c.want, c.kinds
			if diff := cmp.Diff(want, got, sameConfig); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRouteFields(t *testing.T) {
	got := mustLoad(t, "routes: [{prefix: 'a:', schema: s.json, publish: false, subscribe: false, "+
		"invalid: log, kind: event, nats: true}]").Routes[0]
	want := NewRoute("a:")
	want.Schema, want.Publish, want.Subscribe = "s.json", false, false
	want.Invalid, want.Kind, want.NATS = InvalidLog, "event", true
	if diff := cmp.Diff(want, got, sameConfig); diff != "" {
		t.Error(diff)
	}
}

func TestSchemasOfARoute(t *testing.T) {
	cfg := mustLoad(t, "routes: [{prefix: 'a:', schema: [v2.json, v1.json], evolve: full}, {prefix: 'b:', schema: [v1.json]}, {prefix: 'c:'}]")
	for i, want := range [][]string{{"v2.json", "v1.json"}, {"v1.json"}, nil} {
		if got := cfg.Routes[i].Schemas(); !slices.Equal(got, want) {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	if cfg.Routes[0].Evolve != EvolveFull || cfg.Routes[1].Evolve != EvolveNone {
		t.Errorf("%+v", cfg.Routes)
	}
	again := mustLoad(t, cfg.String())
	if diff := cmp.Diff(cfg.Routes, again.Routes, sameConfig); diff != "" {
		t.Error(diff)
	}
}

// TestHistoryNeedsItsLength: the mistake is told as what was written.
func TestHistoryNeedsItsLength(t *testing.T) {
	const missing = "is missing; write how many messages to keep, as in history: {length: 1000, ttl: 72h}"
	for text, want := range map[string]string{
		"history: {}":                     "routes[0].history.length: " + missing,
		"history: {ttl: 1h}":              "routes[0].history.length: " + missing,
		"history: {length: 0}":            "routes[0].history.length: is 0; must be more than 0",
		"kinds: {k: {history: {}}}":       "routes[0].kinds.k.history.length: " + missing,
		"kinds: {k: {history: {ttl: 0}}}": "routes[0].kinds.k.history.length: " + missing,
	} {
		_, err := Read(Source{Path: write(t, "routes: [{prefix: 'a:', "+text+"}]"), Env: []string{"RELAY_REDIS_URL=redis://h"}})
		if err == nil || !strings.HasSuffix(err.Error(), ":1: "+want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
