//go:build linux

// The redis-servers that the relay is measured against.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// redisServer is a running redis-server of one version.
type redisServer struct {
	*process
	version string
	binary  string
	socket  string
}

// defaultRedises are the newest redis-server and the one of the system: what -redis says by default.
func defaultRedises() string {
	system := os.Getenv("REDIS_SERVER")
	if system == "" {
		system = "redis-server"
	}
	return ".cache/redis/8.2/redis-server," + system
}

// startRedises starts one redis-server of each version.
func (l *lab) startRedises() error {
	for _, name := range l.binaries {
		binary, err := l.findRedis(name)
		if err != nil {
			return err
		}
		version, err := versionOf(binary)
		if err != nil {
			return err
		}
		if l.hasRedis(version) {
			continue
		}
		r, err := l.newRedis(binary)
		if err != nil {
			return err
		}
		r.version = version
		l.redises = append(l.redises, r)
	}
	return nil
}

func (l *lab) hasRedis(version string) bool {
	for _, r := range l.redises {
		if r.version == version {
			return true
		}
	}
	return false
}

// first is the redis-server of those sections that measure with one.
func (l *lab) first() *redisServer { return l.redises[0] }

// findRedis looks for a program: a path from the root of the repository, or a name on the PATH.
func (l *lab) findRedis(name string) (string, error) {
	if strings.ContainsRune(name, '/') && !filepath.IsAbs(name) {
		name = filepath.Join(l.root, name)
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w; run \".ci/deps redis versions\", or name other programs with -redis", err)
	}
	return binary, nil
}

// versionOf asks a redis-server for its version: 8.2.3.
func versionOf(binary string) (string, error) {
	out, err := exec.Command(binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", binary, err)
	}
	return strings.TrimPrefix(field(string(out), 2), "v="), nil
}

// newRedis starts a redis-server with nothing saved and returns when it answers.
func (l *lab) newRedis(binary string) (*redisServer, error) {
	r := &redisServer{binary: binary, socket: l.path()}
	return r, l.runRedis(r)
}

// runRedis starts the process of a redis-server, the first or another one, and returns when it answers.
func (l *lab) runRedis(r *redisServer) (err error) {
	r.process, err = l.start("redis-server", exec.CommandContext(l.ctx, r.binary,
		"--port", "0", "--unixsocket", r.socket, "--save", "", "--dir", l.dir, "--maxclients", "15000"))
	if err != nil {
		return err
	}
	return poll(l.ctx, func() error { return ping(r.socket) })
}
