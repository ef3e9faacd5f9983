package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestListOfNoSchema: a list with one empty name does not switch the check of messages off.
func TestListOfNoSchema(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte("redis: {url: embedded}\nroutes:\n- {prefix: 'a:', schema: ['']}\n- {prefix: 'b:', schema: [b.json, '']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Source{Path: file})
	for _, want := range []string{
		":3: routes[0].schema[0]: expected text, found an empty one; take it out of the list",
		":4: routes[1].schema[1]: expected text, found an empty one; take it out of the list",
	} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
