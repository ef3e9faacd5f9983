package dead

// The program: what it prints, and what becomes of messages of each kind.

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// TestReplayReachesListenersOfARelay, with history in the order of the stream, and without a gap.
func TestReplayReachesListenersOfARelay(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	ear := s.Subscribe("log:1")
	pub := s.Dial()
	for i := range 300 {
		pub.Send("PUBLISH", "log:1", fmt.Sprintf(`{"id":%d}`, i))
		pub.Receive()
	}
	s.awaitLength("dead:x", 300)
	s.write(loose, toReplay)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	out, _ := s.says(0, "replay")
	if out != "300 looked at, 300 published, 0 kept\n" {
		t.Errorf("says %q", out)
	}
	for i := range 300 {
		ear.Expect(t, fmt.Sprintf(`[message log:1 {"id":%d}]`, i))
	}
	if n := s.length("history:{log:1}"); n != 300 {
		t.Errorf("%d entries", n)
	}
	if gaps := s.Metric("history_gaps_total"); gaps != 0 {
		t.Errorf("%v gaps", gaps)
	}
}

// TestReplayAsItWasPublished: by XADD with a field of its own, by SPUBLISH, and from Redis.
func TestReplayAsItWasPublished(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, toReplay)
	pub := s.Dial()
	direct := redistest.Dial(t, "tcp", redis.Addr())
	want := 1
	pub.Do("XADD", "log:1", "*", "own", `{"id":1}`)
	if redis.Shards() {
		want++
		pub.Do("SPUBLISH", "x:1", `{"id":2}`)
		direct.Send("SSUBSCRIBE", "x:1")
		direct.Expect(t, "[ssubscribe x:1 1]")
	}
	s.Subscribe("x:3")
	want++
	redis.MustDo("PUBLISH", "x:3", `{"id":3}`)
	s.awaitLength("dead:x", want)
	s.write(loose, toReplay)
	out, _ := s.says(0, "replay", "--direction", "outbound")
	if out != fmt.Sprintf("%d looked at, %[1]d published, 0 kept\n", want-1) {
		t.Errorf("says %q", out)
	}
	if got := s.entries("history:{log:1}"); len(got) != 1 || got[0]["own"] != `{"id":1}` {
		t.Errorf("the history has %q", got)
	}
	if redis.Shards() {
		direct.Expect(t, `[smessage x:1 {"id":2}]`)
	}
	l := listen(t, redis, "x:*")
	s.says(0, "replay")
	if heard := l.all(s); len(heard) != 1 || heard[`x:3 {"id":3}`] != 1 {
		t.Errorf("heard %v", heard)
	}
	if n := s.length("dead:x"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestReplayOfWhatRedisRefuses: the letters stay, with the code of Redis.
func TestReplayOfWhatRedisRefuses(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL(
		"app on >secret &relay:* ~* +@all", "mute on >secret &x:* &log:* ~* +@all -xdel"))
	s := start(t, redis, toReplay)
	pub := s.Dial()
	for i := range 3 {
		channel, payload := message(i)
		pub.Do("PUBLISH", channel, payload)
	}
	s.awaitLength("dead:x", 3)
	s.write(loose, toReplay)
	l := listen(t, redis, "x:*", "log:*")
	out, _ := s.says(1, "replay", "--route", "x:", "--redis.url=redis://app:secret@"+redis.Addr())
	if !strings.HasPrefix(out, "2 looked at, 0 published, 2 kept (2 ") { // the code differs between versions
		t.Errorf("says %q", out)
	}
	if _, told := s.says(1, "replay", "--redis.url=redis://mute:secret@"+redis.Addr()); !strings.Contains(told, "XDEL dead:x: ") {
		t.Errorf("says %q", told)
	}
	if heard := l.all(s); len(heard) != 0 || s.length("dead:x") != 3 {
		t.Errorf("heard %v, %d left", heard, s.length("dead:x"))
	}
}

