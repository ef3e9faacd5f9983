package config

// This file tests redis.credentials: every mistake in them, what is shown, and what a reload takes over.

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCredentials(t *testing.T) {
	cfg := mustLoad(t, "redis: {url: 'redis://app@h', credentials: {command: [bin/token, --of, bin/x], refresh: 5m}}\n"+
		"upstreams:\n  eu: {url: 'redis://h', credentials: {command: [token]}}\n"+
		"  us: {url: 'redis://h', credentials: {command: [/bin/token, \"a b\"]}}\nroutes: []\n")
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if c := cfg.Redis.Credentials; !slices.Equal(c.Command, []string{filepath.Join(cfg.Dir, "bin/token"), "--of", "bin/x"}) ||
		c.Refresh != 5*time.Minute {
		t.Errorf("got %q, %v", c.Command, c.Refresh)
	}
	if c := cfg.Upstreams["eu"].Credentials; !slices.Equal(c.Command, []string{"token"}) || c.Refresh != 0 {
		t.Errorf("got %q, %v", c.Command, c.Refresh)
	}
	if c := cfg.Upstreams["us"].Credentials; !slices.Equal(c.Command, []string{"/bin/token", "a b"}) {
		t.Errorf("got %q", c.Command)
	}
	cfg = mustLoad(t, "", "RELAY_REDIS_CREDENTIALS_COMMAND=token,--now", "RELAY_REDIS_CREDENTIALS_REFRESH=1m")
	if c := cfg.Redis.Credentials; !slices.Equal(c.Command, []string{"token", "--now"}) || c.Refresh != time.Minute {
		t.Errorf("got %q, %v", c.Command, c.Refresh)
	}
}

func TestMistakesInCredentials(t *testing.T) {
	const both = "take one of the two out"
	for _, c := range []struct{ text, want string }{
		{"redis:\n  url: redis://:p@h\n  credentials: {command: [token]}", ":3: redis.credentials.command: prints the password, and redis.url has another; " + both},
		{"redis:\n  url: redis://h\n  password_file: p\n  credentials:\n    command: [token]", ":5: redis.credentials.command: prints the password, and redis.password_file names another; " + both},
		{"redis:\n  url: embedded\n  credentials: {command: [token]}", ":3: redis.credentials.command: has no effect with redis.url: embedded; write"},
		{"redis:\n  url: redis://h\n  credentials: {refresh: 1m}", ":3: redis.credentials.refresh: has no effect without redis.credentials.command; set both or none"},
		{"redis:\n  url: redis://h\n  credentials: {command: [token], refresh: 10ms}", ":3: redis.credentials.refresh: is 10ms; must be at least 1s, or 0s"},
		{"redis:\n  url: redis://h\n  credentials: {command: [token], refresh: -1s}", ":3: redis.credentials.refresh: is -1s; must be at least 1s"},
		{"redis:\n  url: redis://h\n  credentials: {command: ['', x]}", ":3: redis.credentials.command: names no program; write [program, argument, ...]"},
		{"redis:\n  url: redis://h\n  credentials: {command: token --now}", ":3: redis.credentials.command: expected a list, found text"},
		{"redis:\n  url: redis://h\n  credentials: [token]", ":3: redis.credentials: expected a mapping, found a list"},
		{"redis:\n  url: redis://h\n  credentials: {comand: [token]}", ":3: redis.credentials.comand: unknown key; did you mean command?"},
		{"redis: {url: 'redis://h'}\nupstreams:\n  eu:\n    url: redis://a:p@h\n    credentials: {command: [token]}", ":5: upstreams.eu.credentials.command: prints the password, and upstreams.eu.url has another"},
	} {
		_, err := Read(Source{Path: write(t, c.text), Required: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

// A command may have secrets among its arguments. Another command needs no restart; a command in place of a password does.
func TestChangedCredentials(t *testing.T) {
	read := func(main, eu string) *Config {
		return mustLoad(t, "redis: {url: 'redis://h'"+main+"}\nupstreams: {eu: {url: 'redis://h'"+eu+"}}\nschemas: /s\n"+
			"routes: [{prefix: a, upstream: eu}]")
	}
	const one, two = ", credentials: {command: [t, secret1]}", ", credentials: {command: [t, secret2], refresh: 1m}"
	for name, tt := range map[string]struct {
		was, is          *Config
		restart, changes []string
	}{
		"another command": {
			read(one, one), read(two, two), nil,
			[]string{
				"redis.credentials.command", "redis.credentials.refresh: 1m, was 0s",
				"upstreams.eu.credentials.command", "upstreams.eu.credentials.refresh",
			},
		},
		"a command": {
			read("", ""), read(one, one),
			[]string{"redis.credentials.command", "upstreams.eu.credentials.command"},
			[]string{"redis.credentials.command", "upstreams.eu.credentials.command"},
		},
		"no command": {
			read(one, one), read("", ""),
			[]string{"redis.credentials.command", "upstreams.eu.credentials.command"},
			[]string{"redis.credentials.command", "upstreams.eu.credentials.command"},
		},
	} {
		if got := Restart(tt.was, tt.is); !slices.Equal(got, tt.restart) {
			t.Errorf("%s: restart %q, want %q", name, got, tt.restart)
		}
		if got := Changes(tt.was, tt.is); !slices.Equal(got, tt.changes) {
			t.Errorf("%s: changes %q, want %q", name, got, tt.changes)
		}
		for _, c := range []*Config{tt.was, tt.is} {
			if text := c.String() + c.Redis.String(); strings.Contains(text, "secret") {
				t.Errorf("%s", text)
			}
		}
	}
}
