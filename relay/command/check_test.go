package command

// What check says of configurations and schemas.

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	withSchema := func(text string) map[string]string {
		return map[string]string{
			"relay.yaml":     "schemas: schemas\nroutes: [{prefix: 'a:', schema: a.json}]\n",
			"schemas/a.json": text,
		}
	}
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		code  int
		says  []string
	}{
		"no file": {nil, nil, exitOK, []string{"built-in defaults", "unrouted", "embedded", "\nok\n"}},
		"routes": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'b:', publish: false}, {prefix: 'b:c', slow: drop}]"},
			nil, exitOK,
			[]string{"relay.yaml", "ROUTE", "b: ", "b:c ", "\nok\n"},
		},
		"users of routes": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'b:', publish_uids: [0, 1000], subscribe: false}]"},
			nil, exitOK,
			[]string{"\nb:        -       -        uid 0,1000  no "},
		},
		"policies in words": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'b:', history: {length: 1000, ttl: 72h}, " +
				"rate: {limit: 10, alert: 12.5}, kinds: {typing: {slow: drop, history: null, rate: {limit: 1, burst: 3}}, " +
				"kept: {history: {length: 1, ttl: 0s}}}}]"},
			nil, exitOK,
			[]string{
				"\nb:        any other  disconnect  notify      all      about 1000 messages, for 72h  " +
					"10 messages/s, bursts of 10  above 12.5 messages/s\n",
				"\nb:        typing     drop        notify      all      -                             " +
					"1 message/s, bursts of 3     above 12.5 messages/s\n",
				"\nb:        kept       disconnect  notify      all      about 1 message, for ever     ",
				"\nunrouted  any        disconnect  disconnect  all      -                             -   ",
			},
		},
		"good schema": {withSchema(`{"type": "object"}`), nil, exitOK, []string{"\na.json  2020-12 by default  compiled\n", "\nok\n"}},
		"schema not compiled": {
			withSchema(`{"items": {"patternProperties": {` + manyPatterns() + `}}}`), nil, exitOK,
			[]string{"\na.json  2020-12 by default  not compiled", ": /items/patternProperties has the 65th pattern of one value\n", "\nok\n"},
		},
		"named file missing": {nil, []string{"--config", "my.yaml"}, exitFailed, []string{"\nmy.yaml: no such file or directory; name another with --config, or write one: redis-relay init --config my.yaml\n"}},
		"unknown key": {
			map[string]string{"relay.yaml": "\nsocket: {pth: x}\n"},
			nil, exitFailed,
			[]string{"relay.yaml:2: socket.pth: unknown key; did you mean path?"},
		},
		"wrong type": {
			map[string]string{"relay.yaml": "limits: {clients: many}"},
			nil, exitFailed,
			[]string{`relay.yaml:1: limits.clients: expected a whole number, found text "many"`},
		},
		"two routes of one prefix": {
			map[string]string{"relay.yaml": "routes:\n- prefix: 'a:'\n- prefix: 'a:'\n"},
			nil, exitFailed,
			[]string{`relay.yaml:3: routes[1].prefix: "a:" is already the prefix of routes[0]`},
		},
		"long socket path": {
			nil,
			[]string{"--socket.path=/" + strings.Repeat("x", 200)},
			exitFailed,
			[]string{"\n--socket.path: has 201 bytes", "choose a shorter folder"},
		},
		"not supported": {
			map[string]string{"relay.yaml": "redis: {mode: cluster}\nroutes: [{prefix: 'a:', history: {length: 5}}]"},
			[]string{"--redis.url=redis://h"},
			exitFailed,
			[]string{"relay.yaml:2: routes[0].history: history on a Redis Cluster is not supported by this version yet; take history out"},
		},
		"all at once": {
			map[string]string{"relay.yaml": "lgo: {}\nunrouted: 3\n"},
			[]string{"--limits.queue=much"},
			exitFailed,
			[]string{"relay.yaml:1: lgo", "did you mean log?", "relay.yaml:2: unrouted", "--limits.queue"},
		},
		"schema outside": {
			withSchema(`{"$ref": "file:///etc/passwd"}`), nil, exitFailed,
			[]string{`"a.json"`, "file:///etc/passwd", "outside the schemas folder"},
		},
		"schema missing": {
			withSchema(`{"$ref": "b.json"}`), nil, exitFailed, []string{`"a.json"`, `"b.json"`, "no such file"},
		},
		"schema is no JSON": {withSchema(`{"type":`), nil, exitFailed, []string{"schemas/a.json:1:9: invalid schema: invalid JSON"}},
		"schemas that no route uses": {
			map[string]string{
				"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas/a.json": `{"type":`, "schemas/b.json": `{"$ref":"gone.json"}`,
				"schemas/c.json": `{"type":"object"}`, "schemas/notes.txt": "no schema",
			},
			nil, exitOK,
			[]string{
				`warning: no route has a schema yet, but one would fail: schemas/a.json:1:9: invalid schema: `,
				`warning: no route has a schema yet, but one would fail: load "b.json": invalid schema: /$ref: "gone.json"`,
				"\nok\n",
			},
		},
		"good schemas that no route uses": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas/c.json": `{"type":"object"}`},
			nil, exitOK,
			[]string{"\nc.json  2020-12 by default  compiled\n\nwarning: no route uses these schemas: c.json\n\nok\n"},
		},
		"schemas folder that no route needs": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas": "a file"},
			nil, exitOK,
			[]string{`warning: no route has a schema yet, but one would fail: open "`, "not a directory", "\nok\n"},
		},
		"route names no schema": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:', schema: a.json}]", "schemas/b.json": "{}"},
			nil, exitFailed,
			[]string{`relay.yaml:1: routes[0].schema: unknown schema "a.json" in the folder schemas: did you mean b.json?`},
		},
		"schemas near and far": {
			map[string]string{
				"relay.yaml": "routes:\n- prefix: 'a:'\n  schema: chatt.json\n- {prefix: b, schema: chat}\n" +
					"- prefix: c\n  schema: nothing-alike.json\n",
				"schemas/chat.json": "{}", "schemas/user.json": "{}",
			},
			nil, exitFailed,
			[]string{
				`relay.yaml:3: routes[0].schema: unknown schema "chatt.json" in the folder schemas: did you mean chat.json?`,
				`relay.yaml:4: routes[1].schema: unknown schema "chat" in the folder schemas: did you mean chat.json?`,
				`relay.yaml:6: routes[2].schema: unknown schema "nothing-alike.json" in the folder schemas: it has chat.json, user.json`,
			},
		},
		"no schemas": {
			map[string]string{"relay.yaml": "routes:\n- prefix: 'a:'\n  schema: chat.json\n", "schemas/readme": ""},
			nil, exitFailed,
			[]string{`unknown schema "chat.json" in the folder schemas: it has none; put the file there`},
		},
		"no schemas folder": {
			map[string]string{"relay.yaml": "schemas: gone\nroutes:\n- prefix: 'a:'\n  schema: chat.json\n"},
			nil, exitFailed,
			[]string{`relay.yaml:1: schemas: open "gone": `, "create it or name another"},
		},
		"shape and value": {
			map[string]string{"relay.yaml": "limits: {clients: few, payload: 0}\nroutes:\n  - prefix: 'a:'\n    slow: quit\n"},
			nil, exitFailed,
			[]string{"relay.yaml:1: limits.clients: ", "relay.yaml:1: limits.payload: is 0B", "relay.yaml:4: routes[0].slow: "},
		},
		"all kinds of mistakes at once": {
			map[string]string{"relay.yaml": allWrong, "schemas/a.json": brokenTwice},
			nil, exitFailed,
			append([]string{"relay.yaml:3: limits.payload: is 0B", "relay.yaml:7: routes[0].slow: "}, allFiles...),
		},
		"all mistakes in files at once": {
			map[string]string{
				"relay.yaml":     strings.NewReplacer("payload: 0", "payload: 1KiB", "quit", "drop").Replace(allWrong),
				"schemas/a.json": brokenTwice,
			},
			nil, exitFailed, allFiles,
		},
		"port of a URL": {
			nil,
			[]string{"--redis.url=redis://h:99999"},
			exitFailed,
			[]string{"--redis.url: has the port 99999; write one from 1 to 65535"},
		},
		"port of a NATS cluster": {
			nil, []string{"--nats.leaf.url=nats://h:0"}, exitFailed, []string{"nats.leaf.url: has the port 0; write one from 1"},
		},
		"group of the socket": {
			nil, []string{"--socket.group=no-such-group"}, exitFailed, []string{`socket.group: there is no group "no-such-group"`},
		},
		"token of NATS clients missing": {
			nil,
			[]string{"--nats.listen=127.0.0.1:0", "--nats.token_file=gone"},
			exitFailed,
			[]string{"nats.token_file: open ", "no such file"},
		},
		"what cannot be meant": {
			map[string]string{
				"relay.yaml": "limits: {payload: 32MiB, memory: 20MiB, queue: 16MiB}\nroutes: [{prefix: 'a:*', nats: true}]\n",
			},
			nil, exitOK,
			[]string{
				`warning: routes[0].prefix: "a:*" is plain text`, // though there is no folder of schemas
				"warning: routes[0].nats: has no effect, since nobody can connect by NATS; set nats.listen or nats.leaf.url",
				"warning: limits.payload: is 32MiB, more than limits.queue (16MiB)",
				"warning: limits.payload: is 32MiB, more than limits.memory (20MiB)",
				"\nok\n",
			},
		},
		"what checks nothing": {
			map[string]string{
				"relay.yaml":     "routes:\n  - prefix: 'chat:*'\n    schema: a.json\n",
				"schemas/a.json": `{"requierd": ["m"], "propertes": {}, "tsType": "X", "properties": {"m": {"format": "emial"}}}`,
				"schemas/b.json": `{"$schema": "https://json-schema.org/draft/2020-12/schema", "format": "date"}`,
			},
			nil, exitOK,
			[]string{
				"a.json  2020-12 by default  compiled",
				`warning: routes[0].prefix: "chat:*" is plain text, and covers only channels with a * in their names; write "chat:"`,
				"warning: schema a.json: /propertes: \"propertes\" checks nothing: no draft has that keyword; did you mean \"properties\"?",
				"warning: schema a.json: /requierd: \"requierd\" checks nothing: no draft has that keyword; did you mean \"required\"?",
				"warning: schema a.json: /properties/m/format: \"emial\" checks nothing: that is no format of JSON Schema; " +
					"did you mean \"email\"?\nwarning: schema b.json: /format: \"format\" checks nothing: in draft 2020-12 it is " +
					"an annotation; leave $schema out, or name draft 7, to have formats checked\n" +
					"warning: no route uses these schemas: b.json\n\nok",
			},
		},
		"what can never take effect": {
			map[string]string{
				"relay.yaml": "unrouted: deny\nlimits: {name: 8B, pattern_length: 6B, pattern_prefixes: ['relay:', 'shut:', 'none', 'a:']}\n" +
					"routes: [{prefix: 'far-too-long:'}, {prefix: 'shut:', subscribe: false}, {prefix: 'patty:'}, " +
					"{prefix: 'a:', schema: a.json, kinds: {one: {slow: drop}, three: {slow: drop}}}]\n",
				"schemas/a.json": `{"properties": {"type": {"enum": ["one", "two"]}}}`, "schemas/events.json": "{}",
			},
			nil, exitOK,
			[]string{
				`warning: route "far-too-long:" never matches: its prefix has 13 bytes, and no channel may have more than limits.name (8)`,
				`warning: route "patty:" can have no pattern of its own: one has at least 7 bytes, over limits.pattern_length (6)`,
				`warning: limits.pattern_prefixes: "relay:" allows no pattern: channels that begin with relay: are the relay's own`,
				`warning: limits.pattern_prefixes: "shut:" allows no pattern: no route that it reaches has subscribe: true`,
				`warning: limits.pattern_prefixes: "none" allows no pattern: no route that it reaches has subscribe: true`,
				"warning: route \"a:\": no message has the kind \"three\": that text in the field \"type\" is refused by a.json\n\nok\n",
			},
		},
		"indentation": {
			map[string]string{"relay.yaml": "routes:\n  - prefix: 'a:'\n   slow: drop\n  - prefix: 'b:'\n"},
			nil, exitFailed,
			[]string{"relay.yaml:3: its indentation does not fit the lines above"},
		},
		"URL without a scheme": {
			nil,
			[]string{"--redis.url=127.0.0.1:6379"},
			exitFailed,
			[]string{"\n--redis.url: must begin with redis://, rediss:// or unix://; write redis:// before it"},
		},
		"parameter of a URL": {
			nil,
			[]string{"--redis.url=redis://h?foo=1"},
			exitFailed,
			[]string{"--redis.url: the parameter foo is not known; take it out"},
		},
		"bad URL": {nil, []string{"--redis.url=http://h"}, exitFailed, []string{"redis.url: must begin with redis://"}},
		"password file missing": {
			nil,
			[]string{"--redis.url=redis://h", "--redis.password_file=p"},
			exitFailed,
			[]string{"redis.password_file", "no such file"},
		},
		"authorities of the NATS cluster": {
			map[string]string{"ca.pem": "not PEM"},
			[]string{"--nats.leaf.url=tls://h", "--nats.leaf.ca=ca.pem"},
			exitFailed,
			[]string{"nats.leaf.ca: no PEM certificate in "},
		},
		"traces": {
			nil,
			[]string{"--traces.endpoint=https://collector:4318", "--traces.sample=0.25"},
			exitOK,
			[]string{"traces  https://collector:4318, sampled: what traceparent says, else 0.25 of all"},
		},
		"traces without a scheme": {
			nil,
			[]string{"--traces.endpoint=collector:4318"},
			exitFailed,
			[]string{"--traces.endpoint: is no URL of a receiver; write http:// or https://"},
		},
		"credentials for the NATS cluster missing": {
			nil,
			[]string{"--nats.leaf.url=tls://h", "--nats.leaf.credentials=gone"},
			exitFailed,
			[]string{"nats.leaf.credentials: open ", "no such file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.files)
			var env []string // the embedded Redis, unless the file names one
			if strings.Contains(c.files["relay.yaml"], "redis://") {
				env = []string{}
			}
			checked := s.run(env, append([]string{"check"}, c.args...)...)
			checked.expect(t, c.code, c.says...)
			if old := s.run(env, append([]string{"--check"}, c.args...)...); old != checked {
				t.Errorf("--check differs from check:\n%s%s", old.stdout, old.stderr)
			}
			if _, err := os.Lstat(s.path("relay.sock.lock")); err == nil {
				t.Error("--check took the socket")
			}
		})
	}
}

