package tail

// The programs in pipes, as scripts use them.

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/test/harness"
)

func TestTailOfAScript(t *testing.T) {
	t.Parallel()
	s := start(t, routes)
	all := s.launch("tail", "-n", "3")
	rejects := s.launch("tail", "--json", "--rejected", "-n", "1", "chat:*")
	raw := s.launch("tail", "--json", "--full", "--rate=5", "-n1", "bin*")
	for range 3 {
		s.connected("redis-relay-tail", "monitor")
	}
	until(t, s, 3)
	pub, me := s.Dial(), os.Getuid()
	pub.Do("PUBLISH", "other", "esc \x1b[31m\n é \xff")
	pub.Do("PUBLISH", "chat:1", harness.ValidChat)
	pub.Do("PUBLISH", "chat:1", harness.InvalidChat)
	binary := strings.Repeat("\xff", 1000)
	pub.Do("PUBLISH", "binary", binary)

	if code := all.code(t); code != 0 {
		t.Errorf("tail -n 3: code %d", code)
	}
	lines := strings.Split(all.stdout.String(), "\n")
	for i, want := range []string{
		`out ok      other route=unrouted client=\d+ pid=\d+ uid=\d+ esc \\x1b\[31m\\n é \\xff`,
		`out ok      chat:1 route=chat: kind=typing client=\d+ pid=\d+ uid=\d+ {"type":"typing",.*}`,
		`out INVALID chat:1 route=chat: .* reason="/userId: expected string, but got number" {"type":.*}`, "",
	} {
		if at := `\d\d:\d\d:\d\d\.\d{6} `; want != "" && !regexp.MustCompile("^"+at+want+"$").MatchString(lines[i]) {
			t.Errorf("line %d is %q, want %s", i, lines[i], want)
		}
	}
	if len(lines) != 4 || all.stderr.String() != "" {
		t.Errorf("%d lines, stderr %q", len(lines), &all.stderr)
	}

	var m struct {
		Time, Direction, Verdict, Channel, Route, Kind, Command, Reason, Payload string

		Client, PID, UID, Size int
		Base64                 string `json:"payload_base64"`
	}
	if code, err := rejects.code(t), json.Unmarshal([]byte(rejects.stdout.String()), &m); code != 0 || err != nil {
		t.Fatalf("code %d, %v", code, err)
	}
	if m.Direction != "out" || m.Verdict != "INVALID" || m.Channel != "chat:1" || m.Route != "chat:" || m.Command != "publish" ||
		m.Reason == "" || m.Payload != harness.InvalidChat || m.UID != me || m.Size != len(m.Payload) || m.Client == 0 {
		t.Errorf("%+v", m)
	}
	if code, err := raw.code(t), json.Unmarshal([]byte(raw.stdout.String()), &m); code != 0 || err != nil {
		t.Fatalf("code %d, %v", code, err)
	}
	if whole, err := base64.StdEncoding.DecodeString(m.Base64); err != nil || string(whole) != binary {
		t.Errorf("%v: %q", err, m.Base64)
	}
}

// until waits until so many clients are in MONITOR.
func until(t *testing.T, s *scene, viewers int) {
	t.Helper()
	c := s.Dial()
	defer c.Close()
	s.Eventually("all are in MONITOR", func() bool {
		return strings.Count(c.Do("CLIENT", "LIST").Str, " flags=OU ") == viewers
	})
}

// TestTailTellsWhatIsLeftOut, to people and to scripts; it does not count for -n.
func TestTailTellsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	plain, script := s.launch("tail", "--rate", "2", "-n", "3"), s.launch("tail", "--rate", "2", "--json", "-n", "3")
	until(t, s, 2)
	pub := s.Dial()
	var commands []byte
	for range 10 {
		commands = appendPublish(commands, "a", "x")
	}
	pub.SendRaw(commands) // at once: what is left out is told for each second
	for range 10 {
		pub.Expect(t, ":0")
	}
	plain.stdout.Shows(t, patience, " --- 8 left out: over the rate\n")
	script.stdout.Shows(t, patience, `"left_out":8,"cause":"rate"}`+"\n")
	pub.Do("PUBLISH", "a", "last")
	if a, b := plain.code(t), script.code(t); a != 0 || b != 0 {
		t.Errorf("codes %d and %d", a, b)
	}
}

