package fleet

// The local processes of the tests: the test binary itself, started again. They
// can be killed, which goroutines cannot.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"redis-relay/relay/redistest"
)

// crowdVariable makes the test binary a process of the crowd. It holds the socket
// to connect to.
const crowdVariable = "RELAY_TEST_CROWD"

const (
	crowdConns    = 10 // connections of one process
	crowdChannels = 50
	crowdPatterns = 5
)

// crowd is the whole life of such a process: it subscribes, says so and stays
// until its standard input ends, as it does when the test dies.
func crowd(socket string) (exitCode int) {
	var conns []net.Conn
	for i := range crowdConns {
		conn, err := joinCrowd(socket, i)
		if err != nil {
			fmt.Println("crowd:", err)
			return 1
		}
		conns = append(conns, conn)
	}
	fmt.Println("subscribed")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns) // the collector closes those that nobody has
	return 0
}

// joinCrowd subscribes connection i to five channels and a pattern, so that each
// process listens to all there are.
func joinCrowd(socket string, i int) (net.Conn, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	subscribe := []string{"SUBSCRIBE"}
	for c := i; c < crowdChannels; c += crowdConns {
		subscribe = append(subscribe, fmt.Sprintf("crowd:%d", c))
	}
	command := redistest.AppendCommand(nil, subscribe...)
	command = redistest.AppendCommand(command, "PSUBSCRIBE", fmt.Sprintf("crowd:%d:*", i%crowdPatterns))
	if _, err := conn.Write(command); err != nil {
		return nil, err
	}
	const linesEach = 6 // of a confirmation
	lines := bufio.NewScanner(conn)
	for range linesEach * len(subscribe) { // the pattern has a confirmation too
		if !lines.Scan() {
			return nil, errors.Join(lines.Err(), io.ErrUnexpectedEOF)
		}
	}
	return conn, nil
}

// startCrowd runs n such processes and returns when all are subscribed. They are
// killed when the test ends.
func startCrowd(t *testing.T, socket string, n int) []*exec.Cmd {
	t.Helper()
	var list []*exec.Cmd
	var says []*bufio.Scanner
	for range n {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crowdVariable+"="+socket)
		cmd.Stderr = os.Stderr
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kill(cmd) })
		list, says = append(list, cmd), append(says, bufio.NewScanner(out))
	}
	for _, s := range says {
		if s.Scan(); s.Text() != "subscribed" {
			t.Fatalf("a process of the crowd said %q", s.Text())
		}
	}
	return list
}

// kill ends processes with SIGKILL.
func kill(list ...*exec.Cmd) {
	for _, cmd := range list {
		_ = cmd.Process.Kill()
	}
	for _, cmd := range list {
		_ = cmd.Wait()
	}
}
