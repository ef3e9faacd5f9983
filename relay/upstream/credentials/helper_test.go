package credentials

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// script is a helper of a few lines of shell.
func script(text string) *helper {
	return &helper{command: []string{"/bin/sh", "-c", text}, user: "from-url", timeout: time.Minute}
}

func TestParse(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	hour := now.Add(time.Hour)
	for printed, want := range map[string]Login{
		`{"username":"app","password":"p","expiresAt":"2030-01-02T04:04:05Z"}`:      {User: "app", Password: "p", Expires: hour},
		`{"username":"app","password":"p","expiresAt":"2030-01-02T06:04:05+02:00"}`: {User: "app", Password: "p", Expires: hour},
		"\n {\"password\": \"p\\u0041\"} \n":                                        {User: "from-url", Password: "pA"},
		`{"username":"","password":"p","expiresAt":""}`:                             {User: "from-url", Password: "p"},
		`{"username":null,"password":"p","expiresAt":null,"region":{"x":[1]}}`:      {User: "from-url", Password: "p"},
	} {
		got, err := parse([]byte(printed), "from-url", now)
		if err != nil || got.User != want.User || got.Password != want.Password || !got.Expires.Equal(want.Expires) || got.Got != now {
			t.Errorf("%s: got %+v, %v", printed, got, err)
		}
	}
	for printed, want := range map[string]string{
		"":                                   "printed nothing",
		" \n":                                "printed nothing",
		"sesame":                             "something else than one JSON object",
		`"sesame"`:                           "something else than one JSON object",
		`null`:                               "something else than one JSON object",
		`["sesame"]`:                         "something else than one JSON object",
		`{"password":"sesame"} {}`:           "something else than one JSON object",
		`{"password":"sesame"`:               "something else than one JSON object",
		`{}`:                                 `printed no "password"`,
		`{"Password":"sesame"}`:              `printed no "password"`,
		`{"password":""}`:                    `printed no "password"`,
		`{"password":7}`:                     `in which "password" is no text`,
		`{"password":["sesame"]}`:            `in which "password" is no text`,
		`{"password":"sesame","username":1}`: `in which "username" is no text`,
		`{"password":"sesame","expiresAt":"tomorrow"}`:             `an "expiresAt" that is no time`,
		`{"password":"sesame","expiresAt":1900000000}`:             `in which "expiresAt" is no text`,
		`{"password":"sesame","expiresAt":"2030-01-02T03:04:05Z"}`: "have expired: expiresAt is 2030-01-02T03:04:05Z",
	} {
		_, err := parse([]byte(printed), "", now)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v, want %s", printed, err, want)
		}
	}
}

