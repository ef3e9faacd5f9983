package dead

// What replay leaves, and what it publishes in part.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// TestReplayRefusesTheCommand that a relay would refuse: SPUBLISH of what is kept by now, and XADD of what is not any more.
func TestReplayRefusesTheCommand(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, toReplay)
	pub := s.Dial()
	want := 1
	pub.Do("XADD", "log:1", "*", "own", `{"id":1}`)
	if redis.Shards() {
		want++
		pub.Do("SPUBLISH", "x:1", `{"id":2}`)
	}
	s.awaitLength("dead:x", want)
	s.write(loose, `
routes:
- {prefix: "x:", schema: x.json, invalid: {dead_letter: "dead:x"}, history: {length: 10}}
- {prefix: "log:", schema: x.json, invalid: {dead_letter: "dead:x"}}
`)
	l := listen(t, redis, "x:*", "log:*")
	out, _ := s.says(1, "replay")
	if out != fmt.Sprintf("%d looked at, 0 published, %[1]d kept (%[1]d DENIED)\n", want) {
		t.Errorf("says %q", out)
	}
	if heard := l.all(s); len(heard) != 0 || s.length("dead:x") != want {
		t.Errorf("heard %v, %d left", heard, s.length("dead:x"))
	}
	s.write(loose, toReplay)
	s.says(0, "replay")
}

// TestReplayPassesOverTheLargest: a letter that no answer of Redis has room for is shown in part, and stops no other.
func TestReplayPassesOverTheLargest(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, toReplay)
	letter := func(payload string) string {
		return redis.MustDo("XADD", "dead:x", "*", "direction", "outbound", "code", "INVALID", "channel", "x:1", "route", "x:",
			"payload", payload).Str
	}
	letter(`{"n":1}`)
	large := letter(`{"n":2}` + strings.Repeat(" ", 65<<20))
	letter(`{"n":3}`)
	if out, _ := s.says(0, "list"); strings.Count(out, "\n") != 3 {
		t.Errorf("list says %q", out)
	}
	out, _ := s.says(0, "show", large)
	if !strings.Contains(out, "payload    too large to be read whole; it begins so:\n\n{\"n\":2} ") {
		t.Errorf("show says %.300q", out)
	}
	if _, told := s.says(1, "show", "--raw", large); !strings.Contains(told, "too large to be read whole") {
		t.Errorf("show --raw says %q", told)
	}
	l := listen(t, redis, "x:*")
	if out, _ := s.says(1, "replay"); out != "3 looked at, 2 published, 1 kept (1 TOOLARGE)\n" {
		t.Errorf("replay says %q", out)
	}
	if heard := l.all(s); len(heard) != 2 || s.length("dead:x") != 1 {
		t.Errorf("heard %d, %d left", len(heard), s.length("dead:x"))
	}
}

// TestReplayThatIsNotHeard: Redis takes the entry of a history, and refuses to publish it.
func TestReplayThatIsNotHeard(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("half on >secret &relay:* ~* +@all"))
	s := start(t, redis, toReplay)
	s.Dial().Do("PUBLISH", "log:1", `{"id":1}`)
	s.awaitLength("dead:x", 1)
	s.write(loose, toReplay)
	out, _ := s.says(1, "replay", "--redis.url=redis://half:secret@"+redis.Addr())
	if out != "1 looked at, 1 published, 0 kept, 1 of the published only in their history: Redis refuses PUBLISH\n" {
		t.Errorf("says %q", out)
	}
	if s.length("dead:x") != 0 || s.length("history:{log:1}") != 1 {
		t.Errorf("%d left, %d in the history", s.length("dead:x"), s.length("history:{log:1}"))
	}
}
