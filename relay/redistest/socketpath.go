package redistest

// Where tests put Unix sockets.

import (
	"os"
	"path/filepath"
	"testing"
)

// SocketPath returns the path of a socket that is not there yet, in a directory of its own, which ends with the test.
// That of t.TempDir may be too long for a socket.
func SocketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