func TestHelperRuns(t *testing.T) {
	t.Parallel()
	t.Run("well", func(t *testing.T) {
		t.Parallel()
		l, err := script(`echo be quiet >&2; echo '{"password":"p"}'`).run(t.Context())
		if err != nil || l.Password != "p" || l.User != "from-url" || time.Since(l.Got) > time.Minute {
			t.Errorf("%+v %v", l, err)
		}
	})
	t.Run("and leaves a process that holds its output open", func(t *testing.T) {
		t.Parallel()
		l, err := script(`sleep 30 & echo '{"password":"p"}'`).run(t.Context())
		if err != nil || l.Password != "p" || time.Since(l.Got) > 20*time.Second {
			t.Errorf("%+v %v", l, err)
		}
	})
	for text, want := range map[string]string{
		`echo '{"password":"sesame"}'; echo no network, sesame, old >&2; exit 3`: "ended with exit status 3; its stderr: no network, xxxxx, xxxxx",
		`echo sesame`:                          "printed something else than one JSON object",
		`kill -9 $$`:                           "was killed by a signal (signal: killed)",
		`exit 1`:                               "ended with exit status 1",
		`yes | head -c 200000; echo a lot >&2`: "printed more than 64 KiB",
		`yes complaint | head -c 9000 >&2; exit 1`:                        "its stderr: complaint complaint",
		`echo '{"password":"sesame","expiresAt":"2001-01-01T00:00:00Z"}'`: "have expired: expiresAt is 2001-01-01T00:00:00Z",
		`set -x; echo '{"password":"sesame","expiresAt":"soon"}'`:         `no time as in RFC 3339`,
		`set -x; echo '{"username":7,"password":"sesame"}'`:               `in which "username" is no text`,
		`set -x; echo '{"password":"sesame","expiresAt":7}'`:              `in which "expiresAt" is no text`,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := script(text).run(t.Context(), "old")
			switch {
			case err == nil || !strings.Contains(err.Error(), want):
				t.Errorf("got %v, want %s", err, want)
			case strings.Contains(err.Error(), "sesame"), len(err.Error()) > 700, strings.Contains(err.Error(), "\n"):
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("which is not there", func(t *testing.T) {
		t.Parallel()
		none := &helper{command: []string{"/no/such/helper"}, timeout: time.Second}
		if _, err := none.run(t.Context()); err == nil || err.Error() != "cannot be started: no such file or directory" {
			t.Error(err)
		}
		err := Find("redis.credentials.command", []string{"no-such-helper"})
		if err == nil || !strings.HasPrefix(err.Error(), "redis.credentials.command: no-such-helper: ") {
			t.Error(err)
		}
		for _, there := range []string{"sh", "redis-relay"} { // the last is the program that runs, wherever that is
			if err := Find("k", []string{there}); err != nil {
				t.Error(err)
			}
		}
	})
}

// A script without a first line that names its shell is told what it lacks. None is run here: a program that has just
// been written may be busy.
func TestHelperWithoutAShell(t *testing.T) {
	t.Parallel()
	err := words(&fs.PathError{Op: "fork/exec", Path: "/helper", Err: syscall.ENOEXEC})
	if want := "cannot be started: exec format error; if it is a script, begin it with #!/bin/sh"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A helper that hangs is killed with what it has started, at the end of its time and at that of the relay.
func TestHelperHangs(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		timeout time.Duration // long enough for a shell to begin
		stops   bool          // the relay ends
		want    string
	}{
		"its time is over":   {5 * time.Second, false, "did not end in time, and was killed: it may take 5s"},
		"the relay ends":     {time.Hour, true, "over"},
		"it does not listen": {5 * time.Second, false, "its stderr: I stay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			h := script(`trap '' TERM INT HUP; echo I stay >&2; sleep 1000 & echo $! > ` + file + `.new; mv ` + file + `.new ` + file + `; wait`)
			h.timeout = end.timeout
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var stopping sync.WaitGroup
			if end.stops {
				stopping.Go(func() {
					awaitFile(t, file)
					cancel(errors.New("over"))
				})
			}
			_, err := h.run(ctx)
			stopping.Wait()
			if err == nil || !strings.Contains(err.Error(), end.want) {
				t.Errorf("got %v, want %s", err, end.want)
			}
			awaitGone(t, file)
		})
	}
}

// What a helper leaves behind when it ends is killed, so that nothing piles up.
func TestHelperLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, exit := range []string{"0", "1"} {
		file := filepath.Join(t.TempDir(), "pid")
		h := script(`sleep 1000 >/dev/null 2>&1 & echo $! > ` + file + `; echo '{"password":"p"}'; exit ` + exit)
		if _, err := h.run(t.Context()); (err == nil) != (exit == "0") {
			t.Error(err)
		}
		awaitGone(t, file)
	}
}

// awaitFile waits until there is a file.
func awaitFile(t *testing.T, file string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("no %s", file)
			return
		}
	}
}

// awaitGone waits until the process whose number is in a file has ended.
func awaitGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !gone(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives", pid)
		}
	}
}

// gone tells whether a process has ended. One that nobody has waited for is a zombie, and has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}
