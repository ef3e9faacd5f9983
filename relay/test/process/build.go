package process

// Building the program.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// path is where Main has put the program.
var path string

// Path returns the path of the program that Main has built.
func Path() string { return path }

// Main builds the program, runs the tests, and ends the process. It is called by TestMain; flags are for go build.
func Main(m *testing.M, flags ...string) { os.Exit(run(m, flags)) }

func run(m *testing.M, flags []string) (exitCode int) {
	dir, err := os.MkdirTemp("", "rr")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		path = filepath.Join(dir, "redis-relay")
		err = errors.Join(os.Chmod(dir, 0o755), Build(path, nil, flags...)) // another user may run it, too
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build compiles the program as a release is, without C, so that all builds share go's cache. The environment
// and the flags of go build may be added to.
func Build(output string, env []string, flags ...string) error {
	if err := lookAtSources(); err != nil {
		return err
	}
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", output}, flags...), "redis-relay")...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build redis-relay: %w\n%s", err, out)
	}
	return nil
}

// lookAtSources has go test see on which files the result of the test depends: it caches the result for as long
// as the files are the same that the test has looked at, and does not know what go build reads.
func lookAtSources() error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	for _, name := range []string{"main.go", "go.mod", "config", "relay"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(file string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && !strings.HasSuffix(file, "_test.go") {
				_, err = os.Stat(file)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("look at the sources: %w", err)
		}
	}
	return nil
}
