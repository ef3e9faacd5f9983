// The choice of a server's ports.

package redistest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePorts returns two ports that are free now. They lie below the ranges from
// which systems take the ports of outgoing connections, so that none can take a
// port while its server is down, not even a client that tries to reach it.
func freePorts() (plain, tls string, err error) {
	var ports []string
	for range 100 {
		addr := net.JoinHostPort(host, strconv.Itoa(20000+rand.IntN(12000)))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // held to the end, so that the two differ
		_, port, _ := net.SplitHostPort(addr)
		if ports = append(ports, port); len(ports) == 2 {
			return ports[0], ports[1], nil
		}
	}
	return "", "", fmt.Errorf("no free port on %s", host)
}
