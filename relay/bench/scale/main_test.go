package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const docs = "../../../docs"

// The page has what is calculated now.
func TestPageIsUpToDate(t *testing.T) {
	again := "; run `go run ./relay/bench/scale -docs docs`"
	text, err := os.ReadFile(filepath.Join(docs, page))
	if err != nil {
		t.Fatal(err)
	}
	if want, err := filled(text); err != nil || !bytes.Equal(text, want) {
		t.Errorf("docs/%s is not what is calculated (%v)%s", page, err, again)
	}
	if !bytes.Contains(text, []byte("go run ./relay/bench/scale "+worked+"\n")) {
		t.Errorf("docs/%s does not say how to get the example", page)
	}
	for name, want := range pictures() {
		if got, err := os.ReadFile(filepath.Join(docs, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what is drawn (%v)%s", name, err, again)
		}
		if !bytes.Contains(text, []byte("]("+name+")")) {
			t.Errorf("docs/%s does not show %s", page, name)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"":                                "100 hosts with 8 processes",
		"-hosts 7 -processes 3 -size 100": "7 hosts with 3 processes",
		"-example rooms -hosts 30":        "6000 channels; each process listens to 500 of them. 3000 messages a second",
		"-example feed -rate 10 -hosts 4": "4 hosts with 8 processes. 100 channels; each process listens to all channels. 10",
		"-constants":                      "CPU of redis-server",
	} {
		var out strings.Builder
		if err := run(strings.Fields(args), &out, io.Discard); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%q: %v, want %q in\n%s", args, err, want, out.String())
		}
		if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
			t.Errorf("%q: a number is none:\n%s", args, out.String())
		}
	}
	for args, want := range map[string]string{
		"-hosts 0":            "hosts",
		"-example none":       "no such example",
		"more":                "unexpected argument",
		"-speed 0":            "speed",
		"-subscriptions 1000": "subscriptions",
	} {
		if err := run(strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		count(7): "7", count(9999): "9999", count(12345): "12.3 k", count(5.678e6): "5.68 M", count(.25): "0.25",
		size(66): "66 B", size(2263): "2.26 kB", size(33.6e6): "33.6 MB",
		bits(1.25e9): "10 Gbit/s", wait(.005): "5 ms", wait(1e6): "for ever",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
