package config

// This file fuzzes the reading of a file.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad feeds arbitrary files: Load and Validate never panic, and what is
// valid prints as a file that reads back the same.
func FuzzLoad(f *testing.F) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("routes: [{prefix: a, history: {length: 1}, kinds: {k: {history: null, rate: {limit: .inf}}}}]"))
	f.Add([]byte("routes:\n- &r {prefix: a, kinds: {k: &k {slow: drop}, l: {<<: [*k, *k]}}}\n- *r\n"))
	f.Add([]byte("redis: {url: 'redis://u:p@h', tls: *x}\n---\n"))
	f.Add([]byte("routes: [a, &r {prefix: 1, kinds: {k: [], 1: {}}, x: y}, <<: *r]\nsocket: {allow_uids: [x, 1]}\n<<: {log: {level: x}}\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n? {b: c}\n"))
	path := filepath.Join(f.TempDir(), "relay.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(Source{Path: path, Required: true})
		if _, readErr := Read(Source{Path: path, Required: true}); (readErr == nil) != (err == nil && cfg.Validate() == nil) {
			t.Fatalf("Read says %v, Load %v", readErr, err)
		}
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without words")
			}
			return
		}
		if cfg.Validate() != nil || cfg.Redis.Redacted() != cfg.Redis.URL || cfg.NATS.Leaf.Redacted() != cfg.NATS.Leaf.URL {
			return // a hidden password does not read back
		}
		if err := os.WriteFile(path, []byte(cfg.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Source{Path: path, Required: true})
		if err != nil {
			t.Fatalf("read back: %v\n%s", err, cfg)
		}
		if err := again.Validate(); err != nil {
			t.Fatalf("no longer valid: %v\n%s", err, cfg)
		}
		if diff := cmp.Diff(cfg, again, sameConfig); diff != "" {
			t.Fatalf("read back differently:\n%s", diff)
		}
	})
}
