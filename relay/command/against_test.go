package command

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const (
	routesAB = "routes:\n- {prefix: 'a:', schema: a.json, evolve: backward}\n- {prefix: 'b:', schema: b.json}\n"
	anyText  = `{"type": "string"}`
	optional = `{"type": ["string", "null"]}`
	short    = `{"type": "string", "maxLength": 3}`
)

func TestCheckAgainstFolder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		code  int
		says  []string
	}{
		"the same": {
			map[string]string{"old/schemas/a.json": anyText, "old/schemas/b.json": anyText},
			exitOK,
			[]string{
				"a:  evolve: backward  schema: a.json, was a.json\n" +
					"  backward, what was valid is valid: compatible\n  forward, what is valid was valid:  compatible\n",
				"b:  evolve: none",
			},
		},
		"not as demanded": {
			map[string]string{"old/a.json": optional, "old/b.json": short},
			exitFailed,
			[]string{
				"a:  evolve: backward  schema: a.json, was a.json\n  backward, what was valid is valid: not compatible\n" +
					"    null\n    expected string, but got null\n",
				"  forward, what is valid was valid:  not compatible\n    \"aaaa\"\n",
				"redis-relay: not compatible as evolve demands: the routes a:\n",
			},
		},
		"not demanded": {
			map[string]string{"old/a.json": short, "old/b.json": short}, exitOK, []string{"not compatible\n    \"aaaa\"\n"},
		},
		"its own routes": {
			map[string]string{
				"old/relay.yaml":  "schemas: all\nroutes: [{prefix: 'a:', schema: x.json}, {prefix: 'b', publish: false}]\n",
				"old/all/x.json":  optional,
				"old/all/y.json":  "true",
				"schemas/c.json":  "true",
				"schemas/z/d.txt": "",
			},
			exitFailed,
			[]string{"schema: a.json, was x.json\n", "schema: b.json, was none\n", "    any text\n"},
		},
		"undecided": {
			map[string]string{"old/a.json": `{"type": "string", "pattern": "^a"}`, "schemas/a.json": `{"pattern": "^a.*"}`},
			exitOK,
			[]string{"undecided, because of a.json#/pattern"},
		},
		"two schemas, one of them new": {
			map[string]string{
				"old/a.json": anyText, "old/b.json": anyText, "schemas/a2.json": short,
				"relay.yaml": "routes: [{prefix: 'a:', schema: [a2.json, a.json], evolve: backward}, {prefix: 'b:', schema: b.json}]\n",
			},
			exitOK,
			[]string{"a:  evolve: backward  schema: a2.json, a.json, was a.json\n  backward, what was valid is valid: compatible\n"},
		},
		"a schema is missing": {map[string]string{"old/b.json": anyText}, exitOK, []string{"b:  evolve"}},
		"broken": {
			map[string]string{"old/a.json": "{", "old/b.json": "{}"}, exitFailed, []string{"the earlier state: ", "old/a.json:1:2: invalid schema"},
		},
		"broken configuration": {
			map[string]string{"old/relay.yaml": "routs: []"}, exitFailed, []string{"old/relay.yaml:1: routs: unknown key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, map[string]string{"relay.yaml": routesAB, "schemas/a.json": anyText, "schemas/b.json": anyText})
			for file, text := range c.files {
				s.write(file, text)
			}
			s.run(nil, "check", "--against", "old").expect(t, c.code, c.says...)
		})
	}
}

func TestCheckAgainstAsJSON(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{
		"relay.yaml": routesAB, "schemas/a.json": anyText, "schemas/b.json": anyText, "old/a.json": optional, "old/b.json": anyText,
	})
	told := s.run(nil, "check", "--against=old", "--json")
	told.expect(t, exitFailed)
	var got struct {
		Allowed bool
		Routes  []struct {
			Route, Evolve     string
			Before, Now       []string
			Backward, Forward struct{ Verdict, Message, Reason, Keyword string }
			Allowed           bool
		}
	}
	if err := json.Unmarshal([]byte(told.stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, told.stdout)
	}
	if got.Allowed || len(got.Routes) != 2 || got.Routes[0].Allowed || !got.Routes[1].Allowed ||
		got.Routes[0].Backward.Verdict != "not compatible" || got.Routes[0].Backward.Message != "null" ||
		got.Routes[0].Forward.Verdict != "compatible" || got.Routes[0].Now[0] != "a.json" {
		t.Errorf("%+v", got)
	}
	s.run(nil, "check", "--json").expect(t, exitUsage, "--json goes with --against")
}

func TestCheckAgainstGit(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{
		"app/relay.yaml": "schemas: ../json\nroutes: [{prefix: 'a:', schema: a.json, evolve: full}]\n",
		"json/a.json":    `{"$ref": "b/c.json"}`, "json/b/c.json": anyText,
	})
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@x"}, args...)...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	against := func(revision string) result {
		return s.run([]string{"RELAY_REDIS_URL=embedded", "PATH=/usr/bin:/bin:/usr/local/bin"},
			"check", "--config", "app/relay.yaml", "--against", revision)
	}
	against("HEAD").expect(t, exitFailed, `"HEAD" is no folder, and `, "is in no repository of git")
	git("init", "-q")
	git("add", "json")
	git("commit", "-q", "-m", "one")
	against("HEAD").expect(t, exitOK, "schema: a.json, was a.json") // there was no configuration yet
	git("add", "app")
	git("commit", "-q", "-m", "two")
	s.write("json/b/c.json", optional)
	against("HEAD").expect(t, exitFailed, "backward, what was valid is valid: compatible", "not compatible\n    null\n")
	git("commit", "-q", "-a", "-m", "three")
	against("HEAD").expect(t, exitOK, "schema: a.json, was a.json")
	against("HEAD~1").expect(t, exitFailed, "not compatible\n    null\n")
	for _, revision := range []string{"nowhere", "--output=x", "HEAD:json"} {
		against(revision).expect(t, exitFailed, "neither a folder nor a revision of git")
	}
	alone := s.run(nil, "check", "--config", "app/relay.yaml", "--against", "HEAD") // no PATH
	if !strings.Contains(alone.stderr, "git") || alone.code != exitFailed {
		t.Errorf("without git: %+v", alone)
	}
}