// TestTailOfARelayThatGoesAway: an error; with -F it waits for another one, at the start, too.
func TestTailOfARelayThatGoesAway(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	once, again := s.launch("tail"), s.launch("tail", "-F", "-n", "1")
	listener := s.launch("sub", "a")
	until(t, s, 2)
	s.connected("redis-relay-sub", "subscribe")
	s.Signal(syscall.SIGTERM)
	s.EndsWithin(patience)
	for _, r := range []*running{once, listener} {
		if code := r.code(t); code != 1 || !r.stderr.Contains("redis-relay: the relay at relay.sock has ended the connection") {
			t.Errorf("%q: code %d: %s", r.cmd.Args, code, &r.stderr)
		}
	}
	again.stderr.Shows(t, patience, "; trying again\n")
	const gone = "redis-relay: no relay answers at relay.sock: no such file or directory; start it, or name its socket with --socket.path\n"
	for _, args := range [][]string{{"tail"}, {"sub", "a"}, {"pub", "a", "b"}} {
		if out, bad, code := output(t, s.program(args...)); code != 1 || out != "" || bad != gone {
			t.Errorf("%q: code %d, %q, %q", args, code, out, bad)
		}
	}
	if _, bad, code := output(t, s.program("tail", "--config", "gone.yaml")); code != 1 || !contains(bad, "gone.yaml: no such file") {
		t.Errorf("without its file: code %d, %q", code, bad)
	}
	waiting := s.launch("tail", "--retry", "-n", "1", "--socket.path", filepath.Join(s.Dir, "relay.sock"))
	waiting.stderr.Shows(t, patience, "; trying again\n")

	next := s.restart()
	until(t, next, 2)
	next.Dial().Do("PUBLISH", "a", "x")
	for _, r := range []*running{again, waiting} {
		if code := r.code(t); code != 0 || !r.stdout.Contains(" out ok      a ") || strings.Count(r.stderr.String(), "again") != 2 {
			t.Errorf("%q: code %d\n%s%s", r.cmd.Args, code, &r.stdout, &r.stderr)
		}
	}
}

