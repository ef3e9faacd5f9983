//go:build linux

// The harness itself: that a very small run fills every table.

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/bench/scale/trial"
)

func TestMain(m *testing.M) {
	if isWorker() {
		os.Exit(work(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestOptions(t *testing.T) {
	for args, problem := range map[string]string{
		"":                      "",
		"-quick -only fanout":   "",
		"-subscribers 1,16":     "",
		"-only fan":             "no such section",
		"-subscribers 0":        "numbers from 1",
		"-subscribers 1,5000":   "numbers from 1",
		"-subscribers 1,,2":     "numbers from 1",
		"-markdown a.md fanout": "unexpected argument",
	} {
		_, err := parse(strings.Fields(args))
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, want %q", args, err, problem)
		}
	}
}

func TestWorkerAnswersAndEnds(t *testing.T) {
	for input, code := range map[string]int{
		"":                     0, // its parent is gone
		`{"Role":"nothing"}`:   1,
		`{"Role":"floor","L`:   1,
		`{"Role":"publisher"}`: 1, // nowhere to connect to
	} {
		if got := work(strings.NewReader(input), io.Discard, io.Discard); got != code {
			t.Errorf("worker with input %s ends with %d, want %d", input, got, code)
		}
	}
	dir, err := os.MkdirTemp("", "rb") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var in, out bytes.Buffer
	if err := json.NewEncoder(&in).Encode(setup{Role: roleFloor, Listen: filepath.Join(dir, "s")}); err != nil {
		t.Fatal(err)
	}
	if got := work(&in, &out, io.Discard); got != 0 || out.String() != "{}\n" {
		t.Errorf("floor ends with %d after %q", got, out.String())
	}
}

// The whole harness, so small that its figures mean nothing: 2 subscribers, 2 ms
// a round.
func TestEveryTable(t *testing.T) {
	runtime.LockOSThread() // as main does
	defer runtime.UnlockOSThread()
	saved := quick
	defer func() { quick = saved }()
	quick = scale{
		subscribers: []int{1, 2}, payloads: []int{124, 16 << 10}, rounds: 1, burst: 2 * time.Millisecond,
		paced: 20 * time.Millisecond, publishers: []int{3}, idle: []int{10}, channels: 20, mob: 10, starts: 1, settle: time.Millisecond,
		trial: trial.Scale{Rounds: 1, Deliveries: 64, Idle: 1, Pause: 20 * time.Millisecond, Fleet: 2, Most: 2, Masters: 2},
	}
	file := filepath.Join(t.TempDir(), "report.md")
	var out strings.Builder
	if err := run([]string{"-quick", "-markdown", file}, &out); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != out.String() {
		t.Errorf("the file is not what was printed (%v)", err)
	}
	for _, pattern := range []string{
		`## Fan-out on one channel`, `\|\s+2 \|\s+16 KiB \|\s+validated \|\s+[1-9]`, `floor \|`, `hop \|`,
		`(?s)1000 channels, spread.*2 \|\s+16 KiB \|\s+validated \|\s+[1-9].*## Latency`,
		`1000 channels, spread`, `Latency`, `16 \|\s+124 B \|\s+nats \|\s+[1-9]`, `Latency to NATS clients`, `20000 \|\s+hop`, `Publishing`, `3 \|\s+1 \|\s+validated \|\s+[1-9]`,
		`16 \|\s+kept \|\s+[1-9]`, `relay \| one is stuck`, `validated \| one is stuck`,
		`a reader is stopped \|\s+validated \|\s+[1-9]`, `very many channels \|\s+validated \|\s+[1-9]`,
		`clients come at once \|\s+validated \|\s+[1-9]`, `invalid messages \|\s+validated \|\s+[1-9]`,
		`to be examined \|\s+validated \|\s+[1-9]`,
		`16 \|\s+beside features \|\s+[1-9]`, `renamed \|\s+[1-9]`, `on another Redis \|\s+[1-9]`, `mirrored \|\s+[1-9]`,
		`redis.prefix \|\s+[1-9]`, `(?s)## Refused messages that are kept.*dead letters \|\s+[1-9].*## Two Redises`,
		`main \|\s+stopped \|\s+[1-9]`, `eu \|\s+started again \|\s+[1-9]`, `eu \|\s+continued \|\s+[1-9]`,
		`(?s)## Publishing beside a flood.*8\.2\.\d+ \|\s+validated \|\s+[1-9]`,
		`RedisWrite: .*µs`, `BusHead: .* 2.26e\+03 B \|`, `relays, 2 x 8, 300 B, 1 at once \|\s+messages out, a publish \|\s+2  \|\s+2  \|\s+\+0.0 % \|`,
		`10 idle subscribers`, `20 channels`, `start to ready`,
		// A target of each table that a small run can fill, with each Redis.
		`table \|\s+row \|\s+column \|\s+target \|\s+8\.2\.\d+ \|\s+\d\S+ \|\n`,
		`1, 124 B, validated \|\s+x direct \|\s+>= 1.00 \|.* (met|missed) \|.* (met|missed) \|`,
		`1, 1000, validated \|\s+p50 \+ \|\s+<= \+10.0 \|.* (met|missed) \|.* (met|missed) \|`,
		`flood \|\s+validated \|\s+p50 \|\s+<= 250 \|.* (met|missed) \|.* (met|missed) \|`,
		`stopped, validated \|\s+x quiet \|\s+<= 2.00 \|.* (met|missed) \|\s+open \|`,
		`document.json \|\s+check \|\s+<= 130 ns \|`, `idle \|\s+relay \|\s+<= 15.0 MiB \|`,
		`start to ready \|\s+relay \|\s+<= 50.0 ms \|.* (met|missed) \|`,
		`commit \S+; .go run ./relay/bench -quick`,
	} {
		if !regexp.MustCompile(pattern).MatchString(out.String()) {
			t.Errorf("nothing like %s in\n%s", pattern, out.String())
		}
	}
	if strings.Contains(out.String(), "NaN") {
		t.Errorf("a figure is not a number:\n%s", out.String())
	}
}
