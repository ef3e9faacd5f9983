package admin

// Finding a running relay by its socket, when its HTTP address is not known.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// maxInfo bounds what is read of an answer, in bytes.
const maxInfo = 64 << 10

// errNoHTTP is about a relay whose http.listen is empty, or of an earlier version.
var errNoHTTP = errors.New("the relay tells no HTTP address")

// Find asks the relay that listens on a Unix socket for the address of its HTTP server,
// for Probe. That may be another than its configuration names by now.
func Find(ctx context.Context, socket string) (address string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return "", err
		}
	}
	if _, err := io.WriteString(conn, "INFO server\r\n"); err != nil {
		return "", err
	}
	return addressIn(conn)
}

// addressIn reads the answer to INFO.
func addressIn(answer io.Reader) (string, error) {
	lines := bufio.NewScanner(io.LimitReader(answer, maxInfo))
	for first := true; lines.Scan(); first = false {
		line := strings.TrimSpace(lines.Text())
		if first && strings.HasPrefix(line, "-") {
			return "", fmt.Errorf("the relay refuses: %s", line[1:])
		}
		if address, ok := strings.CutPrefix(line, "redis_relay_http:"); ok && address != "" {
			return address, nil
		} else if ok {
			return "", errNoHTTP
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", errNoHTTP
}
