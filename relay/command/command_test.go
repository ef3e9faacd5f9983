package command

// Commands, flags and help.

import (
	"debug/elf"
	"path/filepath"
	"testing"

	"redis-relay/config"

	"redis-relay/relay/test/process"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	for _, args := range [][]string{{"--help"}, {"-h"}, {"-help"}, {"help"}, {"help", "help"}} {
		r := s.run(nil, args...)
		r.expect(t, exitOK, "Usage:")
		if r.stderr != "" {
			t.Errorf("%s: help on stderr: %s", args, r.stderr)
		}
		if len(args) > 1 {
			continue
		}
		r.expect(t, exitOK, " RELAY_ROUTES ", "--config FILE", "--check", "--version", "  run ", "  check ", "  health ", "  version ", "  help ")
		for _, key := range config.Keys() {
			r.expect(t, exitOK, "--"+key.Path+" ", " "+key.Env+" ", key.Help)
		}
	}
	for _, command := range []string{"run", "check", "health", "version"} {
		about := s.run(nil, "help", command)
		about.expect(t, exitOK, "redis-relay "+command+": ", "redis-relay "+command+" [flags]", "--config FILE")
		if other := s.run(nil, command, "--help"); other != about {
			t.Errorf("%s --help differs from help %[1]s:\n%s", command, other.stdout)
		}
	}
	s.run(nil, "help", "health").expect(t, exitOK, "--live")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"--version", "-version", "version"} {
		if r := newScene(t, nil).run(nil, arg); r != (result{stdout: "redis-relay " + testVersion + "\n"}) {
			t.Errorf("%s: %+v", arg, r)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--chek"}, "unknown flag --chek; did you mean --check?"},
		{[]string{"-chek"}, "unknown flag -chek; did you mean --check?"},
		{[]string{"-x"}, "unknown flag -x\n"},
		{[]string{"--socket.pth=x"}, "unknown flag --socket.pth; did you mean --socket.path?"},
		{[]string{"--url=redis://h"}, "unknown flag --url; did you mean --nats.leaf.url or --redis.url?"},
		{[]string{"--routes=[]"}, "unknown flag --routes; write routes in the configuration file, or as YAML in RELAY_ROUTES\n"},
		{[]string{"--limits.que=1"}, "unknown flag --limits.que; did you mean --limits.queue?"},
		{[]string{"health", "--lve"}, "unknown flag --lve; did you mean --live?"},
		{[]string{"check", "--confg", "x"}, "unknown flag --confg; did you mean --config?"},
		{[]string{"--redis.url"}, "--redis.url needs a value"},
		{[]string{"--check=maybe"}, `--check: "maybe" is not known; write true or false`},
		{[]string{"chek"}, `unknown command "chek"; did you mean check?`},
		{[]string{"serve"}, `unknown command "serve"; did you mean run?`},
		{[]string{"my.yaml"}, `unknown command "my.yaml"; did you mean --config my.yaml?`},
		{[]string{"frobnicate"}, `unknown command "frobnicate"; the commands are run, check, explain, health, `},
		{[]string{"help", "chek"}, `unknown command "chek"; did you mean check?`},
		{[]string{"health", "now"}, `unexpected argument "now"`},
	} {
		r := newScene(t, nil).run(nil, c.args...)
		r.expect(t, exitUsage, c.says, "Try redis-relay --help.")
		if r.stdout != "" {
			t.Errorf("%s: an error on stdout: %s", c.args, r.stdout)
		}
	}
}

// TestSpellings: a flag may stand before or behind the command, with one dash or two,
// with dots, dashes or underscores.
func TestSpellings(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	for _, args := range [][]string{
		{"--check", "--redis.tls.ca=x", "--redis.url", "rediss://h"},
		{"check", "--redis-tls-ca", "x", "--redis-url=rediss://h"},
		{"--redis_url", "rediss://h", "check", "-redis.tls.ca=x"},
		{"-redis.url", "rediss://h", "-check", "-redis-tls_ca", "x"},
	} {
		s.run(nil, args...).expect(t, exitFailed, "redis.tls.ca: open x: no such file")
	}
}

// TestPrecedence sets the socket in more and more places.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{"relay.yaml": "socket: {path: file.sock}\nroutes: [{prefix: 'file:'}]"})
	env := append([]string{"RELAY_SOCKET_PATH=env.sock", `RELAY_ROUTES=[{prefix: "env:"}]`}, embedded...)
	s.run(nil, "--check").expect(t, exitOK, "file.sock", "\nfile: ")
	s.run(env, "--check").expect(t, exitOK, "env.sock", "\nenv: ")
	s.run(env, "--check", "--socket.path", "flag.sock").expect(t, exitOK, "flag.sock", "\nenv: ")
}

// TestNoURL: nobody gets an embedded Redis who has not asked for one.
func TestNoURL(t *testing.T) {
	t.Parallel()
	const says = "redis.url: is not set; write the address of your Redis, such as redis://host:6379, " +
		"or embedded for a Redis inside the relay, for development\n"
	s := newScene(t, map[string]string{"empty.yaml": "redis: {url: ''}\n"})
	for _, args := range [][]string{
		{}, {"--check"}, {"--config", "empty.yaml"}, {"--config", "empty.yaml", "--check"}, {"--redis.url="},
	} {
		s.run([]string{}, args...).expect(t, exitFailed, says)
	}
	s.run([]string{"RELAY_REDIS_URL="}).expect(t, exitFailed, says)
	s.run([]string{"RELAY_REDIS_ULR=redis://h"}, "--check").expect(t, exitFailed,
		"RELAY_REDIS_ULR: unknown variable; the nearest known is RELAY_REDIS_URL")
}

// TestStatic holds that a release needs nothing of the system it runs on.
func TestStatic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "redis-relay")
	if err := process.Build(path, []string{"GOOS=linux"}, asReleased...); err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("has a %v segment: it is linked dynamically", p.Type)
		}
	}
}