// TestListShowFilters of the command line.
func TestListShowFilters(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	pub := s.Dial()
	for i := range 6 {
		channel, payload := message(i)
		pub.Send("PUBLISH", channel, payload)
		pub.Receive()
	}
	s.awaitLength("dead:x", 6)
	lines := func(args ...string) int {
		out, _ := s.says(0, append([]string{"list"}, args...)...)
		return strings.Count(out, "\n")
	}
	for want, args := range map[string]int{
		"": 6, "--route log:": 2, "--route unrouted": 0, "--code invalid": 6, "--code DENIED": 0, "--since 1h": 6, "--limit 4": 4,
		"--since 2999-01-01": 0, "--direction inbound": 0, "--stream other": 0, "--route x: --limit 3 --json": 3,
	} {
		if got := lines(strings.Fields(want)...); got != args {
			t.Errorf("%s: %d lines, want %d", want, got, args)
		}
	}
	out, _ := s.says(0, "list", "--json", "-n", "1")
	var line struct {
		ID, Stream, Code, Channel, Route, Reason, Direction string
		Size                                                int
	}
	if err := json.Unmarshal([]byte(out), &line); err != nil || line.Stream != "dead:x" || line.Channel != "x:1" ||
		line.Code != "INVALID" || line.Route != "x:" || line.Size != 17 || line.Direction != "outbound" {
		t.Errorf("%v: %s", err, out)
	}
	shown, _ := s.says(0, "show", line.ID)
	if !strings.Contains(shown, `{"id":0,"pad":""}`) || !strings.Contains(shown, "missing properties: 'n'") {
		t.Errorf("shown %s", shown)
	}
	dry, _ := s.says(1, "replay", "--dry-run")
	if dry != "6 looked at, 0 would be published, 6 kept (6 INVALID)\n" {
		t.Errorf("says %q", dry)
	}
	s.write(loose, toReplay)
	dry, _ = s.says(0, "replay", "--dry-run", "--route", "log:", "--json")
	if dry != `{"seen":2,"published":2,"gone":0,"kept":{},"dry_run":true}`+"\n" {
		t.Errorf("says %q", dry)
	}
	if s.length("dead:x") != 6 {
		t.Error("a dry run changed something")
	}
	for args, want := range map[string]string{
		"":                      "dead needs one of list, show, replay",
		"lst":                   "dead needs one of list, show, replay",
		"show":                  "dead show needs the ID of one message",
		"show x":                `"x" is no ID`,
		"list --raw":            "--raw goes with dead show",
		"list --dry-run":        "--dry-run goes with dead replay",
		"list x":                `unexpected argument "x"`,
		"list --since tomorrow": `--since: "tomorrow" is no time`,
		"list --direction up":   `--direction: "up" is not known`,
		"list --limit -1":       "--limit: -1 is negative",
	} {
		if _, told := s.says(2, strings.Fields(args)...); !strings.Contains(told, want) {
			t.Errorf("dead %s says %q, want %q", args, told, want)
		}
	}
	if _, told := s.says(1, "show", "5-5"); !strings.Contains(told, "no message 5-5 in dead:x") {
		t.Errorf("says %q", told)
	}
	s.write(loose, "routes: [{prefix: 'x:'}]")
	if _, told := s.says(1, "list"); !strings.Contains(told, "no route has a dead_letter; name the stream with --stream") {
		t.Errorf("says %q", told)
	}
}

// TestCheckAndExplainSay what is kept where, and which rights that takes.
func TestCheckAndExplainSay(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"check"}, "dead:x (invalid)"},
		{[]string{"explain", "x:1", "--payload", "schemas/x.json"}, "in the stream dead:x at Redis, as a dead letter"},
		{[]string{"explain", "x:1"}, "~dead:x ~{dead:x}:*"},
		{[]string{"explain", "x:1"}, "invalid: kept in the stream dead:x at Redis"},
	} {
		cmd := exec.Command(process.Path(), append(c.args, "--redis.url="+s.redis.URL())...)
		cmd.Dir, cmd.Env = s.dir, []string{}
		out, _ := cmd.CombinedOutput() // explain ends with 1: the message is refused
		if !strings.Contains(string(out), c.want) {
			t.Errorf("%q says\n%s", c.args, out)
		}
	}
}

// TestReplayKeepsTheRate of a route.
func TestReplayKeepsTheRate(t *testing.T) {
	const messages, atOnce = 200, 55 // so many may come to a relay at once: the burst, and what a second lets through
	s := start(t, redistest.Start(t), `
routes: [{prefix: "x:", rate: {limit: 50, burst: 5, dead_letter: "dead:x"}}]
`)
	pub := s.Dial()
	var all []byte // in one write: published one by one on a busy machine they are no more than the limit
	for i := range messages {
		all = redistest.AppendCommand(all, "PUBLISH", "x:1", strconv.Itoa(i))
	}
	pub.SendRaw(all)
	refused := 0
	for range messages {
		if strings.HasPrefix(pub.Receive().String(), "-RATELIMIT") {
			refused++
		}
	}
	if refused <= atOnce {
		t.Fatalf("%d were refused: the relay would let through as many at once", refused)
	}
	s.awaitLength("dead:x", refused)
	ear := s.Subscribe("x:1")
	before := s.Metric(`rejects_total{code="RATELIMIT",direction="inbound",route="x:"}`)
	s.says(0, "replay")
	for range refused {
		ear.Receive()
	}
	if now := s.Metric(`rejects_total{code="RATELIMIT",direction="inbound",route="x:"}`); now != before {
		t.Errorf("%v refused again of %d", now-before, refused)
	}
}
