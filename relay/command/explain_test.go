package command

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"redis-relay/relay/test/process"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{
		"relay.yaml": "routes:\n- {prefix: 'a:', schema: a.json, publish_uids: [7], kinds: {one: {history: {length: 5}}}}\n" +
			"- {prefix: 'a', invalid: log, schema: a.json, deliver: one}\n" +
			"- {prefix: 'two:', schema: [b.json, a.json], kinds: {one: {slow: drop}}}\n",
		"schemas/a.json": `{"required": ["type"]}`,
		"schemas/b.json": `{"properties": {"type": {"const": "two"}}}`,
		"good.json":      `{"type":"one"}`,
		"bad.json":       `{}`,
		"empty":          "",
	})
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"a channel": {[]string{"a:1"}, exitOK, []string{
			"route         a:\n", "it has the longest prefix that the channel begins with", "shorter ones that match, too: a\n",
			"a:1, the same name", "a.json, compiled; invalid: reject", "kind one: slow disconnect", "history about 5 messages, for ever",
			"kind any other: ", "uid 7; uid 7: yes", "&a:* &relay:* &relay:seq:a:* ~history:*",
		}},
		"a user who may not": {[]string{"a:1", "--uid", "8"}, exitFailed, []string{
			`uid 7; uid 8: no: DENIED a:1: route "a:" has publish_uids, and your user (uid 8) is not among them`,
		}},
		"a message": {[]string{"a:1", "--payload", "good.json"}, exitOK, []string{
			"payload       14 bytes: accepted\n", "added to the stream history:{a:1}, then published on a:1", "kind one: ",
			"each listener on the channel",
		}},
		"one that is refused": {[]string{"a:1", "--payload", "bad.json"}, exitFailed, []string{
			"payload       2 bytes: refused\nerror         INVALID a:1 missing properties: 'type'", "sent          nothing\n",
		}},
		"one that is logged": {[]string{"a1", "--payload=bad.json"}, exitOK, []string{
			"accepted, since the route says invalid: log", "relay:rejects gets: INVALID a1 ", "one listener of each name, in turn,",
		}},
		"an empty one": {[]string{"b", "--payload", "empty"}, exitOK, []string{
			"unrouted", "the channel begins with no prefix of a route", "none: any bytes pass", "payload       0 bytes: accepted",
		}},
		"several schemas": {[]string{"two:1", "--payload", "good.json"}, exitOK, []string{
			"schema        b.json, a.json, compiled; invalid: reject", "kind one: slow drop", "payload       14 bytes: accepted",
		}},
		"the relay's own":     {[]string{"relay:x"}, exitFailed, []string{"the channel is one of the relay's own", "nobody"}},
		"no channel":          {nil, exitUsage, []string{"explain needs one channel"}},
		"two channels":        {[]string{"a", "b"}, exitUsage, []string{"explain needs one channel"}},
		"no user":             {[]string{"a", "--uid", "ann"}, exitUsage, []string{`--uid: "ann" is no whole number`}},
		"no file":             {[]string{"a", "--payload", "gone"}, exitUsage, []string{"--payload: open gone: no such file"}},
		"a mistake elsewhere": {[]string{"a", "--limits.payload=0"}, exitFailed, []string{"limits.payload"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.run(nil, append([]string{"explain"}, c.args...)...).expect(t, c.code, c.says...)
		})
	}
	s.run(nil, "--connect").expect(t, exitUsage, "redis-relay check --connect")
	checked := s.run(nil, "check", "--connect")
	checked.expect(t, exitOK, "\nok\n", "the embedded one: there is nothing to ask")
	if strings.Contains(checked.stdout, "no message has the kind") { // the older schema of two: accepts it
		t.Errorf("check warns in vain: %s", checked.stdout)
	}
}

// TestExplainInJSON reads the message from the standard input.
func TestExplainInJSON(t *testing.T) {
	t.Parallel()
	s := newShippedScene(t)
	cmd := exec.Command(process.Path(), "explain", "chat:42", "--payload", "-", "--json")
	cmd.Stdin = strings.NewReader(`{"type":"typing","userId":5,"roomId":"42"}`)
	r := s.runCommand(cmd, embedded)
	r.expect(t, exitFailed)
	var answer struct {
		Channel     string
		NameAtRedis string `json:"name_at_redis"`
		Payload     struct {
			Accepted    bool
			Kind, Error string
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil {
		t.Fatal(err)
	}
	want := "INVALID chat:42 /userId: expected string, but got number"
	if p := answer.Payload; p.Accepted || p.Kind != "typing" || p.Error != want || answer.NameAtRedis != "chat:42" {
		t.Errorf("says %s", r.stdout)
	}
}
