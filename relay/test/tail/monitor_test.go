package tail

// What MONITOR shows, and to whom.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/tail"
	"redis-relay/relay/test/harness"
)

// contains tells whether one line of a text has all parts.
func contains(text string, parts ...string) bool {
lines:
	for line := range strings.Lines(text) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return true
	}
	return false
}

const routes = `
limits: {payload: 1KiB}
routes:
- {prefix: "chat:", schema: chat.json}
- {prefix: "log:", schema: chat.json, invalid: log}
- {prefix: "closed:", publish: false}
- {prefix: "rare:", rate: {limit: 0.001, burst: 1}}
- {prefix: "kept:", history: {length: 10}}
`

// said is what a line says, in short.
func said(l tail.Line) string {
	s := fmt.Sprintf("%s %s %s %s %d", l.Command, l.Channel, l.Route, l.Verdict, l.Size)
	if l.Kind != nil {
		s += " kind " + string(l.Kind)
	}
	if l.Passes {
		s += " passes"
	}
	return s
}

// TestVerdicts: each message once in each direction, whatever becomes of it.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	s := start(t, routes)
	pub := s.Dial()
	pub.Send("CLIENT", "SETNAME", "web-1")
	pub.Expect(t, "+OK")
	sub := s.Dial()
	sub.Hello3()
	for _, command := range [][]string{{"PSUBSCRIBE", "*", "c*"}, {"SUBSCRIBE", "chat:1", "kept:1"}, {"SSUBSCRIBE", "shard"}} {
		sub.Send(command...)
		for range len(command) - 1 {
			sub.Receive()
		}
	}
	m := s.monitor()
	large := strings.Repeat("x", 2000)
	for _, c := range []struct {
		by      func(args ...string)
		command string
		payload string
		want    []string
	}{
		{nil, "PUBLISH|chat:1", harness.ValidChat, []string{
			"publish chat:1 chat: ok 46 kind typing", "message chat:1 chat: ok 46 kind typing",
		}},
		{nil, "PUBLISH|chat:1", "{}", []string{"publish chat:1 chat: INVALID 2"}},
		{nil, "PUBLISH|log:1", "{}", []string{"publish log:1 log: INVALID 2 passes", "message log:1 log: INVALID 2 passes"}},
		{nil, "PUBLISH|closed:1", "x", []string{"publish closed:1 closed: DENIED 1"}},
		{nil, "PUBLISH|other", large, []string{"publish other unrouted TOOLARGE 2000"}},
		{nil, "PUBLISH|rare:1", "1", []string{"publish rare:1 rare: ok 1", "message rare:1 rare: ok 1"}},
		{nil, "PUBLISH|rare:1", "2", []string{"publish rare:1 rare: RATELIMIT 1"}},
		{nil, "SPUBLISH|shard", "x", []string{"spublish shard unrouted ok 1", "smessage shard unrouted ok 1"}},
		{nil, "XADD|kept:1|*|f", "x", []string{"xadd kept:1 kept: ok 1", "message kept:1 kept: ok 1"}},
		{nil, "EVAL|return redis.call('publish', KEYS[1], ARGV[1])|1|other", "x", []string{
			"publish other unrouted ok 1", "message other unrouted ok 1",
		}},
		{func(args ...string) { s.redis.MustDo(args...) }, "PUBLISH|chat:2", "{}", []string{"message chat:2 chat: INVALID 2"}},
		{func(args ...string) { s.redis.MustDo(args...) }, "PUBLISH|chat:2", large, []string{"message chat:2 chat: TOOLARGE 2000"}},
	} {
		args := append(strings.Split(c.command, "|"), c.payload)
		if args[0] == "SPUBLISH" && !s.redis.Shards() {
			continue // Redis 6.2
		}
		if c.by == nil {
			pub.Do(args...)
		} else {
			c.by(args...)
		}
		for _, want := range c.want {
			l := s.next(m)
			if got := said(l); got != want {
				t.Fatalf("%s: got %s, want %s", c.command, got, want)
			}
			if known := l.Name == "web-1" && l.ID != 0 && l.UID != nil && int(*l.UID) == os.Getuid(); known == l.Inbound() {
				t.Errorf("%s: the publisher is %+v", c.command, l.Client)
			}
			if l.Rejected() == (l.Reason == "") || time.Since(l.Time).Abs() > time.Minute {
				t.Errorf("%s: reason %q, time %v", c.command, l.Reason, l.Time)
			}
		}
	}
}

// TestLostPublishIsShown, when Redis is away: with the error that its publisher gets.
func TestLostPublishIsShown(t *testing.T) {
	t.Parallel()
	s := start(t, routes, "--redis.publish_timeout=500ms")
	m := s.monitor("REJECTED")
	pub := s.Dial()
	s.redis.Kill()
	if reply := pub.Do("PUBLISH", "other", "x").String(); !strings.HasPrefix(reply, "-UPSTREAMDOWN other: ") {
		t.Fatal(reply)
	}
	if got := said(s.next(m)); !strings.HasPrefix(got, "publish other unrouted UPSTREAMDOWN ") {
		t.Error(got)
	}
}

