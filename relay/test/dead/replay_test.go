package dead

// Replay: what passes is published once, however often it is interrupted.

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

const toReplay = `
dead_letters: {length: 1000000, rate: 1000000}
routes:
- prefix: "x:"
  schema: x.json
  invalid: {dead_letter: "dead:x"}
- prefix: "log:"
  schema: x.json
  invalid: {dead_letter: "dead:x"}
  history: {length: 1000000}
`

// listener counts what it hears directly at Redis, by payload.
type listener struct {
	*redistest.Client
	heard atomic.Int64
	done  chan struct{}

	mu    sync.Mutex
	times map[string]int // guarded by mu
}

func listen(t *testing.T, redis *redistest.Server, patterns ...string) *listener {
	t.Helper()
	l := &listener{Client: redistest.Dial(t, "tcp", redis.Addr()), times: map[string]int{}, done: make(chan struct{})}
	for i, pattern := range patterns {
		l.Send("PSUBSCRIBE", pattern)
		l.Expect(t, fmt.Sprintf("[psubscribe %s %d]", pattern, i+1))
	}
	go func() {
		defer close(l.done)
		for {
			v, err := l.TryReceive()
			if err != nil || v.Elems[2].Str == "x:end" {
				return
			}
			l.mu.Lock()
			l.times[v.Elems[2].Str+" "+v.Elems[3].Str]++
			l.mu.Unlock()
			l.heard.Add(1)
		}
	}()
	return l
}

// all waits for the end and returns what was heard.
func (l *listener) all(s *scene) map[string]int {
	s.redis.MustDo("PUBLISH", "x:end", "")
	<-l.done
	return l.times
}

// TestReplayKilled: 100,000 mixed messages, and a replay that is killed five times.
func TestReplayKilled(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	const messages, kills = 100_000, 5
	fill(s, messages)
	s.Stop()
	s.write(loose, toReplay)
	l := listen(t, s.redis, "x:*", "log:*")
	for i := range kills {
		cmd := s.dead("replay")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until := int64(messages / 8 * (i + 1))
		redistest.Eventually(t, patience, "some are replayed", func() bool { return l.heard.Load() >= until })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
			t.Errorf("kill %d: the replay had ended: %v", i, cmd.ProcessState)
		}
	}
	out, _ := s.says(1, "replay")
	if !strings.Contains(out, fmt.Sprintf("%d kept (%[1]d INVALID)", messages/10)) {
		t.Errorf("the last replay says %s", out)
	}
	once(s, l.all(s), messages)
}

// message is the i-th: its channel and payload. The strict schema refuses all; the loose one a tenth of them.
func message(i int) (channel, payload string) {
	channel = []string{"x:1", "x:2", "log:1"}[i%3]
	payload = fmt.Sprintf(`{"id":%d,"pad":"%s"}`, i, strings.Repeat("x", i%200))
	if i%10 == 9 {
		payload = "[" + payload
	}
	return channel, payload
}

// fill publishes messages that are refused, and waits until all are kept.
func fill(s *scene, messages int) {
	s.t.Helper()
	c := s.Dial()
	const atOnce = 500
	for i := 0; i < messages; i += atOnce {
		var b []byte
		for j := i; j < i+atOnce; j++ {
			channel, payload := message(j)
			b = redistest.AppendCommand(b, "PUBLISH", channel, payload)
		}
		c.SendRaw(b)
		for range atOnce {
			if got := c.Receive().String(); !strings.HasPrefix(got, "-INVALID ") {
				s.t.Fatal(got)
			}
		}
		if done := i + atOnce; done%10_000 == 0 { // more than this may find no room
			s.awaitLength("dead:x", done)
		}
	}
}

// once fails unless each message was heard once, or is still in the stream, and none both.
func once(s *scene, heard map[string]int, messages int) {
	s.t.Helper()
	left, kept := map[string]int{}, map[string]int{}
	for _, entry := range s.entries("dead:x") {
		left[entry["channel"]+" "+entry["payload"]]++
	}
	for _, entry := range s.entries("history:{log:1}") {
		kept["log:1 "+entry["payload"]]++
	}
	wrong := 0
	for i := range messages {
		channel, payload := message(i)
		name := channel + " " + payload
		passes, history := i%10 != 9, channel == "log:1"
		if heard[name] != count(passes) || left[name] != count(!passes) || kept[name] != count(passes && history) {
			if wrong++; wrong < 10 {
				s.t.Errorf("%.60s: heard %d, left %d, in the history %d", name, heard[name], left[name], kept[name])
			}
		}
	}
	if wrong > 0 || len(heard)+len(left) != messages {
		s.t.Errorf("%d of %d are wrong; heard %d, left %d", wrong, messages, len(heard), len(left))
	}
}

func count(there bool) int {
	if there {
		return 1
	}
	return 0
}

// TestTwoReplays at the same time publish each message once.
func TestTwoReplays(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	const messages = 10_000
	fill(s, messages)
	s.write(loose, toReplay)
	l := listen(t, s.redis, "x:*", "log:*")
	all := []*exec.Cmd{s.dead("replay"), s.dead("replay"), s.dead("replay", "--route", "log:")}
	for _, cmd := range all {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range all {
		_ = cmd.Wait() // ends with 1: some are kept
	}
	once(s, l.all(s), messages)
}

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
		"": 6, "--route log:": 2, "--route y:": 0, "--code invalid": 6, "--code DENIED": 0, "--since 1h": 6, "--limit 4": 4,
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
		{[]string{"check"}, "x.json  reject to dead:x"},
		{[]string{"explain", "x:1", "--payload", "schemas/x.json"}, "in the stream dead:x at Redis, as a dead letter"},
		{[]string{"explain", "x:1"}, "~dead:x ~{dead:x}:*"},
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
	s := start(t, redistest.Start(t), `
routes: [{prefix: "x:", rate: {limit: 50, burst: 5, dead_letter: "dead:x"}}]
`)
	pub := s.Dial()
	refused := 0
	for i := range 40 {
		pub.Send("PUBLISH", "x:1", strconv.Itoa(i))
		if strings.HasPrefix(pub.Receive().String(), "-RATELIMIT") {
			refused++
		}
	}
	s.awaitLength("dead:x", refused)
	ear := s.Subscribe("x:1")
	before := s.Metric(`rejects_total{code="RATELIMIT",direction="inbound",route="x:"}`)
	s.says(0, "replay")
	for range refused {
		ear.Receive()
	}
	if now := s.Metric(`rejects_total{code="RATELIMIT",direction="inbound",route="x:"}`); now != before || refused == 0 {
		t.Errorf("%v refused again of %d", now-before, refused)
	}
}
