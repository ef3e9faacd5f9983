//go:build linux

// The troubles: who makes them.

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// A flood comes from so many processes, each of which has so many publishes under way.
const (
	floodProcesses = 2
	floodPipeline  = 64
)

// stoppedReader is one more reader of the channel that is measured, which stops reading. What waits for it is less
// than its queue holds.
func stoppedReader(_ *lab, x *variant) []setup {
	return []setup{listening(x.socket, channel(x.prefix, 0))}
}

// manyChannels is a client that subscribes, is confirmed, unsubscribes from all at once, is confirmed, and begins anew.
func manyChannels(l *lab, x *variant) []setup {
	names := interest{channels: l.channels + 1}.of(0, []string{x.prefix})[1:] // all but channel 0
	return []setup{{Role: roleStorm, Connect: x.socket, Interest: [][]string{names}}}
}

// manyClients come from two processes or more, and leave when all of them have subscribed.
func manyClients(l *lab, x *variant) (all []setup) {
	for _, n := range split(l.mob, max(2, (l.mob+perMob-1)/perMob)) {
		all = append(all, setup{Role: roleMob, Connect: x.socket, Channel: channel(x.prefix, 1), Parallel: n})
	}
	return all
}

// invalidMessages are refused by the relay, each; redis-server takes them.
func invalidMessages(_ *lab, x *variant) []setup {
	s := publishing(x.socket, channel(x.prefix, 1), []byte(invalidMessage), floodPipeline)
	s.Refused = x.door == atRelay
	return repeat(s, floodProcesses)
}

// examinedMessages are valid, but the compiled checker cannot decide that: when they are published, nor when they
// come back for examinedListener.
func examinedMessages(_ *lab, x *variant) []setup {
	return repeat(publishing(x.socket, examinedChannel(x), examinedMessage(), floodPipeline), floodProcesses)
}

func examinedListener(x *variant) []setup {
	return []setup{listening(x.socket, examinedChannel(x))}
}

func examinedChannel(x *variant) string {
	if x.door == atRelay {
		return channel(prefixExam, 1)
	}
	return channel(x.prefix, 1)
}

// examinedSchema does not compile: unevaluatedItems depends on five contains.
const examinedSchema = `{"properties": {"x": {"unevaluatedItems": false, "anyOf": [` +
	`{"contains": {"const": 0}}, {"contains": {"const": 1}}, {"contains": {"const": 2}}, {"contains": {"const": 3}}, ` +
	`{"contains": {"const": 4}}]}}}`

// examinedMessage is what examinedSchema accepts.
func examinedMessage() []byte {
	const items = 50
	return []byte(`{"x":[0` + strings.Repeat(`,1`, items-1) + `]}`)
}

func repeat(s setup, n int) (all []setup) {
	for range n {
		all = append(all, s)
	}
	return all
}

// copySchemas makes a folder of the shipped schemas and examinedSchema.
func (l *lab) copySchemas() error {
	l.schemas = filepath.Join(l.dir, "schemas")
	if err := os.CopyFS(l.schemas, os.DirFS(filepath.Join(l.root, "schemas"))); err != nil {
		return fmt.Errorf("copy the shipped schemas: %w", err)
	}
	return os.WriteFile(filepath.Join(l.schemas, "examined.json"), []byte(examinedSchema), 0o600)
}

// turnMetric is the longest turn of a relay's loop since its start, in seconds.
const turnMetric = "redis_relay_loop_longest_turn_seconds"

// longestTurn asks the relay of a variant; the zero figure if there is none, or it does not say.
func (x *variant) longestTurn() (figure, error) {
	if x.relay == nil {
		return figure{}, nil
	}
	res, err := http.Get("http://" + x.relay.http + "/metrics")
	if err != nil {
		return figure{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return figure{}, fmt.Errorf("read /metrics: %w", err)
	}
	return readTurn(string(text)), nil
}

// readTurn finds turnMetric among metrics in Prometheus's text format; the zero figure without it.
func readTurn(metrics string) figure {
	for line := range strings.Lines(metrics) {
		if field(line, 0) == turnMetric {
			return exactly(number(field(line, 1))*1e9, millis)
		}
	}
	return figure{}
}
