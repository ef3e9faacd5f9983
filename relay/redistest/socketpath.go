package redistest

// Where tests put Unix sockets.

import (
	"os"
	"path/filepath"
	"testing"
)

// TempDir makes a folder for the test, whose path is short enough for a socket; that of t.TempDir may not be.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// SocketPath returns the path of a socket that is not there yet, in a directory of its own, which ends with the test.
func SocketPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(TempDir(t), "s")
}
