// This file tests the splitting of commands: by table, in any chunks, at the limits, and for what it costs in memory.

package resp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// commandTests are whole inputs, checked against a Redis 7.0 where it has the same limits.
var commandTests = []struct {
	name    string
	input   string
	maxBulk int
	want    []string // as formatCommand
	err     string   // without "Protocol error: "
}{
	{name: "multibulk", input: "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n", want: []string{`["ECHO" "hello"]`}},
	{
		name:  "pipeline",
		input: "*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n",
		want:  []string{`["PING"]`, `["PING"]`, `["QUIT"]`},
	},
	{name: "any bytes", input: "*2\r\n$1\r\n\x00\r\n$5\r\n\r\n*1\xff\r\n", want: []string{`["\x00" "\r\n*1\xff"]`}},
	{name: "empty arguments", input: "*2\r\n$0\r\n\r\n$0\r\n\r\n", want: []string{`["" ""]`}},
	{
		name:  "no commands",
		input: "\r\n\n*0\r\n*-1\r\n  \t\r\n*-9223372036854775808\r\nPING\n",
		want:  []string{`["PING"]`},
	},
	{name: "unchecked line ends", input: "*1\rX$4\rYPINGZZPING\r\n", want: []string{`["PING"]`, `["PING"]`}},
	{name: "unfinished", input: "PING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhell", want: []string{`["PING"]`}},
	{name: "unfinished line", input: "PING\r\n*1\r", want: []string{`["PING"]`}},

	{
		name: "oversize", maxBulk: 4,
		input: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nPING\n",
		want:  []string{`["SET" "k" ""] 5`, `["PING"]`},
	},
	{
		name: "oversize twice", maxBulk: 4,
		input: "*4\r\n$6\r\nhello!\r\n$7\r\nhello!!\r\n$4\r\nfour\r\n$5\r\nhello\r\n*1\r\n$1\r\na\r\n",
		want:  []string{`["" "" "four" ""] 7`, `["a"]`},
	},
	{
		name: "oversize inline", maxBulk: 4,
		input: "hello! four hello\nPING\n",
		want:  []string{`["" "four" ""] 6`, `["PING"]`},
	},

	{name: "inline", input: "  set  key\tvalue \r\n", want: []string{`["set" "key" "value"]`}},
	{name: "inline NUL", input: "echo a\x00b \x00\n", want: []string{`["echo" "a\x00b" "\x00"]`}},
	{name: "inline star inside", input: "echo *1\r\n", want: []string{`["echo" "*1"]`}},
	{name: "inline carriage returns", input: "a\rb\r\r\n", want: []string{`["a" "b"]`}},
	{name: "inline vertical tab", input: "\x0ba\x0bb\x0b\n\"c\"\x0b\n", want: []string{`["a\vb\v"]`, `["c"]`}},
	{
		name:  "double quotes",
		input: `echo "a\x41\n\r\t\b\a\q\"b" ""` + "\n",
		want:  []string{`["echo" "aA\n\r\t\b\aq\"b" ""]`},
	},
	{name: "hex escapes", input: `"\xfF\x4g\x4"` + "\n", want: []string{`["\xffx4gx4"]`}},
	{name: "single quotes", input: `echo 'a\'b\n\x41"' ''` + "\n", want: []string{`["echo" "a'b\\n\\x41\"" ""]`}},
	{name: "quotes begin within a word", input: `a"b c" a'b c'` + "\n", want: []string{`["ab c" "ab c"]`}},
	{name: "bare backslash", input: `a\nb\` + "\n", want: []string{`["a\\nb\\"]`}},
	{
		name:  "quotes end within a word",
		input: "PING\n" + `"a"b` + "\n",
		want:  []string{`["PING"]`}, err: "unbalanced quotes in request",
	},
	{name: "open double quotes", input: `"a` + "\n", err: "unbalanced quotes in request"},
	{name: "open single quotes", input: `echo 'a` + "\n", err: "unbalanced quotes in request"},
	{name: "escaped closing quote", input: `"a\"` + "\n", err: "unbalanced quotes in request"},
	{name: "backslash before the line end", input: `"a\` + "\n", err: "unbalanced quotes in request"},

	{name: "not a bulk", input: "PING\n*1\r\nfoo\r\n", want: []string{`["PING"]`}, err: "expected '$', got 'f'"},
	{name: "empty bulk line", input: "*1\r\n\r\n", err: "expected '$', got '\r'"},
	{name: "integer for a bulk", input: "*2\r\n$1\r\na\r\n:1\r\n", err: "expected '$', got ':'"},
	{name: "count is a word", input: "*x\r\n", err: "invalid multibulk length"},
	{name: "count is empty", input: "*\r\n", err: "invalid multibulk length"},
	{name: "count is a sign", input: "*-\r\n", err: "invalid multibulk length"},
	{name: "count has a leading zero", input: "*01\r\n", err: "invalid multibulk length"},
	{name: "count is minus zero", input: "*-0\r\n", err: "invalid multibulk length"},
	{name: "count has a plus", input: "*+1\r\n", err: "invalid multibulk length"},
	{name: "count has a space", input: "* 1\r\n", err: "invalid multibulk length"},
	{name: "count has a NUL", input: "*1\x00\r\n", err: "invalid multibulk length"},
	{name: "count beyond the limit", input: "*1048577\r\n", err: "invalid multibulk length"},
	{name: "count 1000000000", input: "*1000000000\r\n", err: "invalid multibulk length"},
	{name: "count beyond 64 bits", input: "*18446744073709551617\r\n", err: "invalid multibulk length"},
	{name: "count below 64 bits", input: "*-9223372036854775809\r\n", err: "invalid multibulk length"},
	{name: "negative bulk", input: "*1\r\n$-1\r\n", err: "invalid bulk length"},
	{name: "bulk of no length", input: "*1\r\n$\r\n", err: "invalid bulk length"},
	{name: "bulk beyond the limit", input: "*1\r\n$536870913\r\n", err: "invalid bulk length"},
	{name: "bulk of 600 MB", input: "*1\r\n$629145600\r\n", maxBulk: 4, err: "invalid bulk length"},
}

func TestCommands(t *testing.T) {
	for _, tt := range commandTests {
		t.Run(tt.name, func(t *testing.T) {
			for cut := range len(tt.input) + 1 {
				r := reader{Commands: Commands{MaxBulk: tt.maxBulk}}
				r.read(tt.input[:cut])
				r.read(tt.input[cut:])
				r.check(t, fmt.Sprintf("cut at %d", cut), tt.want, tt.err)
			}
			r := reader{Commands: Commands{MaxBulk: tt.maxBulk}}
			for i := range len(tt.input) {
				r.read(tt.input[i : i+1])
			}
			r.check(t, "byte by byte", tt.want, tt.err)
		})
	}
}

func TestCommandsLongLines(t *testing.T) {
	long := strings.Repeat("1", MaxInline)
	for _, tt := range []struct{ name, input, err string }{
		{"inline at the limit", long, ""},
		{"inline beyond", long + "1", "too big inline request"},
		{"whole inline at the limit", long + "\n", ""},
		{"whole inline beyond", long + "1\n", "too big inline request"},
		{"count at the limit", "*" + long[1:], ""},
		{"count beyond", "*" + long, "too big mbulk count string"},
		{"whole count beyond", "*" + long + "\r\n", "too big mbulk count string"},
		{"bulk length at the limit", "*1\r\n$" + long[1:], ""},
		{"bulk length beyond", "*1\r\n$" + long, "too big bulk count string"},
	} {
		for _, chunk := range []int{1, 1000, len(tt.input)} {
			var r reader
			r.readInChunks(tt.input, chunk)
			if got := r.errText(); got != tt.err {
				t.Errorf("%s, in chunks of %d: error %q, want %q", tt.name, chunk, got, tt.err)
			}
		}
	}
}

func TestCommandsErrorIsTheLastWord(t *testing.T) {
	var r reader
	r.read("*x\r\n")
	first := r.err
	r.read("PING\r\n")
	var protocolError *ProtocolError
	if !errors.As(r.err, &protocolError) || !errors.Is(r.err, first) || len(r.got) != 0 {
		t.Errorf("after the error: commands %v, error %v, want the same *ProtocolError only", r.got, r.err)
	}
}

// TestCommandsPipeline sends commands of all sizes in chunks of all sizes, so that they meet every way the buffer can
// fill up, move and grow.
func TestCommandsPipeline(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var input []byte
	var want []string
	for range 500 {
		args := make([]string, 1+rnd.IntN(4))
		for i := range args {
			args[i] = strings.Repeat(string(rune('a'+rnd.IntN(26))), rnd.IntN(1<<rnd.IntN(17)))
		}
		input = appendCommand(input, args...)
		want = append(want, formatCommand(Command{Args: byteSlices(args)}))
	}
	for _, maxChunk := range []int{7, 5000, 100_000} {
		var r reader
		for rest := string(input); rest != ""; {
			n := min(1+rnd.IntN(maxChunk), len(rest))
			r.read(rest[:n])
			rest = rest[n:]
			if rnd.IntN(8) == 0 {
				r.Release()
			}
		}
		r.check(t, fmt.Sprintf("chunks up to %d", maxChunk), want, "")
		if r.Buffered() != 0 {
			t.Errorf("chunks up to %d: %d bytes are left over", maxChunk, r.Buffered())
		}
	}
}

// TestCommandsManyArgs sends commands of many arguments: all are read, and no memory of that size is kept.
func TestCommandsManyArgs(t *testing.T) {
	for _, args := range []int{100_000, MaxArgs} {
		input := fmt.Sprintf("*%d\r\n", args) + strings.Repeat("$1\r\na\r\n", args)
		var r reader
		got := 0
		r.onCommand = func(cmd Command) { got = len(cmd.Args) }
		r.readInChunks(input, 10_000)
		if got != args || r.err != nil {
			t.Fatalf("got %d arguments and error %v, want %d and none", got, r.err, args)
		}
		r.Space()
		if n := max(cap(r.buf.args), cap(r.buf.spans)); n > maxKeptArgs {
			t.Errorf("%d arguments: room for %d is kept, want at most %d", args, n, maxKeptArgs)
		}
		if len(r.buf.data) > maxPooled {
			t.Errorf("%d arguments: a buffer of %d bytes is kept, want at most %d", args, len(r.buf.data), maxPooled)
		}
	}
}

// TestCommandsSteadyStateStaysSmall reads much of what is small, with buffers full to the brim and with buffers empty.
func TestCommandsSteadyStateStaysSmall(t *testing.T) {
	for _, chunk := range []int{14, 1 << 20} {
		var r reader
		r.onCommand = func(Command) {}
		r.readInChunks(strings.Repeat("*1\r\n$4\r\nPING\r\n", 100_000), chunk)
		if r.count != 100_000 || r.err != nil {
			t.Fatalf("%d commands, error %v", r.count, r.err)
		}
		if len(r.buf.data) != minBuffer || cap(r.buf.args) > 2*minBuffer/14 {
			t.Errorf("in chunks of %d: a buffer of %d bytes for %d arguments is in use, want %d bytes",
				chunk, len(r.buf.data), cap(r.buf.args), minBuffer)
		}
	}
}

// TestCommandsSearchesLinesOnce plants line ends where no search may come again.
func TestCommandsSearchesLinesOnce(t *testing.T) {
	for input, rest := range map[string]string{"PI..": "NG\n", "*1..": "11\r\n"} {
		var c Commands
		c.Wrote(copy(c.Space(), input))
		if _, ok, err := c.Next(); ok || err != nil {
			t.Fatalf("%q: %v, %v", input, ok, err)
		}
		copy(c.buf.data[2:], "\r\n")
		c.Wrote(copy(c.Space(), rest[:1]))
		if _, ok, err := c.Next(); ok || err != nil {
			t.Errorf("%q: %v, %v: the line was searched from its start again", input, ok, err)
		}
	}
}

// TestCommandsByteByByteIsLinear would take hours if a partial command were looked at from its start again.
func TestCommandsByteByByteIsLinear(t *testing.T) {
	const args = 100_000
	input := fmt.Sprintf("*%d\r\n", args) + strings.Repeat("$0\r\n\r\n", args)
	start := time.Now()
	var c Commands
	for i := range len(input) {
		c.Space()[0] = input[i]
		c.Wrote(1)
		cmd, ok, err := c.Next()
		if last := i == len(input)-1; err != nil || ok != last || last && len(cmd.Args) != args {
			t.Fatalf("after byte %d: %d arguments, %v, %v", i, len(cmd.Args), ok, err)
		}
		if i%100_000 == 0 && time.Since(start) > time.Minute {
			t.Fatalf("%d bytes took %v", i, time.Since(start))
		}
	}
}

func TestCommandsTooBig(t *testing.T) {
	half := MaxCommand / 2
	huge := strings.Repeat("x", half)
	var r reader
	r.onCommand = func(Command) {}
	r.readInChunks(fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n", half, huge, half-100)+huge[:half-100]+"\r\n", 1<<20)
	if r.count != 1 || r.err != nil {
		t.Fatalf("at the limit: %d commands and error %v, want 1 and none", r.count, r.err)
	}
	r.readInChunks(fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n", half, huge, half), 1<<20)
	if want := errCommandLength.Reason; r.errText() != want {
		t.Errorf("beyond the limit: error %q, want %q", r.errText(), want)
	}
}

// TestCommandsSkipsOversize sends an argument of 512 MiB, the largest there may be, through a buffer of 16 KiB.
func TestCommandsSkipsOversize(t *testing.T) {
	c := Commands{MaxBulk: 1 << 20}
	write := func(s string) {
		c.Wrote(copy(c.Space(), s))
	}
	write("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$536870912\r\n")
	for left := maxBulk; left > 0; {
		if cmd, ok, err := c.Next(); ok || err != nil {
			t.Fatalf("with %d bytes to come: %v, %v, %v", left, formatCommand(cmd), ok, err)
		}
		n := min(len(c.Space()), left)
		c.Wrote(n)
		left -= n
	}
	write("\r\nPING\r\n")
	for _, want := range []string{`["PUBLISH" "c" ""] 536870912`, `["PING"]`} {
		if cmd, ok, err := c.Next(); !ok || err != nil || formatCommand(cmd) != want {
			t.Errorf("got %v, %v, %v, want %v", formatCommand(cmd), ok, err, want)
		}
	}
	if len(c.buf.data) != minBuffer {
		t.Errorf("the buffer grew to %d bytes", len(c.buf.data))
	}
}

func TestCommandsWithoutMaxBulk(t *testing.T) {
	var r reader
	r.read(fmt.Sprintf("*1\r\n$%d\r\n", MaxCommand+1))
	r.readInChunks(strings.Repeat("x", MaxCommand+1)+"\r\nPING\r\n", 1<<20)
	r.check(t, "an argument of more than a whole command", []string{fmt.Sprintf(`[""] %d`, MaxCommand+1), `["PING"]`}, "")
}

// TestCommandsAnnouncementsCostNothing proves that memory is taken for what came, not for what is said to come.
func TestCommandsAnnouncementsCostNothing(t *testing.T) {
	for _, input := range []string{
		"*1000000\r\n",
		"*1000000\r\n$1000\r\n",
		"*2\r\n$1\r\na\r\n$60000000\r\n",
		"*2\r\n$1\r\na\r\n$536870912\r\n",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var c Commands
		c.Wrote(copy(c.Space(), input))
		if _, ok, err := c.Next(); ok || err != nil {
			t.Fatalf("%q: got %v, %v, want to read on", input, ok, err)
		}
		c.Space()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 4*minBuffer {
			t.Errorf("%q took %d bytes of memory", input, n)
		}
	}
}

func TestCommandsRelease(t *testing.T) {
	var c Commands
	c.Release()
	c.Wrote(0)
	c.Wrote(copy(c.Space(), "PING\r\nEC"))
	if _, ok, _ := c.Next(); !ok {
		t.Fatal("no command")
	}
	c.Release()
	if c.Buffered() != 2 {
		t.Fatalf("%d bytes are buffered, want 2", c.Buffered())
	}
	c.Wrote(copy(c.Space(), "HO a\r\n"))
	cmd, ok, err := c.Next()
	if got := formatCommand(cmd); !ok || err != nil || got != `["ECHO" "a"]` {
		t.Fatalf("after a release with partial input: %v, %v, %v", got, ok, err)
	}
	c.Release()
	if c.buf != nil {
		t.Error("a buffer is kept with nothing in it")
	}
	if _, ok, err := c.Next(); ok || err != nil {
		t.Errorf("Next without a buffer: %v, %v", ok, err)
	}
}

func TestCommandsWrotePanics(t *testing.T) {
	for _, n := range []int{-1, minBuffer + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Wrote(%d) did not panic", n)
				}
			}()
			var c Commands
			c.Space()
			c.Wrote(n)
		}()
	}
}

func TestCommandsDoNotAllocate(t *testing.T) {
	for _, bb := range commandBenchmarks {
		c := Commands{MaxBulk: 1 << 20}
		pass := func() { readPass(t, &c, bb.input, bb.commands) }
		pass()
		if n := testing.AllocsPerRun(50, pass); n != 0 {
			t.Errorf("%s: %v allocations a pass, want 0", bb.name, n)
		}
	}
}

// FuzzCommands reads input whole and in the chunks that cuts says, which must come to the same.
func FuzzCommands(f *testing.F) {
	for _, tt := range commandTests {
		f.Add([]byte(tt.input), []byte{1, 2, 3}, uint16(tt.maxBulk))
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte, maxBulk uint16) {
		whole := reader{Commands: Commands{MaxBulk: int(maxBulk)}}
		whole.read(string(input))
		chunks := reader{Commands: Commands{MaxBulk: int(maxBulk)}}
		rest := string(input)
		for _, n := range cuts {
			k := min(int(n), len(rest))
			chunks.read(rest[:k])
			rest = rest[k:]
			chunks.Release()
		}
		chunks.read(rest)
		chunks.check(t, "in chunks", whole.got, whole.errText())
		if chunks.err == nil && chunks.Buffered() != whole.Buffered() {
			t.Errorf("%d bytes are left in chunks, %d in one", chunks.Buffered(), whole.Buffered())
		}
		for _, r := range []*reader{&whole, &chunks} {
			if r.buf != nil && len(r.buf.data) > max(minBuffer, 2*len(input)+2*minSpace) {
				t.Errorf("a buffer of %d bytes for an input of %d", len(r.buf.data), len(input))
			}
		}
	})
}

// FuzzCommandsRoundTrip encodes arguments and must read them back.
func FuzzCommandsRoundTrip(f *testing.F) {
	f.Add([]byte("PUBLISH"), []byte("chat:42"), []byte("{}\r\n\x00"), byte(3))
	f.Fuzz(func(t *testing.T, a, b, c []byte, chunk byte) {
		args := []string{string(a), string(b), string(c)}
		input := string(appendCommand(appendCommand(nil, args...), "PING"))
		var r reader
		r.readInChunks(input, int(chunk)+1)
		r.check(t, "round trip", []string{formatCommand(Command{Args: [][]byte{a, b, c}}), `["PING"]`}, "")
	})
}

var commandBenchmarks = []struct {
	name     string
	input    string
	commands int
}{
	{"ping", strings.Repeat("*1\r\n$4\r\nPING\r\n", 500), 500},
	{"inline", strings.Repeat("publish chat:42 hello\r\n", 500), 500},
	{"publish/64B", strings.Repeat(string(appendCommand(nil, "PUBLISH", "chat:42", strings.Repeat("x", 64))), 100), 100},
	{"publish/1KiB", strings.Repeat(string(appendCommand(nil, "PUBLISH", "chat:42", strings.Repeat("x", 1<<10))), 15), 15},
	{"publish/100KiB", string(appendCommand(nil, "PUBLISH", "chat:42", strings.Repeat("x", 100<<10))), 1},
	{"oversize/2MiB", string(appendCommand(nil, "PUBLISH", "chat:42", strings.Repeat("x", 2<<20))), 1},
}

// BenchmarkCommands reads a pipeline that lies ready. One operation is the whole pipeline.
func BenchmarkCommands(b *testing.B) {
	for _, bb := range commandBenchmarks {
		b.Run(bb.name, func(b *testing.B) {
			c := Commands{MaxBulk: 1 << 20}
			b.SetBytes(int64(len(bb.input)))
			readPass(b, &c, bb.input, bb.commands)
			for b.Loop() {
				readPass(b, &c, bb.input, bb.commands)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*bb.commands), "ns/command")
			if n := testing.AllocsPerRun(10, func() { readPass(b, &c, bb.input, bb.commands) }); n != 0 {
				b.Errorf("%v allocations a pass, want 0", n)
			}
		})
	}
}

// readPass reads an input and expects so many commands in it.
func readPass(tb testing.TB, c *Commands, input string, commands int) {
	for input != "" {
		n := copy(c.Space(), input)
		c.Wrote(n)
		input = input[n:]
		for {
			_, ok, err := c.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if !ok {
				break
			}
			commands--
		}
	}
	if commands != 0 {
		tb.Fatalf("%d commands too few", commands)
	}
}

// reader collects what Commands returns. It appends to them, which must hurt none, and looks at them as late as they
// are valid.
type reader struct {
	Commands
	got       []string
	count     int
	err       error
	onCommand func(Command) // if set, replaces got
}

// read passes input on, and takes all commands that are whole.
func (r *reader) read(input string) {
	for input != "" {
		n := copy(r.Space(), input)
		r.Wrote(n)
		input = input[n:]
		r.takeAll()
	}
}

func (r *reader) readInChunks(input string, size int) {
	for input != "" {
		n := min(size, len(input))
		r.read(input[:n])
		input = input[n:]
	}
}

func (r *reader) takeAll() {
	var batch []Command
	for {
		cmd, ok, err := r.Next()
		if !ok {
			r.err = err
			break
		}
		batch = append(batch, cmd)
	}
	for _, cmd := range batch {
		_ = append(cmd.Args, []byte("appended"))
		for _, arg := range cmd.Args {
			_ = append(arg, "appended"...)
		}
	}
	for _, cmd := range batch {
		r.count++
		if r.onCommand != nil {
			r.onCommand(cmd)
			continue
		}
		r.got = append(r.got, formatCommand(cmd))
	}
}

func (r *reader) errText() string {
	if r.err == nil {
		return ""
	}
	return strings.TrimPrefix(r.err.Error(), "Protocol error: ")
}

func (r *reader) check(t *testing.T, what string, want []string, wantErr string) {
	t.Helper()
	if len(r.got) != len(want) {
		t.Errorf("%s: %d commands, want %d", what, len(r.got), len(want))
	}
	for i := range min(len(r.got), len(want)) {
		if r.got[i] != want[i] {
			t.Errorf("%s: command %d is %.200s, want %.200s", what, i, r.got[i], want[i])
			break
		}
	}
	if got := r.errText(); got != wantErr {
		t.Errorf("%s: error %q, want %q", what, got, wantErr)
	}
}

// formatCommand shows arguments quoted, and behind them the length of an oversize one.
func formatCommand(cmd Command) string {
	s := fmt.Sprintf("%q", cmd.Args)
	if cmd.Oversize > 0 {
		s += fmt.Sprintf(" %d", cmd.Oversize)
	}
	return s
}

// appendCommand writes a command as clients do.
func appendCommand(b []byte, args ...string) []byte {
	b = AppendArray(b, len(args))
	for _, arg := range args {
		b = AppendBulkString(b, arg)
	}
	return b
}

func byteSlices(args []string) [][]byte {
	s := make([][]byte, len(args))
	for i, arg := range args {
		s[i] = []byte(arg)
	}
	return s
}
