// The choice of a server's ports.

package redistest

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Ports lie below the ranges from which systems take the ports of outgoing
// connections, so that none can take a port while its server is down, not even a
// client that tries to reach it. The suites in relay/clients have those from 11,000.
const (
	firstPort = 20_000
	lastPort  = 32_000
	rangeSize = 200
)

// portRange is the ports of one test process: no other takes one of them, though
// the server that has it may be down.
type portRange struct {
	held net.Listener // on the first, as long as the process lives
	next atomic.Int64
}

// ownRange returns the range of this process.
var ownRange = sync.OnceValues(func() (*portRange, error) {
	for first := firstPort; first < lastPort; first += rangeSize {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(first))); err == nil {
			return &portRange{held: l}, nil
		}
	}
	return nil, fmt.Errorf("all ranges of ports on %s are taken", host)
})

// FreePort is a port of 127.0.0.1 on which nobody listens, for a server that a test runs by itself. No other process
// with this package takes it, and no outgoing connection.
func FreePort(t testing.TB) string {
	t.Helper()
	port, _, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePorts returns two ports that are free now, of the range of this process. It
// takes them in turn, so that one whose server is down is not soon given again.
func freePorts() (plain, tls string, err error) {
	own, err := ownRange()
	if err != nil {
		return "", "", err
	}
	first := own.held.Addr().(*net.TCPAddr).Port
	var ports []string
	for range rangeSize {
		port := strconv.Itoa(first + 1 + int(own.next.Add(1))%(rangeSize-1))
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			continue
		}
		_ = l.Close()
		if ports = append(ports, port); len(ports) == 2 {
			return ports[0], ports[1], nil
		}
	}
	return "", "", fmt.Errorf("no free port from %d on", first)
}
