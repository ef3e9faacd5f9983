//go:build linux

// Where, when and how the figures came about.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describe says where and how the figures come about.
func describe(l *lab, args []string) (string, error) {
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return "", fmt.Errorf("ask for the kernel: %w", err)
	}
	var versions []string
	for _, r := range l.redises {
		versions = append(versions, r.version)
	}
	git := exec.Command("git", "describe", "--tags", "--always", "--dirty")
	git.Dir = l.root
	commit, err := git.Output()
	if err != nil {
		commit = []byte("unknown (not a git repository)")
	}
	command := strings.Join(append([]string{"go run ./relay/bench"}, args...), " ")
	redis := strings.Join(versions, " and ")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, redis-server %s; load before %s; %s\ncommit %s; `%s`\n",
		processor(), runtime.NumCPU(), unix.ByteSliceToString(kernel.Release[:]), runtime.Version(), redis,
		load(), time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), command), nil
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// load is the load average of the last minute.
func load() string {
	avg, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return field(string(avg), 0)
}

// field is the i-th word of a line, empty if there are fewer.
func field(s string, i int) string {
	if words := strings.Fields(s); i < len(words) {
		return words[i]
	}
	return ""
}
