package dead

// Dead letters of channels that Redis calls something else.

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

const renamed = `
redis: {prefix: "acme:"}
unrouted: deny
routes:
- prefix: "x:"
  rename: "v2:{name}"
  schema: x.json
  invalid: {dead_letter: "dead:x"}
  redis_refused: {dead_letter: "dead:x"}
- prefix: "log:"
  rename: "v3:{name}"
  schema: x.json
  invalid: {dead_letter: "dead:x"}
  history: {length: 1000}
`

// TestRenamed: Redis has its own names for all that a replay publishes, and for the keys; entries, and what the program
// prints of them, have the names of clients. The relay's user may use nothing without the prefix.
func TestRenamed(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~acme:* &acme:* &acme:relay:* +@all"))
	url := "redis://app:secret@" + redis.Addr()
	s := start(t, redis, renamed, harness.WithRedis(url))
	ear := s.Subscribe("x:1", "log:1")
	pub := s.Dial()
	pub.Do("PUBLISH", "x:1", `{"id":1}`)
	pub.Do("PUBLISH", "log:1", `{"id":2}`)
	pub.Do("XADD", "log:1", "*", "own", `{"id":3}`)
	redis.MustDo("PUBLISH", "acme:v2:x:1", `{"id":4}`) // from elsewhere
	s.awaitLength("acme:dead:x", 4)

	for i, channel := range []string{"x:1", "log:1", "log:1", "x:1"} {
		expect(t, s.entries("acme:dead:x")[i], map[string]string{"channel": channel, "route": channel[:len(channel)-1]})
	}
	for _, key := range redis.MustDo("KEYS", "*").Elems {
		if !strings.HasPrefix(key.Str, "acme:") {
			t.Errorf("the key %q lacks the prefix", key.Str)
		}
	}
	out, _ := s.says(0, "list", "--redis.url="+url)
	if strings.Contains(out, "acme:") || strings.Contains(out, "v2:") || strings.Count(out, " x:1 ") != 2 {
		t.Errorf("list says\n%s", out)
	}

	s.write(loose, renamed)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	out, _ = s.says(0, "replay", "--redis.url="+url)
	if out != "4 looked at, 4 published, 0 kept\n" {
		t.Errorf("replay says %q", out)
	}
	heard := []string{}
	for range 4 {
		heard = append(heard, ear.Receive().String())
	}
	slices.Sort(heard) // the order between streams is that of Redis
	want := []string{
		`[message log:1 {"id":2}]`, `[message log:1 {"id":3}]`, `[message x:1 {"id":1}]`, `[message x:1 {"id":4}]`,
	}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if kept := s.entries("acme:history:{v3:log:1}"); len(kept) != 2 || kept[1]["own"] != `{"id":3}` {
		t.Errorf("the history has %q", kept)
	}
	if n := s.length("acme:dead:x"); n != 0 {
		t.Errorf("%d are left", n)
	}
	if gaps := s.Metric("history_gaps_total"); gaps != 0 {
		t.Errorf("%v gaps", gaps)
	}
}

// TestRenamedRefusedByRedis: the words of Redis call the channel and its stream as clients do.
func TestRenamedRefusedByRedis(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, strings.Replace(renamed, "  history: {", "  redis_refused: {dead_letter: \"dead:x\"}\n  history: {", 1))
	redis.MustDo("SET", "acme:history:{v3:log:1}", "no stream")
	s.Dial().Do("PUBLISH", "log:1", `{"n":1}`)
	s.awaitLength("acme:dead:x", 1)
	entry := s.entries("acme:dead:x")[0]
	expect(t, entry, map[string]string{"channel": "log:1", "code": "WRONGTYPE"})
	if strings.Contains(entry["reason"], "acme:") {
		t.Errorf("the reason has a name at Redis: %q", entry["reason"])
	}
	out, _ := s.says(1, "replay")
	if want := "1 looked at, 0 published, 1 kept (1 WRONGTYPE)\n"; out != want {
		t.Errorf("replay says %q, want %q", out, want)
	}
}

// TestRenamedExplained: rights, and the key of the stream, are those at Redis.
func TestRenamedExplained(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret &acme:* &acme:v2:x:* &acme:v3:log:* &acme:relay:* "+
		"&acme:relay:seq:v3:log:* ~acme:history:* ~acme:dead:x +@all"))
	s := start(t, redis, renamed)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"explain", "x:1", "--payload", "schemas/x.json"}, "in the stream acme:dead:x at Redis"},
		{[]string{"explain", "x:1"}, "~acme:dead:x ~acme:{acme:dead:x}:*"},
		{[]string{"check", "--connect"}, "to allow what is missing: ACL SETUSER app ~acme:{acme:dead:x}:*\n"},
	} {
		cmd := exec.Command(process.Path(), append(c.args, fmt.Sprintf("--redis.url=redis://app:secret@%s", redis.Addr()))...)
		cmd.Dir, cmd.Env = s.dir, []string{}
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), c.want) {
			t.Errorf("%q says\n%s\nwant %q", c.args, out, c.want)
		}
	}
}
