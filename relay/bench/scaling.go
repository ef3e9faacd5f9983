//go:build linux

// Scale: the constants of the model in relay/bench/scale/model, and the model beside real runs.

package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"redis-relay/relay/bench/scale/model"
	"redis-relay/relay/bench/scale/trial"
)

const (
	constantsTitle = "Constants of the model"
	modelTitle     = "The model beside real runs"
)

// scaling measures the constants, and then what the model says of other shapes.
func scaling(l *lab) ([]*table, error) {
	s := trial.Setting{
		Redis: l.first().binary, Relay: l.relayBinary,
		Flags: []string{
			"--config=" + filepath.Join(l.root, "relay.yaml"), "--schemas=" + filepath.Join(l.root, "schemas"),
		},
		Progress: l.progress,
	}
	found, err := trial.Calibrate(l.ctx, s, l.trial)
	if err != nil {
		return nil, err
	}
	rows, err := trial.Check(l.ctx, s, l.trial)
	return []*table{l.constants(found), l.comparison(rows)}, err
}

func (l *lab) constants(found []trial.Constant) *table {
	t := &table{
		title: constantsTitle,
		notes: []string{
			"What the model in relay/bench/scale/model rests on, and what that came to here. CPU is the time that the",
			"process used, of messages that come alone or, at least, 64 at once. " + aboutSpread,
		},
		keys:    []string{"constant"},
		columns: []string{"in the model", "measured"},
	}
	for _, c := range found {
		i := slices.IndexFunc(model.Constants, func(k model.Named) bool { return k.Name == c.Name })
		known := model.Constants[i]
		in := formats[known.Unit]
		t.addOn(l.first(), []any{c.Name + ": " + known.What}, exactly(known.Value, in), figureOf(slices.Clone(c.Values), in))
	}
	return t
}

// formats word the constants.
var formats = map[model.Unit]format{
	model.Number:  func(v float64) string { return fmt.Sprintf("%.3g", v) },
	model.Seconds: func(v float64) string { return fmt.Sprintf("%.3g µs", v*1e6) },
	model.Bytes:   func(v float64) string { return fmt.Sprintf("%.3g B", v) },
}

func (l *lab) comparison(rows []trial.Row) *table {
	t := &table{
		title: modelTitle,
		notes: []string{
			"Hosts x processes on a host. Everybody listens to 10 channels, unless the run says otherwise. Error is that of",
			"the model. " + aboutSpread,
		},
		keys:    []string{"run", "figure"},
		columns: []string{"model", "measured", "error"},
	}
	for _, r := range rows {
		in := func(v float64) string { return fmt.Sprintf("%.4g %s", v, r.Unit) }
		t.addOn(l.first(), []any{r.Run, r.Figure}, exactly(r.Model, in), figure{r.Measured, r.Least, r.Most, in},
			exactly(100*r.Error(), func(v float64) string { return fmt.Sprintf("%+.1f %%", v) }))
	}
	return t
}
