package config

// This file tests reading a configuration again.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	redisKey = "redis: {url: 'redis://h'}\n"
	closed   = redisKey + "unrouted: deny\nroutes: [{prefix: 'a:', publish: false}]\n"
)

// TestFileIsGone: a file that was there when the relay started is missed, be it named or
// found by its default name.
func TestFileIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		required bool
		env      []string
		text     string
	}{
		"named":                          {true, nil, closed},
		"default":                        {false, nil, closed},
		"default, the rest from outside": {false, []string{"RELAY_REDIS_URL=redis://h"}, "routes: [{prefix: 'a:'}]"},
		"default, nothing in it":         {false, []string{"RELAY_REDIS_URL=redis://h"}, "# none yet\n"},
	} {
		path := write(t, c.text)
		cfg, err := Read(Source{Path: path, Required: c.required, Env: c.env})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		_, err = cfg.Reread()
		want := path + ": it was there and is gone; put it back, or restart the relay to run without it"
		if err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Reread: %v, want %s", name, err, want)
		}
	}
}

// TestFileThatCameIsMissed, too, once it has been read.
func TestFileThatCameIsMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.yaml")
	cfg, err := Read(Source{Path: path, Env: []string{"RELAY_REDIS_URL=redis://h"}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err = cfg.Reread(); err != nil {
		t.Fatalf("without a file all the time: %v", err)
	}
	if err := os.WriteFile(path, []byte(closed), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err = cfg.Reread(); err != nil || len(cfg.Routes) != 1 {
		t.Fatalf("with the file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err = cfg.Reread(); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("Reread: %v", err)
	}
}

// TestFileIsEmptied: as an editor does before it writes.
func TestFileIsEmptied(t *testing.T) {
	env := []string{"RELAY_REDIS_URL=redis://h"}
	reread := func(before, after string) (*Config, error) {
		t.Helper()
		path := write(t, before)
		cfg, err := Read(Source{Path: path, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
			t.Fatal(err)
		}
		return cfg.Reread()
	}
	for _, before := range []string{closed, "unrouted: deny"} {
		for _, after := range []string{"", "\n \n", "# nothing\n\n# here\n", "---\n", "null\n"} {
			_, err := reread(before, after)
			if err == nil || !strings.Contains(err.Error(), "it had keys and is empty now") ||
				!strings.Contains(err.Error(), "routes: []") || strings.Contains(err.Error(), "redis.url") {
				t.Errorf("%q became %q: %v", before, after, err)
			}
		}
		if cfg, err := reread(before, "routes: []\n"); err != nil || len(cfg.Routes) > 0 || cfg.Unrouted != UnroutedAllow {
			t.Errorf("said to be without routes: %v", err)
		}
	}
	if _, err := reread("# nothing yet\n", ""); err != nil {
		t.Errorf("an empty file stays empty: %v", err)
	}
	if _, err := reread(closed, "routes: [\n"); err == nil || strings.Contains(err.Error(), "empty now") {
		t.Errorf("a file with a mistake: %v", err)
	}
}
