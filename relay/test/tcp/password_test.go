package tcp

// The password, and its change. What is answered before and behind AUTH is in relay/test/wire, beside redis-server.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"

	"go.uber.org/zap"
)

const noAuth = "-NOAUTH Authentication required."

// TestPasswordIsOfTCP: on the Unix socket any credentials are right, and none are needed.
func TestPasswordIsOfTCP(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil, withPassword(t, "a secret"))
	unix, tcp := r.Dial(), dial(r)
	exchange(t, unix, "+PONG", "PING")
	exchange(t, unix, "+OK", "AUTH", "anybody", "anything")
	exchange(t, unix, "+PONG", "PING")
	exchange(t, tcp, noAuth, "SUBSCRIBE", "c")
	exchange(t, tcp, "-WRONGPASS invalid username-password pair or user is disabled.", "AUTH", "anything")
	exchange(t, tcp, "+OK", "AUTH", "a secret")
	exchange(t, tcp, "[subscribe c 1]", "SUBSCRIBE", "c")
	if n := r.Logs.FilterMessage("client gave wrong credentials").Len(); n != 1 {
		t.Errorf("%d lines about wrong credentials", n)
	}
	for _, e := range r.Logs.All() {
		line := fmt.Sprint(e.Message, e.ContextMap())
		if strings.Contains(line, "a secret") || strings.Contains(line, "anything") {
			t.Errorf("the log has a password: %s", line)
		}
	}
}

// TestWithoutPasswordAnyIsRight, as on the Unix socket.
func TestWithoutPasswordAnyIsRight(t *testing.T) {
	t.Parallel()
	c := dial(harness.Start(t, nil, overTCP))
	exchange(t, c, "+PONG", "PING")
	exchange(t, c, "+OK", "AUTH", "anybody", "anything")
	c.Hello3()
}

// TestHTTPEndsAtOnce: a web page can have a browser send requests to a loopback address.
func TestHTTPEndsAtOnce(t *testing.T) {
	t.Parallel()
	c := dial(harness.Start(t, nil, withPassword(t, "p")))
	c.SendRaw([]byte("POST / HTTP/1.1\r\nHost: x\r\n\r\nAUTH p\r\nPUBLISH c x\r\n"))
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestPasswordChangesByReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := harness.WriteFile(t, dir, "password", "first\n")
	file := harness.WriteFile(t, dir, "relay.yaml", "socket: {tcp: '127.0.0.1:0', password_file: password}\n")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, file))
	old := dial(r)
	exchange(t, old, "+OK", "AUTH", "first")

	harness.WriteFile(t, dir, "password", "second\n") // the relay looks at the file by itself
	redistest.Eventually(t, redistest.DefaultTimeout, "the new password holds", func() bool {
		return dial(r).Do("AUTH", "second").String() == "+OK"
	})
	exchange(t, dial(r), "-WRONGPASS invalid username-password pair or user is disabled.", "AUTH", "first")
	exchange(t, old, "+PONG", "PING")
	exchange(t, old, "+RESET", "RESET")
	exchange(t, old, noAuth, "PING")

	for name, spoil := range map[string]func() error{
		"empty": func() error { return os.WriteFile(password, []byte("\n"), 0o600) },
		"gone":  func() error { return os.Remove(password) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := r.Reload(); err == nil || !strings.Contains(err.Error(), "socket.password_file: ") {
			t.Errorf("%s: Reload says %v", name, err)
		}
		exchange(t, dial(r), "+OK", "AUTH", "second")
	}
}

// TestOtherKeysNeedARestart: the password goes on to hold where the relay goes on to listen.
func TestOtherKeysNeedARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	harness.WriteFile(t, dir, "password", "p\n")
	file := harness.WriteFile(t, dir, "relay.yaml", "socket: {tcp: '127.0.0.1:0', password_file: password}\n")
	r := harness.Start(t, nil, harness.WithFile(t, file))
	harness.WriteFile(t, dir, "relay.yaml", "socket: {tcp: '127.0.0.1:1'}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	lines := r.Logs.FilterMessageSnippet("restart needed").All()
	if len(lines) == 0 {
		t.Fatal("nothing is said")
	}
	if keys := lines[0].ContextMap()["keys"]; !strings.Contains(strings.Join(texts(keys), " "), "socket.tcp socket.password_file") {
		t.Errorf("restart needed for %v", keys)
	}
	exchange(t, dial(r), noAuth, "PING")
	if err := os.Remove(filepath.Join(dir, "password")); err != nil { // which relay.yaml does not name any more
		t.Fatal(err)
	}
	if err := r.Reload(); err != nil {
		t.Error(err)
	}
	c := dial(r)
	exchange(t, c, noAuth, "PING")
	exchange(t, c, "+OK", "AUTH", "p")
}

func texts(v any) (list []string) {
	all, _ := v.([]any)
	for _, one := range all {
		text, _ := one.(string)
		list = append(list, text)
	}
	return list
}

// TestMistakes end the start, with the key and a way out.
func TestMistakes(t *testing.T) {
	t.Parallel()
	taken := harness.Start(t, nil, overTCP).TCPAddress()
	empty := harness.WriteFile(t, t.TempDir(), "password", "\r\n")
	for name, tt := range map[string]struct {
		socket config.Socket
		want   []string
	}{
		"taken": {config.Socket{TCP: taken}, []string{
			"socket.tcp: listen tcp " + taken + ": bind: address already in use", `choose another address, or "" for none`,
		}},
		"no file":    {config.Socket{TCP: listen, PasswordFile: "/gone"}, []string{"socket.password_file: open /gone: ", "name another file"}},
		"empty file": {config.Socket{TCP: listen, PasswordFile: empty}, []string{"socket.password_file: " + empty + " is empty; write a password into it"}},
	} {
		cfg := harness.Shipped(t)
		cfg.HTTP.Listen, cfg.Socket.TCP, cfg.Socket.PasswordFile = "", tt.socket.TCP, tt.socket.PasswordFile
		cfg.Socket.Path = t.TempDir() + "/s"
		r, err := relay.New(cfg, "test", zap.NewNop(), zap.NewAtomicLevel())
		if err == nil {
			t.Errorf("%s: the relay starts", name)
			_ = r.Close()
			continue
		}
		for _, want := range tt.want {
			if strings.Count(err.Error(), want) != 1 {
				t.Errorf("%s: %v\nwant once %q", name, err, want)
			}
		}
		if _, err := os.Lstat(cfg.Socket.Path); err == nil {
			t.Errorf("%s: the socket is left behind", name)
		}
	}
}
