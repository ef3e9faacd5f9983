//go:build linux

// The harness itself: that it counts right, and that a very small run fills every
// table.

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/schema"
)

func TestMain(m *testing.M) {
	if isWorker() {
		os.Exit(work(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestPayloadIsAChatMessageOfItsSize(t *testing.T) {
	set, err := schema.Load("../../schemas", "")
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker("chat.json", "type")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range append(full.payloads, minPayload) {
		p := payload(size)
		if len(p) != size {
			t.Errorf("payload(%d) has %d bytes", size, len(p))
		}
		if _, err := checker.Check(p); err != nil {
			t.Errorf("payload(%d) is refused: %v", size, err)
		}
	}
}

// A frame must be what redis-server sends, or bytes are counted wrongly.
func TestFrameIsWhatRedisSends(t *testing.T) {
	redis := redistest.Start(t)
	c := redistest.Dial(t, "unix", redis.Socket())
	name, body := channel(prefixDirect, 7), payload(200)
	c.Send("SUBSCRIBE", name)
	c.Expect(t, "[subscribe "+name+" 1]")
	redis.MustDo("PUBLISH", name, string(body))
	c.Expect(t, "[message "+name+" "+string(body)+"]")

	var d resp.Delivery
	b := frame(name, body)
	if tok, n, err := resp.ScanServer(b, &d); tok != resp.IsDelivery || n != len(b) || err != nil {
		t.Fatalf("frame is no delivery: %v, %d of %d bytes, %v", tok, n, len(b), err)
	}
	for _, p := range []string{prefixBare, prefixChat, prefixKept, prefixHop} {
		if got := len(frame(channel(p, 999999), body)); got != len(b) {
			t.Errorf("frame on %s has %d bytes, on %s %d", p, got, prefixDirect, len(b))
		}
	}
}

// A frame must be what a NATS server sends, too.
func TestFrameIsWhatNATSSends(t *testing.T) {
	address, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newNATSServer(setup{Listen: address}); err != nil { // it ends with the tests
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address) // dialNATS would keep a processor from the server, which is in this process
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	name, body := channel(prefixNATS, 7), payload(200)
	hello := fmt.Appendf(nil, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\n", subject(name))
	if _, err := conn.Write(append(hello, natsPublish(name, string(body))...)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil { // INFO
		t.Fatal(err)
	}
	want := natsFrame(name, body)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStamp(t *testing.T) {
	for _, b := range [][]byte{frame("c", payload(124)), command("PUBLISH", "c", string(payload(124)))} {
		at := stampAt(b)
		for _, want := range []int64{0, 1, 0x123456789abcdef, math.MaxInt64} {
			putStamp(b[at:], want)
			if got, err := readStamp(b[at:]); got != want || err != nil {
				t.Errorf("stamp %d came back as %d, %v", want, got, err)
			}
		}
	}
}

func TestHistogramKnowsQuantiles(t *testing.T) {
	h := newHistogram()
	if got := h.quantile(.5); got != 0 {
		t.Errorf("median of nothing is %v", got)
	}
	for i := range int64(10000) {
		h.add(i * 1000)
	}
	h.merge(h)
	if h.total() != 20000 {
		t.Errorf("total is %d", h.total())
	}
	for _, q := range []float64{0, .001, .5, .99, .999} {
		got, want := h.quantile(q), q*1e7
		if math.Abs(got-want) > want/steps+1000 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if got, want := h.quantile(1), 9999e3; math.Abs(got-want) > want/steps {
		t.Errorf("the longest is %v, want about %v", got, want)
	}
	h.add(-1) // clocks of two processors may differ a little
	h.add(math.MaxInt64)
}

func TestTallyCountsRounds(t *testing.T) {
	tally := newTally(2)
	for i, step := range []struct {
		round int
		last  bool
	}{{0, false}, {1, false}, {0, true}, {2, false}, {1, true}, {2, true}} {
		if got := tally.received(step.round); got != step.last {
			t.Errorf("step %d, round %d: %v", i, step.round, got)
		}
	}
}

func TestAcksWaitForTheSlowest(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	fd := int(r.Fd()) // which makes it block
	// A worker that blocks holds its whole process up, and this one is not a worker: what
	// it would wait for is an error here.
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	a := newAcks(fd, 2)
	for range window {
		if err := a.send(); err != nil { // nothing to wait for
			t.Fatal(err)
		}
	}
	// Worker 0 is done with both rounds and worker 7 is nobody's: not enough.
	if _, err := w.Write([]byte{0, 0, 7, 7, 7}); err != nil {
		t.Fatal(err)
	}
	if err := a.send(); !errors.Is(err, syscall.EAGAIN) {
		t.Fatal("does not wait, over the window: ", err)
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := a.until(a.sent - window); err != nil {
		t.Fatal(err)
	}
	if got := a.slowest(); got != 1 {
		t.Errorf("slowest has %d rounds, want 1", got)
	}
}

func TestInterest(t *testing.T) {
	for _, tt := range []struct {
		in         interest
		subscriber int
		want       string
	}{
		{interest{channels: 1}, 5, "[a000000 b000000]"},
		{interest{channels: 5, step: 2}, 0, "[a000000 a000002 a000004 b000000 b000002 b000004]"},
		{interest{channels: 5, step: 2}, 1, "[a000001 a000003 b000001 b000003]"},
	} {
		if got := fmt.Sprint(tt.in.of(tt.subscriber, []string{"a", "b"})); got != tt.want {
			t.Errorf("%+v of %d: %s, want %s", tt.in, tt.subscriber, got, tt.want)
		}
	}
}

func TestProcessesOfACrowd(t *testing.T) {
	for n, want := range map[int]string{
		1: "[1]", 3: "[1 1 1]", 16: "[4 4 4 4]", 65: "[17 16 16 16]", 257: "[52 52 51 51 51]",
	} {
		if got := fmt.Sprint(split(n, workersFor(n))); got != want {
			t.Errorf("%d subscribers: %s, want %s", n, got, want)
		}
	}
}

func TestTableIsMarkdown(t *testing.T) {
	x := &table{title: "T", notes: []string{"note"}, keys: []string{"µs"}, columns: []string{"a", "long"}}
	x.add([]any{12}, figureOf([]float64{4, 1, 3, 2}, count), figure{})
	var b strings.Builder
	if err := x.write(&b, "here"); err != nil {
		t.Fatal(err)
	}
	const want = "## T\n\nnote\n\n| µs |        a | long |\n|---:|---------:|-----:|\n| 12 | 2 (1..4) |    - |\n\nhere\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTargetsAreJudgedByTheMedian(t *testing.T) {
	saved := targets
	defer func() { targets = saved }()
	targets = []target{
		{"T", "1, b", "up", atLeast, 2},
		{"T", "1, b", "down", atMost, 2},
		{"T", "2, b", "down", atMost, 2},
		{"U", "1, b", "down", atMost, 2},
	}
	x := &table{title: "T", keys: []string{"n", "variant"}, columns: []string{"up", "down"}}
	x.add([]any{1, "a"}, exactly(9, ratio), exactly(9, ratio))
	x.add([]any{1, "b"}, figureOf([]float64{1, 2, 9}, ratio), exactly(2.1, ratio))
	var got []string
	for _, line := range x.lines() {
		got = append(got, line[len(line)-1])
	}
	if want := "target||up >= 2.00: met; down <= 2.00: missed"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s := summary([]*table{x, {title: "V"}})
	if got, want := fmt.Sprint(s.lines()[1:]),
		"[[T 1, b up >= 2.00 2.00 (1.00..9.00) met] [T 1, b down <= 2.00 2.10 missed] [T 2, b down  - open]]"; got != want {
		t.Errorf("summary is %s, want %s", got, want)
	}
	if s := summary([]*table{{title: "V"}}); s != nil {
		t.Errorf("a summary of nothing: %v", s)
	}
}

func TestLossesSayWhoAndHowMany(t *testing.T) {
	for want, all := range map[string][]progress{
		"0 messages were lost: ": {{20, 10}, {20, 10}},
		"3 messages were lost: subscriber 1 lost 2 of 30, subscriber 2 lost 1 of 30":   {{30, 10}, {28, 10}, {29, 10}},
		"11 messages were lost: subscriber 0 lost 1 of 20, subscriber 1 lost 10 of 20": {{19, 10}, {10, 10}},
		// Each has channels of its own.
		"1 messages were lost: subscriber 0 lost 1 of 40": {{39, 20}, {20, 10}, {0, 0}},
	} {
		if got := losses(all); got != want {
			t.Errorf("%v: %q, want %q", all, got, want)
		}
	}
	if got := losses(slices.Repeat([]progress{{9, 10}}, 12)); !strings.HasSuffix(got, "subscriber 7 lost 1 of 10 and 4 others") {
		t.Errorf("too many to name: %q", got)
	}
}

// A subscriber must notice what the count of bytes cannot show.
func TestSubscriberLooksAtStamps(t *testing.T) {
	one := frame("c", payload(200))
	for name, tt := range map[string]struct {
		stamps []int64
		bad    bool
	}{
		"two rounds":   {[]int64{0, 1, 2, 0, 1, 2}, false},
		"own channels": {[]int64{0, 4, 9, 0, 4, 9}, false},
		"lost":         {[]int64{0, 2, 0, 1, 2}, true},
		"repeated":     {[]int64{0, 1, 1}, true},
		"out of order": {[]int64{1, 0, 2}, true},
	} {
		s := &subscriber{expect: expectation{Frame: len(one), StampAt: stampAt(one)}}
		c := &conn{round: int64(3 * len(one)), last: -1}
		var all []byte
		for _, stamp := range tt.stamps {
			b := slices.Clone(one)
			putStamp(b[stampAt(b):], stamp)
			all = append(all, b...)
		}
		var err error
		for piece := range slices.Chunk(all, len(one)+7) {
			if err == nil {
				err = s.look(c, append(c.part, piece...))
			}
		}
		if (err != nil) != tt.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSubscriberTellsHowFarItIs(t *testing.T) {
	c := &conn{}
	s := &subscriber{conns: []*conn{c}, latencies: newHistogram()}
	if err := s.prepareLocked(expectation{Frame: 10, Round: 4}); err != nil {
		t.Fatal(err)
	}
	c.rounds, c.left = 2, 15 // 2 messages and a half of the third round
	if got, want := s.reportLocked().Progress, []progress{{10, 4}}; !slices.Equal(got, want) {
		t.Errorf("progress is %v, want %v", got, want)
	}
	if err := s.prepareLocked(expectation{Frame: 10, Round: 4}); err == nil {
		t.Error("what came beyond the last round was not noticed")
	}
}

func TestReadsBenchmarks(t *testing.T) {
	got := readCosts(`
BenchmarkCheck/chat.json-2      	     100	       312.5 ns/op	 396.72 MB/s	       0 B/op	       0 allocs/op
BenchmarkCheck/chat.json-2      	     100	       310 ns/op	 396.72 MB/s	       0 B/op	       0 allocs/op
BenchmarkExamine/chat.json     	     100	      4400 ns/op	    1234 B/op	      70 allocs/op
BenchmarkOther/chat.json-2      	     100	         1 ns/op	       0 B/op	       0 allocs/op
`)
	check, library := got["Check"]["chat.json"], got["Examine"]["chat.json"]
	if check == nil || library == nil {
		t.Fatalf("read %v", got)
	}
	if s := fmt.Sprint(*check, *library); s != "{[312.5 310] [0 0]} {[4400] [70]}" {
		t.Errorf("read %s", s)
	}
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
		paced: 20 * time.Millisecond, publishers: []int{3}, idle: []int{10}, channels: 20, starts: 1, settle: time.Millisecond,
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
		`16 \|\s+kept \|\s+[1-9]`, `relay \| one is stuck`, `validated \| one is stuck`, `validated \|\s+a storm \|\s+[0-9]`,
		`10 idle subscribers`, `20 channels`, `start to ready`,
		// A target of each table that a small run can fill.
		`1, 124 B, validated \|\s+x direct \|\s+>= 0.95 \|`, `1, 1000, validated \|\s+p50 \+ \|\s+<= \+15.0 \|`,
		`document.json \|\s+check \|\s+<= 400 ns \|`, `idle \|\s+relay \|\s+<= 15.0 MiB \|`,
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
