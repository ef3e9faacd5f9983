package command

// What the relay says, and how often.

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/redistest"
)

// TestLoweredClientsAreSaidOnce, and not at each reload that changes other things.
func TestLoweredClientsAreSaidOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{"relay.yaml": "limits: {clients: 5000}"})
	d := s.start(func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -n 200; exec "$0" "$@"`}, cmd.Args...)
	})
	d.awaitReady()
	said := func() int { return strings.Count(d.Stderr.String(), "limits.clients is lowered") }
	routes := 0 // in the file: by their number the log tells which one was read
	reload := func(clients int) {
		t.Helper()
		routes++
		text := fmt.Sprintf("limits: {clients: %d}\nroutes:\n", clients)
		for n := range routes {
			text += fmt.Sprintf("- prefix: 'r%d:'\n", n)
		}
		s.write("relay.yaml", text)
		d.Signal(syscall.SIGHUP)
		redistest.Eventually(t, wait, "it is reloaded", func() bool {
			return strings.Contains(d.Stderr.String(), fmt.Sprintf(`"routes": %d,`, routes))
		})
	}
	if said() != 1 {
		t.Errorf("said %d times at the start", said())
	}
	reload(5000)
	if said() != 1 {
		t.Errorf("said %d times after a reload of something else", said())
	}
	reload(6000)
	if said() != 2 {
		t.Errorf("said %d times after a reload that asks for more", said())
	}
	reload(10)
	reload(6000)
	if said() != 3 {
		t.Errorf("said %d times after a reload that asks for as much again", said())
	}
}

// TestDeniedPatternIsCalledOne, not a channel.
func TestDeniedPatternIsCalledOne(t *testing.T) {
	t.Parallel()
	d := newScene(t, map[string]string{"relay.yaml": "unrouted: deny"}).start(nil)
	d.awaitReady()
	c := d.Dial()
	for command, want := range map[string]string{
		"PSUBSCRIBE": "-DENIED *: no route covers this pattern, and unrouted is deny; add a route to relay.yaml",
		"SUBSCRIBE":  "-DENIED *: no route covers this channel, and unrouted is deny; add a route to relay.yaml",
	} {
		c.Send(command, "*")
		c.Expect(t, want)
	}
}

// TestTakenAddressHasAWayOut of each kind.
func TestTakenAddressHasAWayOut(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	s := newScene(t, nil)
	for _, key := range []string{"http.listen", "nats.listen", "socket.tcp"} {
		r := s.run(nil, "--"+key+"="+ln.Addr().String())
		r.expect(t, exitFailed, key+": ", "address already in use", `choose another address, or "" for none`)
		if n := strings.Count(r.stderr, ln.Addr().String()); n != 1 {
			t.Errorf("the address is named %d times: %s", n, r.stderr)
		}
	}
}
