package dead

// Dead letters of renamed channels on several Redises.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

const onTwo = `
redis: {prefix: "m0:"}
upstreams:
  eu: {url: "%s", prefix: "e0:"}
unrouted: deny
routes:
- {prefix: "x:", rename: "v2:{name}", schema: x.json, invalid: {dead_letter: "dead:x"}, on_gap: notify}
- prefix: "x:eu:"
  rename: "v3:{name}"
  upstream: eu
  schema: x.json
  invalid: {dead_letter: "dead:x"}
  history: {length: 1000}
  also_subscribe: [main]
`

// TestRenamedOnUpstreams: a letter is on the Redis of its route, under the key that is meant there, and is printed and
// published as such. The key is the same on both.
func TestRenamedOnUpstreams(t *testing.T) {
	main, eu := redistest.Start(t), redistest.Start(t)
	lines := fmt.Sprintf(onTwo, eu.URL())
	s := start(t, main, lines)
	redistest.Eventually(t, patience, "eu is ready", func() bool { return s.Metric(`upstream_ready{upstream="eu"}`) == 1 })
	ear := s.Subscribe("x:1", "x:eu:1")
	pub := s.Dial()
	pub.Do("PUBLISH", "x:1", `{"id":1}`)
	pub.Do("PUBLISH", "x:eu:1", `{"id":2}`)
	main.MustDo("PUBLISH", "m0:v3:x:eu:1", `{"id":3}`) // of a publisher who has not moved
	onEU := *s
	onEU.redis = eu
	s.awaitLength("m0:dead:x", 1)
	onEU.awaitLength("e0:dead:x", 2)

	list, _ := s.says(0, "list")
	for _, want := range []string{" x:1 route=x: upstream=main ", " x:eu:1 route=x:eu: upstream=eu "} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if n := strings.Count(list, "\n"); n != 3 || strings.Contains(list, "e0:") || strings.Contains(list, "v3:") {
		t.Errorf("list says\n%s", list)
	}
	for upstream, n := range map[string]int{"main": 1, "eu": 2} {
		out, _ := s.says(0, "list", "--json", "--upstream", upstream)
		var line struct{ ID, Upstream string }
		if err := json.Unmarshal([]byte(out[:strings.Index(out, "\n")]), &line); err != nil || line.Upstream != upstream ||
			strings.Count(out, "\n") != n {
			t.Errorf("%s: %v\n%s", upstream, err, out)
		}
		out, _ = s.says(0, "show", line.ID, "--upstream", upstream)
		if !strings.Contains(out, "upstream   "+upstream+"\n") {
			t.Errorf("show says\n%s", out)
		}
	}
	if _, told := s.says(2, "list", "--upstream", "ue"); !strings.Contains(told, `--upstream: "ue" is no upstream; known are main, eu`) {
		t.Errorf("told %q", told)
	}

	direct := redistest.Dial(t, "tcp", eu.Addr())
	direct.Send("SUBSCRIBE", "e0:v3:x:eu:1")
	direct.Expect(t, "[subscribe e0:v3:x:eu:1 1]")
	s.write(loose, lines)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	main.Kill() // it is not asked
	if out, _ := s.says(0, "replay", "--upstream", "eu"); out != "2 looked at, 2 published, 0 kept\n" {
		t.Errorf("replay says %q", out)
	}
	for _, payload := range []string{`{"id":2}`, `{"id":3}`} {
		direct.Expect(t, "[message e0:v3:x:eu:1 "+payload+"]")
	}
	main.Restart()
	for _, payload := range []string{`{"id":2}`, `{"id":3}`} {
		ear.Expect(t, "[message x:eu:1 "+payload+"]")
	}
	if n := onEU.length("e0:history:{v3:x:eu:1}"); n != 2 {
		t.Errorf("the history has %d entries", n)
	}
}

// TestLettersThatStayed: a route has moved to another Redis. Its letters on the old one are listed there, stay there, and
// are replayed when their stream has moved, too, as the documentation says.
func TestLettersThatStayed(t *testing.T) {
	main, eu := redistest.Start(t), redistest.Start(t)
	lines := "upstreams: {eu: {url: \"" + eu.URL() + "\"}}\nroutes: [{prefix: \"x:\", schema: x.json, " +
		"invalid: {dead_letter: dead:x}, upstream: "
	s := start(t, main, lines+"main}]")
	s.Dial().Do("PUBLISH", "x:1", `{"id":1}`)
	s.awaitLength("dead:x", 1)
	s.write(loose, lines+"eu}]")
	old := []string{"--stream", "dead:x", "--upstream", "main"}
	if out, _ := s.says(0, append([]string{"list"}, old...)...); !strings.Contains(out, "x:1 route=x: upstream=main") {
		t.Errorf("list says %q", out)
	}
	if out, _ := s.says(1, append([]string{"replay"}, old...)...); out != "1 looked at, 0 published, 1 kept (1 DENIED)\n" {
		t.Errorf("replay says %q", out)
	}
	eu.MustDo("SET", "dead:x", "no stream")
	for _, action := range []string{"list", "replay"} {
		if _, told := s.says(1, action); !strings.Contains(told, "upstream eu: read dead:x: ") || !strings.Contains(told, "WRONGTYPE") {
			t.Errorf("%s tells %q", action, told)
		}
	}
	main.MustDo("RENAME", "dead:x", "dead:x:old")
	host, port, _ := strings.Cut(eu.Addr(), ":")
	main.MustDo("MIGRATE", host, port, "dead:x:old", "0", "5000")
	l := listen(t, eu, "x:*")
	out, _ := s.says(0, "replay", "--stream", "dead:x:old", "--upstream", "eu")
	onEU := *s
	onEU.redis = eu
	if heard := l.all(&onEU); out != "1 looked at, 1 published, 0 kept\n" || heard[`x:1 {"id":1}`] != 1 {
		t.Errorf("replay says %q, heard %v", out, heard)
	}
}

// TestOneUpstreamIsNotNamed: there is nothing to tell apart.
func TestOneUpstreamIsNotNamed(t *testing.T) {
	s := start(t, redistest.Start(t), renamed)
	s.Dial().Do("PUBLISH", "x:1", `{"id":1}`)
	s.awaitLength("acme:dead:x", 1)
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"list", "--upstream", "main"}} {
		if out, _ := s.says(0, args...); strings.Contains(out, "upstream") || !strings.Contains(out, "x:1") {
			t.Errorf("%q says\n%s", args, out)
		}
	}
}
