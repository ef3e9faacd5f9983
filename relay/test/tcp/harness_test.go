package tcp

// A relay with socket.tcp, and clients that connect to it.

import (
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const listen = "127.0.0.1:0"

func overTCP(c *config.Config) { c.Socket.TCP = listen }

// withPassword has clients on TCP give a password. The file is the test's own.
func withPassword(t *testing.T, password string) harness.Option {
	t.Helper()
	file := harness.WriteFile(t, t.TempDir(), "password", password+"\n")
	return func(c *config.Config) { c.Socket.TCP, c.Socket.PasswordFile = listen, file }
}

// dial connects by TCP.
func dial(r *harness.Relay) *redistest.Client {
	r.T.Helper()
	return redistest.Dial(r.T, "tcp", r.TCPAddress())
}

// exchange sends a command and expects its reply.
func exchange(t *testing.T, c *redistest.Client, want string, command ...string) {
	t.Helper()
	if err := harness.Exchange(c, command, want); err != nil {
		t.Errorf("%q: %v", command, err)
	}
}