// TestRightsHold: what a user may not listen to is not shown, by any option; a reload counts at once.
func TestRightsHold(t *testing.T) {
	t.Parallel()
	const others = `routes:
- {prefix: "theirs:", subscribe_uids: [54321], history: {length: 10}}
- {prefix: "closed:", subscribe: false}
- {prefix: "open:"}
`
	s := start(t, others)
	pub := s.Dial()
	views := map[string][]string{"all": nil, "by patterns": {"MATCH", "theirs:*", "MATCH", "closed:1", "MATCH", "open:*", "MATCH", "relay:*"}}
	publish := func() {
		for _, channel := range []string{"theirs:1", "closed:1", "relay:secret", "theirs:2", "open:1"} {
			pub.Do("PUBLISH", channel, "x")
		}
	}
	for name, options := range views {
		m := s.monitor(options...)
		publish()
		if l := s.next(m); string(l.Channel) != "open:1" {
			t.Errorf("%s: %s is shown", name, l.Channel)
		}
	}
	m := s.monitor()
	reload := func(text string) {
		t.Helper()
		before := strings.Count(s.Stderr.String(), "configuration reloaded")
		write(t, filepath.Join(s.Dir, "relay.yaml"), text)
		s.Eventually("it is reloaded", func() bool {
			return strings.Count(s.Stderr.String(), "configuration reloaded") > before
		})
	}
	reload(strings.Replace(others, "54321", fmt.Sprint(os.Getuid()), 1))
	publish()
	for _, want := range []string{"theirs:1", "theirs:2", "open:1"} {
		if l := s.next(m); string(l.Channel) != want {
			t.Errorf("after a right was given: %s is shown, want %s", l.Channel, want)
		}
	}
	reload(others)
	publish()
	if l := s.next(m); string(l.Channel) != "open:1" {
		t.Errorf("after a right was taken: %s is shown", l.Channel)
	}
}

// TestFloodIsLeftOutAndTold: a viewer that reads nothing costs what its queue may hold; publishers get all their
// answers, and each message is shown or told to be left out.
func TestFloodIsLeftOutAndTold(t *testing.T) {
	t.Parallel()
	const messages, batch = 200_000, 1000
	s := start(t, "limits: {queue_age: 0s}\n") // the flood may take long
	stuck := s.monitor("RATE", "10000", "FULL")
	stuck.Send("CLIENT", "SETNAME", "stuck")
	quick := s.monitor("MATCH", "a")
	counted := make(chan int, 1)
	go func() {
		n := 0
		for n < messages {
			v, err := quick.TryReceive()
			if err != nil {
				break
			}
			l, err := tail.Parse(v.Str)
			if err != nil {
				break
			}
			if n++; l.LeftOut > 0 {
				n += int(l.LeftOut) - 1
			}
		}
		counted <- n
	}()
	pub := s.Dial()
	payload := strings.Repeat("x", 500)
	var commands []byte
	for range batch {
		commands = appendPublish(commands, "a", payload)
	}
	for range messages / batch {
		pub.SendRaw(commands)
		for range batch {
			pub.Expect(t, ":0")
		}
	}
	const most = 2 << 20 // bytes; a queue of 1 MiB, and what the socket's buffer takes is not in it
	if omem := figure(t, s.Dial().Do("CLIENT", "LIST").Str, "flags=OU", " omem="); omem == 0 || omem > most {
		t.Errorf("%d bytes wait for the viewer that is stuck", omem)
	}
	if n := s.Metrics()["queued_bytes"]; n > most {
		t.Errorf("%v bytes wait in all", n)
	}
	if n := <-counted; n != messages {
		t.Errorf("shown or told to be left out: %d, want %d", n, messages)
	}
	shown, leftOut := 0, 0
	for shown+leftOut < messages {
		v := stuck.Receive()
		if v.Type != '+' || v.Str == "OK" {
			continue // the reply to CLIENT SETNAME
		}
		l, err := tail.Parse(v.Str)
		switch {
		case err != nil:
			t.Fatal(err)
		case l.LeftOut == 0:
			shown++
		default:
			leftOut += int(l.LeftOut)
		}
	}
	if shown+leftOut != messages || leftOut < messages/2 {
		t.Errorf("%d shown and %d left out, of %d", shown, leftOut, messages)
	}
	if n := s.Metrics()[`disconnects_total{reason="slow"}`] + s.Metrics()[`disconnects_total{reason="memory"}`]; n != 0 {
		t.Errorf("%v clients were disconnected", n)
	}
}
