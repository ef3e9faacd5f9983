package command

// Writing a relay.yaml to begin with.

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

// sample has two messages behind each other.
const sample = `{"type":"message","id":"1","at":"2026-01-02T03:04:05Z","by":{"user":"ann@example.com"},"tags":["x"]}
{"type":"typing","id":"2","at":"2026-01-02T03:04:06Z","by":{"user":"bob@example.com","age":7}}
`

// TestInit: what it writes passes check, and does what it was told.
func TestInit(t *testing.T) {
	t.Parallel()
	none := []string{}
	s := newScene(t, map[string]string{"m.json": sample, "room.json": `[{"n":1},{"n":2.5}]`})
	s.run(none, "init", "--redis-url", "embedded", "--prefix", "chat:", "--prefix=room:", "--prefix", "other:",
		"--schema-from", "m.json", "--schema-from=room:=room.json", "--limits.queue=4MiB", "--http.listen=127.0.0.1:0").
		expect(t, exitOK, "wrote relay.yaml\nwrote schemas/chat.json\nwrote schemas/other.json\nwrote schemas/room.json\n",
			"\nNext:\n", "  redis-relay check\n  redis-relay run\n  redis-cli -s relay.sock subscribe chat:1\n")
	checked := s.run(none, "check")
	checked.expect(t, exitOK, "redis   embedded", "\nchat:     chat.json   reject   yes      yes ",
		"\nroom:     room.json   reject ", "\nother:    other.json  reject ", "\nroom.json   7      compiled\n", "\nok\n")
	if strings.Contains(checked.stdout, "warning") {
		t.Errorf("a warning:\n%s", checked.stdout)
	}

	d := s.start(nil)
	d.awaitReady()
	c := d.Dial()
	for message, want := range map[string]string{
		`{"type":"m","id":"3","at":"2026-01-02T03:04:05Z","by":{"user":"a@b.c"},"more":1}`: ":0",
		`{"type":"m","id":"3","at":"2026-01-02T03:04:05Z"}`:                                "-INVALID chat:1 missing properties: 'by'",
		`{"type":"m","id":"3","at":"yesterday","by":{"user":"a@b.c"}}`:                     "-INVALID chat:1 /at: 'yesterday' is not valid 'date-time'",
		`{"type":"m","id":"3","at":"2026-01-02T03:04:05Z","by":{"user":5}}`:                "-INVALID chat:1 /by/user: expected string, but got number",
	} {
		c.Send("PUBLISH", "chat:1", message)
		c.Expect(t, want)
	}
}

// TestInitOverwritesNothing, and writes all or nothing.
func TestInitOverwritesNothing(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"relay.yaml", "schemas/a.json"} {
		s := newScene(t, map[string]string{there: "precious", "m.json": "{}"})
		args := []string{"init", "--prefix=a:", "--schema-from=m.json"}
		s.run(nil, args...).expect(t, exitFailed, there+" is there already, and nothing was written; name another place with "+
			"--config, or overwrite it with --force")
		if text := s.read(there); text != "precious" {
			t.Errorf("%s holds %q", there, text)
		}
		if _, err := os.Stat(s.path("schemas/a.json")); err == nil && there == "relay.yaml" {
			t.Error("half of it was written")
		}
		s.run(nil, append(args, "--force")...).expect(t, exitOK, "wrote relay.yaml\n")
		s.run(nil, "check").expect(t, exitOK)
	}
}

// TestInitElsewhere: without an address it says what to do, and the folder is made.
func TestInitElsewhere(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{"m.json": "{}"})
	s.run(nil, "init", "--config", "etc/relay/my.yaml", "--prefix=chat:", "--schema-from=m.json").expect(t, exitOK,
		"wrote etc/relay/my.yaml\n", "wrote etc/relay/schemas/chat.json\n",
		"set redis.url in etc/relay/my.yaml: without it the relay does not start\n", "redis-relay run --config etc/relay/my.yaml\n")
	s.run([]string{}, "--config", "etc/relay/my.yaml").expect(t, exitFailed, "redis.url: is not set")
	s.run(nil, "check", "--config", "etc/relay/my.yaml").expect(t, exitOK, "\nok\n")
}

// TestInitKeepsAPasswordToItself: of who may read the file, and of what is printed.
func TestInitKeepsAPasswordToItself(t *testing.T) {
	t.Parallel()
	for url, mode := range map[string]fs.FileMode{"redis://u:s3cret@h": 0o600, "redis://h": 0o644} {
		s := newScene(t, nil)
		r := s.run(nil, "init", "--redis.url", url)
		r.expect(t, exitOK)
		if strings.Contains(r.stdout+r.stderr, "s3cret") || strings.Contains(r.stdout, "password") != (mode == 0o600) {
			t.Errorf("%s: said\n%s", url, r.stdout)
		}
		if info, err := os.Stat(s.path("relay.yaml")); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", url, info.Mode(), err)
		}
		s.run([]string{}, "check").expect(t, exitOK)
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"a pattern":           {[]string{"--prefix=chat:*"}, exitUsage, []string{"a prefix is plain text; write --prefix chat:"}},
		"messages of nothing": {[]string{"--schema-from=m.json"}, exitUsage, []string{"--schema-from needs --prefix"}},
		"settings": {
			[]string{"--redis.url=127.0.0.1:6379", "--limits.clients=0"},
			exitFailed,
			[]string{"nothing was written", "\n--redis.url: ", "write redis:// before it", "\n--limits.clients: is 0"},
		},
		"one prefix twice": {[]string{"--prefix=a:", "--prefix=a:"}, exitFailed, []string{`"a:" is already the prefix of routes[0]`}},
		"no file":          {[]string{"--prefix=a:", "--schema-from=gone"}, exitFailed, []string{"--schema-from: open gone: no such file"}},
		"no messages":      {[]string{"--prefix=a:", "--schema-from=empty"}, exitFailed, []string{"empty: holds no message"}},
		"no JSON":          {[]string{"--prefix=a:", "--schema-from=odd"}, exitFailed, []string{"odd: behind 1 messages: "}},
		"what the relay takes from nobody": {
			[]string{"--prefix=a:", "--schema-from=twice"},
			exitFailed,
			[]string{"--schema-from: of the messages for a: number 1: ", "nothing was written"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, map[string]string{"m.json": "{}", "empty": "\n", "odd": "{} {", "twice": `{"a":1,"a":2}`})
			s.run([]string{}, append([]string{"init"}, c.args...)...).expect(t, c.code, c.says...)
			if _, err := os.Stat(s.path("relay.yaml")); err == nil {
				t.Error("relay.yaml was written")
			}
		})
	}
}
