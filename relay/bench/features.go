//go:build linux

// Features: what a route pays for another name, another Redis, a mirror or dead letters, and that other routes pay
// nothing for it.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	featuresTitle = "What features cost"
	refusedTitle  = "Refused messages that are kept"
)

// The ways of features. All routes have the chat schema, and no two relays have a channel in common.
var (
	untouched = way{"beside features", prefixRoom, atFeatures}
	renamed   = way{"renamed", prefixRename, atFeatures}
	onEU      = way{"on another Redis", prefixEU, atFeatures}
	mirrored  = way{"mirrored", prefixMirror, atFeatures}
	lettered  = way{"dead letters", prefixDead, atFeatures}
	prefixed  = way{"redis.prefix", prefixChat, atPrefixed}
)

// featureRoutes are what the relay with features has more than the others. Nobody uses the last one, which keeps the
// name of renamed channels free.
const featureRoutes = `
  - {prefix: "` + prefixRename + `", schema: chat.json, rename: "other:{name}"}
  - {prefix: "` + prefixEU + `", schema: chat.json, upstream: eu, on_gap: notify}
  - {prefix: "` + prefixMirror + `", schema: chat.json, mirror: {upstream: eu, percent: 100}}
  - {prefix: "` + prefixDead + `", schema: chat.json, invalid: {dead_letter: "letters"}}
  - {prefix: "other:", publish: false, subscribe: false}
`

func (l *lab) featuresConfig() string { return filepath.Join(l.dir, "features.yaml") }

// flagsOf are what a relay at a door is started with, besides what all relays are.
func (l *lab) flagsOf(d door) []string {
	switch d {
	case atFeatures:
		return []string{"--config=" + l.featuresConfig()}
	case atPrefixed:
		return []string{"--redis.prefix=acme:"}
	}
	return nil
}

// writeFeatures writes a configuration with all features, whose upstream eu is a Redis.
func (l *lab) writeFeatures(eu *redisServer) error {
	return l.writeUpstream(l.featuresConfig(), "eu: {url: 'unix://"+eu.socket+"', required: true}", featureRoutes)
}

// writeUpstream writes the configuration of the other relays with an upstream, given in YAML, and more routes.
func (l *lab) writeUpstream(path, upstream, routes string) error {
	text, err := os.ReadFile(l.relayConfig)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	const none = "\nupstreams: {}\n"
	if !strings.Contains(string(text), none) {
		return fmt.Errorf("relay.yaml has no line %q, which is to name an upstream", strings.TrimSpace(none))
	}
	whole := strings.Replace(string(text), none, "\nupstreams:\n  "+upstream+"\n", 1) + routes
	return os.WriteFile(path, []byte(whole), 0o600)
}

func features(l *lab) ([]*table, error) {
	eu, err := l.newRedis(l.first().binary)
	if err != nil {
		return nil, err
	}
	defer eu.stop()
	if err := l.writeFeatures(eu); err != nil {
		return nil, err
	}
	t := newFeaturesTable()
	for _, n := range []int{1, 16} {
		l.progress("features: %d subscribers", n)
		if err := featuresFor(l, t, n); err != nil {
			return nil, err
		}
	}
	l.progress("refused messages")
	refused, err := keepRefused(l)
	return []*table{t, refused}, err
}

func newFeaturesTable() *table {
	return &table{
		title: featuresTitle,
		notes: []string{
			fmt.Sprintf("Messages of %d B that a local process publishes through the relay without waiting for replies, and its",
				smallPayload),
			"listeners receive. All variants are validated. validated is on a relay without any of the features; beside",
			"features is the same route on a relay that has all of them, on other routes. Of mirrored, all publishes go to",
			"another Redis, too; what finds no room there is dropped. With dead letters, no message is refused here.",
			"CPU is seconds per million messages; x compares with validated. " + aboutSpread,
		},
		keys:    []string{"subscribers", "variant"},
		columns: []string{"messages/s", "deliveries/s", "x validated", "CPU relay", "x CPU relay"},
	}
}

func featuresFor(l *lab, t *table, n int) error {
	v, err := l.newVenue(l.redises[:1], split(n, workersFor(n)), interest{channels: 1},
		[]way{validated, untouched, renamed, onEU, mirrored, lettered, prefixed})
	if err != nil {
		return err
	}
	defer v.close()
	rounds, err := v.floodLocally(n)
	if err != nil {
		return err
	}
	for _, x := range v.variants {
		mine, plain := rounds[x], rounds[v.beside(x, validated)]
		each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
		t.addOn(x.redis, []any{n, x.name},
			each(func(i int) float64 { return mine[i].messages }, count).plain(),
			each(func(i int) float64 { return mine[i].messages * float64(n) }, count).plain(),
			each(func(i int) float64 { return mine[i].messages / plain[i].messages }, ratio),
			each(func(i int) float64 { return mine[i].server }, perMillion).plain(),
			each(func(i int) float64 { return mine[i].server / plain[i].server }, ratio))
	}
	return nil
}

// keepRefused has a process publish messages that the schema refuses, on a route without dead letters and on one with
// them. Each has a relay of its own, since dead letters are written behind the replies.
func keepRefused(l *lab) (*table, error) {
	c := &contest{lab: l}
	defer c.close()
	for _, w := range []way{validated, lettered} {
		if err := c.refuse(w); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	shifts, err := c.shifts()
	if err != nil {
		return nil, err
	}
	t := newRefusedTable()
	for _, crew := range c.crews {
		mine, plain := shifts[crew], shifts[c.beside(crew, validated)]
		each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
		t.addOn(crew.redis, []any{crew.name},
			each(func(i int) float64 { return mine[i].publishes }, count).plain(),
			each(func(i int) float64 { return mine[i].publishes / plain[i].publishes }, ratio),
			each(func(i int) float64 { return mine[i].server }, perMillion).plain(),
			each(func(i int) float64 { return mine[i].server / plain[i].server }, ratio))
	}
	return t, nil
}

func newRefusedTable() *table {
	return &table{
		title: refusedTitle,
		notes: []string{
			"A process publishes messages that the schema refuses, and waits for each reply. With dead letters the relay",
			"keeps 1,000 a second of them at Redis, and what finds no room in its buffer is lost and counted.",
			"CPU is seconds per million refusals; x compares with validated, which keeps none. " + aboutSpread,
		},
		keys:    []string{"variant"},
		columns: []string{"refusals/s", "x validated", "CPU relay", "x CPU relay"},
	}
}

// refuse starts the relay of a way, and a process whose messages it will refuse.
func (c *contest) refuse(w way) error {
	r, err := c.lab.readyRelay(c.lab.first(), c.lab.flagsOf(w.door)...)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, r.stop)
	s := publishing(r.socket, channel(w.prefix, 1), []byte(invalidMessage), 1)
	s.Refused = true
	client, err := c.worker(s)
	if err != nil {
		return err
	}
	c.crews = append(c.crews, &crew{
		way: w, redis: c.lab.first(), socket: r.socket, server: r.process, clients: []*worker{client},
	})
	return nil
}
