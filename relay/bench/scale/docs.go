package main

// The tables and pictures of docs/scaling.md.

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"redis-relay/relay/bench/scale/chart"
	"redis-relay/relay/bench/scale/model"
)

const page = "scaling.md"

// writeDocs writes what is calculated in the page, and its pictures, anew.
func writeDocs(folder string) error {
	file := filepath.Join(folder, page)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = filled(text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	for name, picture := range pictures() {
		if err := os.WriteFile(filepath.Join(folder, name), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// filled is the page with all parts that are calculated. They stand between two comments:
//
//	<!-- calculated: constants -->
//	<!-- end -->
func filled(text []byte) ([]byte, error) {
	const end = "<!-- end -->"
	for _, p := range parts() {
		begin := "<!-- calculated: " + p.name + " -->\n"
		before, rest, ok := bytes.Cut(text, []byte(begin))
		_, after, closed := bytes.Cut(rest, []byte(end))
		if !ok || !closed {
			return nil, fmt.Errorf("no place for %s", p.name)
		}
		text = bytes.Join([][]byte{before, []byte(begin), []byte("\n"), p.text, []byte("\n" + end), after}, nil)
	}
	return text, nil
}

// part is one that is calculated.
type part struct {
	name string
	text []byte
}

// worked is the example that the page works through, as on the command line.
const worked = "-hosts 150 -processes 12 -channels 20 -rate 700 -rate-per-host 20 -size 400"

func parts() (all []part) {
	add := func(name string, write func(*bytes.Buffer)) {
		var b bytes.Buffer
		write(&b)
		all = append(all, part{name, b.Bytes()})
	}
	add("constants", func(b *bytes.Buffer) { constants(b) })
	add("worked", func(b *bytes.Buffer) {
		if err := run(strings.Fields(worked), b, io.Discard); err != nil {
			panic(err) // a mistake in this program
		}
	})
	add("full", func(b *bytes.Buffer) { table(b, fullHosts()) })
	for _, e := range model.Examples {
		add(e.Name, func(b *bytes.Buffer) { table(b, curves(e)) })
	}
	return all
}

// fullHosts says of each example in which topology what is full first.
func fullHosts() [][]string {
	lines := [][]string{heads("deployment", model.Examples[0].Deployment)}
	for _, e := range model.Examples {
		line := []string{e.Name}
		for _, t := range model.Topologies {
			first, hosts := model.First(t, e.Deployment, model.Typical)
			words := "-"
			if hosts <= model.MostHosts {
				words = fmt.Sprintf("%d: %s", hosts, first.Name)
			}
			line = append(line, words)
		}
		lines = append(lines, line)
	}
	return lines
}

// curves are some points of the curves of an example, in text.
func curves(e model.Example) [][]string {
	lines := [][]string{heads("hosts, figure", e.Deployment)}
	for _, hosts := range []int{10, 100, 1000, 10000} {
		for _, r := range shown {
			line := []string{fmt.Sprintf("%d, %s", hosts, r.name)}
			for _, t := range model.Topologies {
				line = append(line, r.words(r.of(model.Of(t, e.On(hosts)))))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// shown are the figures that have curves.
var shown = []row{
	{"egress and bus", func(l model.Load) float64 { return l.Server.Egress + l.Server.Bus }, perSecond},
	{"CPU of Redis, at least", func(l model.Load) float64 { return l.Server.LeastCPU }, digits},
	{"connections", func(l model.Load) float64 { return l.Server.Connections }, count},
	{"memory of Redis", func(l model.Load) float64 { return l.Server.Memory }, size},
}

// pictures are those of the examples, by their names.
func pictures() map[string][]byte {
	all := map[string][]byte{}
	for _, e := range model.Examples {
		all["scaling-"+e.Name+".svg"] = chart.SVG(
			fmt.Sprintf("%s: egress, CPU, connections and memory of each redis-server, by hosts", e.Name),
			[]chart.Panel{
				panel(e, "egress and bus, bytes/s", shown[0], .7*model.Typical.Network/8),
				panel(e, "CPU of Redis at least, s/s", shown[1], .7),
				panel(e, "connections", shown[2], model.Typical.Clients),
				panel(e, "memory for clients and channels, bytes", shown[3], 0),
			})
	}
	return all
}

func panel(e model.Example, title string, r row, limit float64) chart.Panel {
	p := chart.Panel{Title: title, X: "hosts", Limit: limit}
	for _, t := range model.Topologies {
		l := chart.Line{Name: t.String()}
		for _, hosts := range model.Hosts() {
			l.X = append(l.X, float64(hosts))
			l.Y = append(l.Y, r.of(model.Of(t, e.On(hosts))))
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}
