package dead

// Each reason for which a message is kept, and what is kept of it.

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const everyReason = `
routes:
- prefix: "x:"
  schema: x.json
  invalid: {reject: true, dead_letter: "dead:invalid"}
  too_large: {dead_letter: "dead:large"}
  redis_refused: {dead_letter: "dead:refused"}
  kinds: {fast: {rate: {limit: 0.001, burst: 1, dead_letter: "dead:rate"}}}
- prefix: "plain:"
  schema: x.json
`

func TestEachReason(t *testing.T) {
	s := start(t, redistest.Start(t), everyReason)
	pub := s.Dial()
	pub.Do("CLIENT", "SETNAME", "web-1")
	refused := func(channel, payload, want string) {
		t.Helper()
		pub.Send("PUBLISH", channel, payload)
		if got := pub.Receive().String(); !strings.HasPrefix(got, "-"+want) {
			t.Errorf("%.40q: got %s, want %s", payload, got, want)
		}
	}
	refused("x:1", `{"n":"one"}`, "INVALID x:1 /n: ")
	s.awaitLength("dead:invalid", 1)
	expect(t, s.entries("dead:invalid")[0], map[string]string{
		"payload": `{"n":"one"}`, "code": "INVALID", "reason": "/n: expected", "pointer": "/n", "schema": "x.json", "direction": "outbound",
		"name": "web-1", "pid": strconv.Itoa(os.Getpid()), "uid": strconv.Itoa(os.Getuid()), "client": "1", "channel": "x:1", "route": "x:",
		"size": "11", "time": "1", "field": "", "shard": "", "entry": "",
	})

	refused("x:1", `{"type":"slow"}`, "INVALID")
	pub.Send("PUBLISH", "x:2", `{"type":"fast","n":1}`)
	pub.Expect(t, ":0")
	refused("x:2", `{"type":"fast","n":2}`, "RATELIMIT x:2")
	s.awaitLength("dead:rate", 1)
	expect(t, s.entries("dead:rate")[0], map[string]string{
		"payload": `{"type":"fast","n":2}`, "code": "RATELIMIT", "reason": "more than 0.001", "pointer": "", "channel": "x:2",
	})

	large := strings.Repeat("x", 1<<20+1)
	refused("x:3", large, "TOOLARGE x:3")
	s.awaitLength("dead:large", 1)
	expect(t, s.entries("dead:large")[0], map[string]string{
		"payload": "", "code": "TOOLARGE", "size": "1048577", "direction": "outbound", "name": "web-1",
	})

	refused("plain:1", `{}`, "INVALID") // no one asked to keep it
	s.redis.MustDo("ACL", "SETUSER", "default", "resetchannels", "&relay:*")
	refused("x:4", `{"n":4}`, "NOPERM")
	s.awaitLength("dead:refused", 1)
	expect(t, s.entries("dead:refused")[0], map[string]string{
		"payload": `{"n":4}`, "code": "NOPERM", "reason": "NOPERM ", "channel": "x:4", "name": "web-1",
	})
	s.redis.MustDo("ACL", "SETUSER", "default", "allchannels")
	if n := s.length("dead:invalid"); n != 2 {
		t.Errorf("%d invalid ones, want 2", n)
	}
	redistest.Eventually(t, patience, "nothing waits", func() bool { return s.Metric("dead_letters_waiting") == 0 })
}

