//go:build linux

// The lab: the redis-servers, the binaries, and all children.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lab is where everything runs. Its methods are for the main goroutine.
type lab struct {
	// Fixed after construction.
	options
	ctx         context.Context // ends with a signal, or with a child that should live
	fail        context.CancelCauseFunc
	root        string // of the repository
	dir         string // for sockets and the relay's binary
	self        string // this binary
	relayBinary string
	relayConfig string
	schemas     string         // folder
	redises     []*redisServer // at least one
	started     time.Time
	acksReader  *os.File
	acksWriter  *os.File

	children sync.WaitGroup
	paths    int // sockets named so far
}

// newLab builds the relay and starts the redis-servers.
func newLab(ctx context.Context, opts options) (*lab, error) {
	l := &lab{options: opts, started: time.Now()}
	l.ctx, l.fail = context.WithCancelCause(ctx)
	if err := l.open(); err != nil {
		err = l.why(err)
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) open() (err error) {
	if l.self, err = os.Executable(); err != nil {
		return err
	}
	if l.root, err = repository(); err != nil {
		return err
	}
	if l.dir, err = os.MkdirTemp("", "rrbench"); err != nil {
		return err
	}
	if err := l.writeConfig(); err != nil {
		return err
	}
	if err := l.copySchemas(); err != nil {
		return err
	}
	if l.acksReader, l.acksWriter, err = os.Pipe(); err != nil {
		return err
	}
	if l.relayBinary = l.relay; l.relayBinary == "" {
		if err := l.build(); err != nil {
			return err
		}
	}
	return l.startRedises()
}

// repository is the folder of go.mod.
func repository() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "redis-relay").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w; run bench inside it", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes the relay, as `make build` does but for the version.
func (l *lab) build() error {
	l.progress("building the relay")
	l.relayBinary = filepath.Join(l.dir, "redis-relay")
	cmd := exec.CommandContext(l.ctx, "go", "build", "-trimpath", "-o", l.relayBinary, ".")
	cmd.Dir = l.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the relay: %w\n%s", err, out)
	}
	return nil
}

// path names a new socket.
func (l *lab) path() string {
	l.paths++
	return filepath.Join(l.dir, strconv.Itoa(l.paths))
}

// progress tells a person who waits what is being measured, and for how long the run has taken.
func (l *lab) progress(format string, args ...any) {
	elapsed := time.Since(l.started).Round(time.Second)
	_, _ = fmt.Fprintf(os.Stderr, "bench: %5s  %s\n", elapsed, fmt.Sprintf(format, args...))
}

// why puts the reason for which everything ended before what followed from it.
func (l *lab) why(err error) error {
	if l.ctx.Err() != nil {
		return fmt.Errorf("%w; so: %w", context.Cause(l.ctx), err)
	}
	return err
}

// close ends all children and removes what they leave.
func (l *lab) close() {
	l.fail(errors.New("the end"))
	l.children.Wait()
	if l.acksReader != nil {
		_ = l.acksReader.Close()
		_ = l.acksWriter.Close()
	}
	_ = os.RemoveAll(l.dir) // in the folder for temporary files: no harm if it stays
}

// freePort returns an address of this host that nobody listens on.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

// ready asks the relay for its readiness.
func (r *relay) ready() error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + r.http + "/readyz")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", res.Status)
	}
	return nil
}