func TestPub(t *testing.T) {
	t.Parallel()
	s := start(t, routes)
	sub := s.Dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Receive()
	for _, c := range []struct {
		args   []string
		stdin  string
		stdout string
		stderr string
		code   int
		heard  []string
	}{
		{[]string{"other", "a b"}, "", "1\n", "", 0, []string{"a b"}},
		{[]string{"other", "-"}, "two\nlines\n", "1\n", "", 0, []string{"two\nlines\n"}},
		{[]string{"other", "--", "-live"}, "", "1\n", "", 0, []string{"-live"}},
		{[]string{"other", ""}, "", "1\n", "", 0, []string{""}},
		{[]string{"--lines", "other"}, "a\n\nb\r\nc", "1\n1\n1\n1\n", "", 0, []string{"a", "", "b", "c"}},
		{
			[]string{"chat:1", "--lines", "-"},
			harness.ValidChat + "\n{}\n" + harness.ValidChat + "\n", "1\n1\n",
			"redis-relay: line 2: INVALID chat:1 missing properties: 'type'\nredis-relay: 1 message was refused\n", 1,
			[]string{harness.ValidChat, harness.ValidChat},
		},
		{
			[]string{"chat:1", harness.InvalidChat},
			"", "",
			"redis-relay: INVALID chat:1 /userId: expected string, but got number\n", 1, nil,
		},
		{
			[]string{"other"}, "", "", "redis-relay: pub needs a channel and a message: pub CHANNEL MESSAGE; " +
				"quote what has spaces\nTry redis-relay --help.\n", 2, nil,
		},
		{
			[]string{"other", "a", "--lines"}, "", "", "redis-relay: --lines reads the messages from the standard input: " +
				"pub CHANNEL --lines\nTry redis-relay --help.\n", 2, nil,
		},
	} {
		cmd := s.program(append([]string{"pub"}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, bad, code := output(t, cmd)
		if out != c.stdout || bad != c.stderr || code != c.code {
			t.Errorf("%q: code %d, %q, %q", c.args, code, out, bad)
		}
		for _, want := range c.heard {
			if v := sub.Receive(); v.Elems[3].Str != want {
				t.Errorf("%q: heard %q, want %q", c.args, v.Elems[3].Str, want)
			}
		}
	}
}

// TestPubOfWhatCannotBeRead is not taken for the end of the messages.
func TestPubOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := start(t, routes)
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	cmd := s.program("pub", "other", "--lines")
	cmd.Stdin = folder
	if out, bad, code := output(t, cmd); code != 1 || !strings.Contains(bad, "is a directory") {
		t.Errorf("code %d, %q, %q", code, out, bad)
	}
}

func TestSubOfAScript(t *testing.T) {
	t.Parallel()
	s := start(t, `routes: [{prefix: "theirs:", subscribe_uids: [54321]}]`)
	mixed := s.launch("sub", "room:*", "chat:1", "-n", "3")
	exact := s.launch("sub", "--pattern", "chat:1", "--json", "-n", "2")
	s.connected("redis-relay-sub", "psubscribe")
	pub := s.Dial()
	s.Eventually("both listen", func() bool { return pub.Do("PUBSUB", "NUMPAT").Int == 2 })
	for _, m := range [][2]string{{"chat:2", "x"}, {"chat:1", "a\nb"}, {"room:1", "c"}, {"chat:1", "\xff"}, {"room:2", "not heard"}} {
		pub.Do("PUBLISH", m[0], m[1])
	}
	if code, out := mixed.code(t), mixed.stdout.String(); code != 0 || out != "chat:1 a\\nb\nroom:1 c\nchat:1 \\xff\n" {
		t.Errorf("code %d: %q", code, out)
	}
	withoutTime := regexp.MustCompile(`"time":"[^"]+",`).ReplaceAllString
	want := `{"channel":"chat:1","pattern":"chat:1","payload":"a\nb"}` + "\n" + `{"channel":"chat:1","pattern":"chat:1","payload_base64":"/w=="}` + "\n"
	if code, out := exact.code(t), withoutTime(exact.stdout.String(), ""); code != 0 || out != want {
		t.Errorf("code %d: %q", code, out)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"sub", "theirs:1"}, 1, "redis-relay: DENIED theirs:1: route \"theirs:\" has subscribe_uids"},
		{[]string{"sub", "*"}, 1, "redis-relay: DENIED *: route \"theirs:\" has subscribe_uids"},
		{[]string{"sub"}, 2, "redis-relay: sub needs a channel or a pattern"},
		{[]string{"sub", "a", "-n", "-1"}, 2, "redis-relay: --count: -1 is negative"},
		{[]string{"sub", "a", "-n", "x"}, 2, `redis-relay: --count: "x" is no whole number`},
		{[]string{"tail", "--rate", "0"}, 2, "redis-relay: --rate is a number of messages a second, 1 to 10000"},
		{[]string{"tail", strings.Repeat("x", 100_000)}, 1, "redis-relay: DENIED x"},
		{[]string{"tail", "-F", strings.Repeat("x", 100_000)}, 1, "redis-relay: DENIED x"}, // to try again is no use
	} {
		if _, bad, code := output(t, s.program(c.args...)); code != c.code || !strings.HasPrefix(bad, c.says) {
			t.Errorf("%.80q: code %d, %.200q", c.args, code, bad)
		}
	}
}