// TestFromRedis: what others publish is kept, once for all relays that hear it.
func TestFromRedis(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, everyReason)
	other := start(t, redis, everyReason)
	for _, r := range []*scene{s, other} {
		r.Subscribe("x:1")
		r.Dial().Do("PSUBSCRIBE", "x:*") // the second copy is none
	}
	for _, payload := range []string{`{"n":"one"}`, "\x00\xff\r\n$5", ""} {
		redis.MustDo("PUBLISH", "x:1", payload)
	}
	redis.MustDo("PUBLISH", "x:1", strings.Repeat("x", 1<<20+5))
	redistest.Eventually(t, patience, "both have told Redis", func() bool {
		return s.Metric("dead_letters_written_total")+s.Metric("dead_letters_known_total") == 4 &&
			other.Metric("dead_letters_written_total")+other.Metric("dead_letters_known_total") == 4
	})
	got := s.entries("dead:invalid")
	if len(got) != 3 || s.length("dead:large") != 1 {
		t.Fatalf("got %q, and %d", got, s.length("dead:large"))
	}
	for i, payload := range []string{`{"n":"one"}`, "\x00\xff\r\n$5", ""} {
		if kept, ok := got[i]["payload"]; !ok || kept != payload {
			t.Errorf("kept %q, want %q", kept, payload)
		}
		expect(t, got[i], map[string]string{"code": "INVALID", "direction": "inbound", "client": "", "name": "", "channel": "x:1"})
	}
	expect(t, s.entries("dead:large")[0], map[string]string{"payload": "", "size": "1048581", "direction": "inbound"})
}

// TestHostilePayloads come back byte for byte, and break nothing.
func TestHostilePayloads(t *testing.T) {
	s := start(t, redistest.Start(t), everyReason)
	pub := s.Dial()
	all := []string{"", "\x00", "\r\n", "*3\r\n$7\r\nPUBLISH\r\n", "\xff\xfe\xfd", "\x1b[2J\x1b]0;x\a", "payload", "-ERR x", strings.Repeat("\x00", 1<<20)}
	for _, payload := range all {
		pub.Send("PUBLISH", "x:1\x1b[2J", payload)
		if got := pub.Receive().String(); !strings.HasPrefix(got, "-INVALID") {
			t.Fatalf("%.20q: got %.100s", payload, got)
		}
	}
	s.awaitLength("dead:invalid", len(all))
	for i, entry := range s.redis.MustDo("XRANGE", "dead:invalid", "-", "+").Elems {
		raw, _ := s.says(0, "show", "--raw", entry.Elems[0].Str)
		if raw != all[i] {
			t.Errorf("%.40q came back as %.40q", all[i], raw)
		}
		shown, _ := s.says(0, "show", entry.Elems[0].Str)
		inJSON, _ := s.says(0, "show", "--json", entry.Elems[0].Str)
		if strings.Contains(shown+inJSON, "\x1b") || !strings.Contains(inJSON, `"whole":true`) {
			t.Errorf("%.40q is shown as %.900q", all[i], shown)
		}
	}
	list, _ := s.says(0, "list")
	if n := strings.Count(list, "\n"); n != len(all) || strings.Contains(list, "\x1b") {
		t.Errorf("%d lines: %q", n, list)
	}
}

// TestNobodyHearsThem: a dead letter is in its stream and nowhere else.
func TestNobodyHearsThem(t *testing.T) {
	s := start(t, redistest.Start(t), everyReason)
	direct := redistest.Dial(t, "tcp", s.redis.Addr())
	direct.Send("PSUBSCRIBE", "*")
	direct.Expect(t, "[psubscribe * 1]")
	ear := s.Dial()
	ear.Send("PSUBSCRIBE", "*")
	ear.Expect(t, "[psubscribe * 1]")
	s.Dial().Do("PUBLISH", "x:1", "no JSON")
	s.awaitLength("dead:invalid", 1)
	s.redis.MustDo("PUBLISH", "end", "")
	ear.Expect(t, `[pmessage * end ""]`)
	for {
		m := direct.Receive()
		if m.Elems[2].Str == "end" {
			break
		}
		if !strings.HasPrefix(m.Elems[2].Str, "relay:") { // what relays say to each other
			t.Errorf("heard %v", m)
		}
	}
	if got := s.Dial().Do("XRANGE", "dead:invalid", "-", "+").String(); !strings.HasPrefix(got, "-DENIED") {
		t.Errorf("a client reads %s", got)
	}
	harness.PublishReplies(t, s.Dial(), "x:1", `{"n":1}`, ":2")
}
