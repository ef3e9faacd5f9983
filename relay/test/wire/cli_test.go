package wire

// redis-cli, as a person or a script uses it.

import (
	"bufio"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// A script through redis-cli reads the same from the relay and from redis-server.
func TestCLIScriptReadsTheSame(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis)
	const script = "ping\nping \"two words\"\necho x\npublish nobody hello\npubsub numsub nobody\n" +
		"pubsub numpat\npubsub foo\nclient setname me\nclient getname\nclient no-evict on\nselect 3\nping\nsubscribe\n" +
		"publish\nreset\npubsub help\nquit\n"
	for _, flags := range [][]string{nil, {"-3"}, {"-2"}, {"--csv"}, {"--json"}, {"--no-raw"}} {
		run := func(socket string) string {
			cmd := harness.CLI(t, socket, flags...)
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("redis-cli %v: %v\n%s", flags, err, out)
			}
			return string(out)
		}
		if want, got := run(redis.Socket()), run(r.Socket); want != got {
			t.Errorf("redis-cli %v: from redis-server\n%s\nfrom the relay\n%s", flags, want, got)
		}
	}
}

func TestCLISubscribes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis)
	pub := r.Dial()
	for _, flags := range [][]string{nil, {"-3"}} {
		for _, tt := range []struct {
			subscribe []string
			confirmed []string
			publish   []string
			heard     []string
		}{
			{
				[]string{"subscribe", "news", "more"},
				[]string{"subscribe", "news", "1", "subscribe", "more", "2"},
				[]string{"publish", "news", "hello"},
				[]string{"message", "news", "hello"},
			},
			{
				[]string{"psubscribe", "n*"},
				[]string{"psubscribe", "n*", "1"},
				[]string{"publish", "news", "hello"},
				[]string{"pmessage", "n*", "news", "hello"},
			},
			{
				[]string{"ssubscribe", "news"},
				[]string{"ssubscribe", "news", "1"},
				[]string{"spublish", "news", "hello"},
				[]string{"smessage", "news", "hello"},
			},
		} {
			cmd := harness.CLI(t, r.Socket, append(slices.Clone(flags), tt.subscribe...)...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			harness.ExpectLines(t, lines, tt.confirmed)
			pub.Send(tt.publish...)
			pub.Expect(t, ":1")
			harness.ExpectLines(t, lines, tt.heard)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			redistest.Eventually(t, redistest.DefaultTimeout, "redis-cli is gone", func() bool {
				return !strings.Contains(pub.Do("CLIENT", "LIST").Str, "cmd="+tt.subscribe[0])
			})
		}
	}
}

// What the interactive prompt asks when it starts: the commands and their
// arguments, for its hints and its help.
func TestCLIHelp(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil)
	cmd := harness.CLI(t, r.Socket)
	cmd.Stdin = strings.NewReader("help publish\nhelp @pubsub\nhepl\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"PUBLISH", "Posts a message to a channel.", "PSUBSCRIBE", "ERR unknown command 'hepl'", "redis-relay"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
