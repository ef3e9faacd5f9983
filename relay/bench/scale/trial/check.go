//go:build linux

package trial

// The model beside real runs.

import (
	"context"
	"fmt"
	"slices"

	"redis-relay/relay/bench/scale/model"
)

// Row is one figure of one run. Of several rounds Measured is the one in the middle.
type Row struct {
	Run      string // what was run
	Figure   string // of what
	Unit     string // B, µs, or empty for a count
	Model    float64
	Measured float64
	Least    float64
	Most     float64
}

// Error is how far the model is from what was measured, as a share of that.
func (r Row) Error() float64 { return r.Model/r.Measured - 1 }

// shapes are what the model is compared with. None of them is one that the constants come from.
func (s Scale) shapes() (all []Shape) {
	add := func(t model.Topology, batch int, d model.Deployment) {
		receivers := d.Hosts
		if t == model.Direct {
			receivers *= d.Processes
		}
		c := calibration{Scale: s}
		all = append(all, Shape{Topology: t, Deployment: d, Batch: batch, Messages: c.messages(receivers)})
	}
	const processes = 8
	everything := func(hosts int) model.Deployment {
		return model.Deployment{Hosts: min(hosts, s.Most), Processes: processes, Channels: 10, Size: 300}
	}
	rooms := model.Deployment{Hosts: min(10, s.Most), Processes: processes, Channels: 200, Subscriptions: 20, Size: 300}
	documents := everything(10)
	documents.Size = 8 << 10
	clustered := func(hosts, masters int) model.Deployment {
		d := everything(hosts)
		d.Nodes = min(masters, s.Masters)
		return d
	}
	for _, batch := range []int{1, 16} {
		add(model.Direct, batch, everything(5))
		add(model.Direct, batch, everything(20))
		for _, hosts := range []int{1, 5, 20, 50} {
			add(model.Relays, batch, everything(hosts))
		}
	}
	add(model.Direct, 1, rooms)
	add(model.Relays, 1, rooms)
	add(model.Direct, 1, documents)
	add(model.Relays, 1, documents)
	add(model.Cluster, 1, clustered(10, 3))
	add(model.Cluster, 1, clustered(20, 6))
	return all
}

// String says what is run.
func (s Shape) String() string {
	text := fmt.Sprintf("%v, %d x %d", s.Topology, s.Hosts, s.Processes)
	if s.Subscriptions > 0 {
		text += fmt.Sprintf(", %v channels of %v each", s.Subscriptions, s.Channels)
	}
	if s.Topology == model.Cluster {
		text += fmt.Sprintf(", %d masters", s.Nodes)
	}
	return text + fmt.Sprintf(", %.0f B, %d at once", s.Size, s.Batch)
}

// Check runs shapes and sets the model beside what they came to. With an error it returns the rows until then.
func Check(ctx context.Context, s Setting, scale Scale) (rows []Row, err error) {
	for _, shape := range scale.shapes() {
		s.Progress("the model beside %v", shape)
		runs, err := Measure(ctx, s, shape, scale.Rounds)
		if err != nil {
			return rows, fmt.Errorf("%v: %w", shape, err)
		}
		rows = append(rows, shape.compare(runs)...)
	}
	heavy := Shape{Topology: model.Relays, Deployment: model.Deployment{
		Hosts: scale.Fleet, Processes: 1, Channels: 1000, Size: small, Name: channelName,
	}}
	s.Progress("the model beside the memory of %v", heavy)
	weight, err := Weigh(ctx, s, heavy, scale.Pause)
	if err != nil {
		return rows, err
	}
	memory := model.Of(model.Relays, heavy.Deployment).Server.Memory
	return append(rows, Row{
		Run: fmt.Sprintf("relays, %d x 1, 1000 channels", heavy.Hosts), Figure: "memory of Redis", Unit: "B",
		Model: memory, Measured: weight, Least: weight, Most: weight,
	}), nil
}

const micro = 1e6 // microseconds in a second

// compare makes a row of each figure. The predictions are for the times that the runs took.
func (s Shape) compare(runs []Result) (rows []Row) {
	for _, f := range []struct {
		name, unit string
		of         func(Result) float64
		in         bool // this topology
	}{
		{"connections", "", func(r Result) float64 { return r.Connections }, true},
		{"messages out, a publish", "", func(r Result) float64 { return r.Receivers }, s.Topology != model.Cluster},
		{"egress, a publish", "B", func(r Result) float64 { return r.Egress }, true},
		{"bus, a publish", "B", func(r Result) float64 { return r.Bus }, s.Topology == model.Cluster},
		{"CPU of Redis, a publish", "µs", func(r Result) float64 { return r.RedisCPU * micro }, true},
		{"CPU of a relay, a publish", "µs", func(r Result) float64 {
			return r.RelayCPU * micro / float64(s.Hosts)
		}, s.Topology != model.Direct},
	} {
		if !f.in {
			continue
		}
		var measured, predicted []float64
		for _, r := range runs {
			measured = append(measured, f.of(r))
			predicted = append(predicted, f.of(Predict(s, r.Seconds)))
		}
		slices.Sort(measured)
		slices.Sort(predicted)
		rows = append(rows, Row{
			Run: s.String(), Figure: f.name, Unit: f.unit,
			Model: predicted[len(predicted)/2], Measured: measured[len(measured)/2],
			Least: measured[0], Most: measured[len(measured)-1],
		})
	}
	return rows
}