// allWrong has mistakes of all kinds; allFiles is what is said of those in other files.
const (
	allWrong = `redis: {url: 'redis://h', password_file: gone.txt}
socket: {group: no-such-group}
limits: {payload: 0}
nats: {listen: '127.0.0.1:0', token_file: token.txt}
routes:
  - prefix: 'a:'
    slow: quit
    schema: a.json
  - {prefix: 'b:', schema: gone.json}
  - {prefix: 'c:', schema: aa.json}
`
	brokenTwice = `{"type": "objekt", "properties": {"m": {"$ref": "nowhere.json"}}}`
)

var allFiles = []string{
	"relay.yaml:1: redis.password_file: open gone.txt: no such file",
	`relay.yaml:2: socket.group: there is no group "no-such-group"`,
	"relay.yaml:4: nats.token_file: open token.txt: no such file",
	`load "a.json": invalid schema: /type: `,
	`load "a.json": invalid schema: /properties/m/$ref: "nowhere.json": no such file`,
	`relay.yaml:9: routes[1].schema: unknown schema "gone.json"`,
	`relay.yaml:10: routes[2].schema: unknown schema "aa.json" in the folder schemas: did you mean a.json?`,
}

// TestStartTellsAllAtOnce, and once, as check does.
func TestStartTellsAllAtOnce(t *testing.T) {
	t.Parallel()
	for _, text := range []string{allWrong, strings.NewReplacer("payload: 0", "payload: 1KiB", "quit", "drop").Replace(allWrong)} {
		s := newScene(t, map[string]string{"relay.yaml": text, "schemas/a.json": brokenTwice})
		for _, command := range []string{"run", "check"} {
			told := s.run([]string{}, command)
			told.expect(t, exitFailed, allFiles...)
			for _, line := range allFiles {
				if n := strings.Count(told.stderr, line); n != 1 {
					t.Errorf("%s: %q is said %d times", command, line, n)
				}
			}
		}
	}
}

// manyPatterns are more members of patternProperties than are compiled.
func manyPatterns() string {
	var all []string
	for i := range 65 {
		all = append(all, fmt.Sprintf(`"%d": {}`, i))
	}
	return strings.Join(all, ", ")
}
