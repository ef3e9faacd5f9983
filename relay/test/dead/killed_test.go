package dead

// A replay that is killed, or not alone: each message once.

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/redistest"
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
	done chan struct{}

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
		until := messages / 8 * (i + 1) // by Redis itself: a listener may be far behind
		redistest.Eventually(t, 4*patience, "some are replayed", func() bool { return messages-s.length("dead:x") >= until })
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

// TestReplayLosesTheAnswer: what was published is not taken for what another replay published.
func TestReplayLosesTheAnswer(t *testing.T) {
	s := start(t, redistest.Start(t), toReplay)
	fill(s, 500)
	s.write(loose, toReplay)
	l := listen(t, s.redis, "x:*", "log:*")
	proxy := redistest.NewProxy(t, s.redis.Addr())
	proxy.LoseAnswer("published")
	out, told := s.says(1, "replay", "--redis.url=redis://"+proxy.Addr())
	if !strings.Contains(out, " looked at, 0 published, ") || strings.Contains(out, "gone") ||
		!strings.Contains(told, "each message is published or still there") {
		t.Errorf("says %q, %q", out, told)
	}
	if out, _ := s.says(1, "replay"); strings.Contains(out, "gone") {
		t.Errorf("then it says %q", out)
	}
	once(s, l.all(s), 500)
}
