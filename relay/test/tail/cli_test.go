package tail

// MONITOR as redis-cli has it, beside that of redis-server.

import (
	"bufio"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/tail"
	"redis-relay/relay/test/harness"
)

// line is what client libraries make of a line of MONITOR: redis-py's regular expressions.
var line = regexp.MustCompile(`^\d+\.\d{6} \[(\d+) (.*?)\] ("(.*)")$`)

// TestCLIShowsTheSame from the relay as from redis-server, in either protocol: the same words, with the same escapes.
func TestCLIShowsTheSame(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	payloads := []string{"plain", `"quoted" \ back`, "\r\n\t\a\b\x00\x7f\xff é", ""}
	for _, flag := range []string{"-2", "-3"} {
		words := map[string][]string{}
		for socket, pub := range map[string]*redistest.Client{
			s.Socket: s.Dial(), s.redis.Socket(): redistest.Dial(t, "unix", s.redis.Socket()),
		} {
			words[socket] = seenByCLI(t, harness.CLI(t, socket, flag, "monitor"), func() {
				for _, p := range payloads {
					pub.Do("publish", "chan nel", p)
				}
			}, len(payloads))
		}
		want, got := words[s.redis.Socket()], words[s.Socket]
		for i, w := range want {
			source := `\[0 unix:` + regexp.QuoteMeta(s.redis.Socket()) + `\] `
			args := regexp.MustCompile(source).Split(w, 2)[1]
			if !strings.Contains(got[i], "] "+args+` "verdict=ok"`) {
				t.Errorf("redis-cli %s: got\n%s\nwant the words of\n%s", flag, got[i], w)
			}
			if m := line.FindStringSubmatch(got[i]); m == nil || m[1] != "0" || !strings.HasPrefix(m[2], "unix:") {
				t.Errorf("%s: %q", got[i], m)
			}
			if l, err := tail.Parse(got[i]); err != nil || string(l.Payload) != payloads[i] {
				t.Errorf("%s: payload %q, %v", got[i], l.Payload, err)
			}
		}
	}
}

// seenByCLI returns the first n lines that redis-cli prints of what do publishes, when it is in MONITOR.
func seenByCLI(t *testing.T, cmd *exec.Cmd, do func(), n int) (list []string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "OK" { // begins with it
	}
	do()
	for len(list) < n && lines.Scan() {
		if strings.Contains(lines.Text(), `"publish"`) {
			list = append(list, lines.Text())
		}
	}
	if len(list) < n {
		t.Fatalf("redis-cli printed %q, %v", list, lines.Err())
	}
	return list
}
