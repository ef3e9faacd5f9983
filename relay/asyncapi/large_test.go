package asyncapi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/asyncapi"
)

// computed is how long processors have worked for this process, which does not grow while others have them.
func computed(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestReadLargeDocuments: the work grows with the size, also with merged keys and deep schemas. No other test runs beside
// it, whose work would count.
func TestReadLargeDocuments(t *testing.T) {
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, "  k%d: 1\n", i)
	}
	const deep = 3000
	for name, text := range map[string]string{
		"merged keys": "asyncapi: 3.0.0\nx: &x\n" + keys.String() + "y: {<<: *x}\n",
		"a deep schema": `{"asyncapi": "3.0.0", "channels": {"a": {"address": "a:{x}", "messages": {"m": {"payload": ` +
			strings.Repeat(`{"not":`, deep) + "{}" + strings.Repeat("}", deep) + "}}}}}",
	} {
		file := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		began := computed(t)
		_, err := asyncapi.Read(file)
		if took := computed(t) - began; took > 15*time.Second {
			t.Errorf("%s: %v, %.200v", name, took, err)
		}
	}
}

func TestReadWithoutChannels(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("asyncapi: 3.0.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := asyncapi.Read(file)
	if err != nil || len(read.Notes) != 1 || !strings.Contains(read.Notes[0], "no channels") {
		t.Errorf("%+v, %v", read, err)
	}
}
