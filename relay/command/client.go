package command

// A client of the relay's socket, for the commands that talk to a running relay.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os/signal"
	"syscall"

	"redis-relay/config"
	"redis-relay/relay/resp"
)

// client is a connection to a relay. One goroutine at a time may use it.
type client struct {
	conn   net.Conn
	in     *bufio.Reader
	socket string // its path
}

// errorReply is an error that the relay replied: its code, and the text.
type errorReply string

func (e errorReply) Error() string { return string(e) }

// running is the relay that runs with a configuration, as its clients find it.
type running struct{ source *config.Source }

// addresses returns those of the running relay: of HTTP, and of the socket. A mistake in the configuration, beside
// which a relay goes on, makes no difference; it is returned, because it may be why no relay is found.
func (r running) addresses() (http, socket string, mistake error) {
	cfg, mistake := read(*r.source) // no schemas are compiled
	if mistake != nil {
		http, socket = config.Addresses(*r.source)
		return http, socket, mistake
	}
	return cfg.HTTP.Listen, cfg.Socket.Path, nil
}

// dial connects to the running relay, as a client of this name. The connection is closed when ctx ends.
func (r running) dial(ctx context.Context, name string) (*client, error) {
	_, socket, mistake := r.addresses()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			err = errno
		}
		err = fmt.Errorf("no relay answers at %s: %w; start it, or name its socket with --socket.path", socket, err)
		if errors.Is(mistake, fs.ErrNotExist) || errors.Is(mistake, fs.ErrPermission) {
			err = errors.Join(mistake, err) // a file that cannot be read names no socket; other mistakes do not matter here
		}
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &client{conn: conn, in: bufio.NewReader(conn), socket: socket}
	if _, err := c.do("CLIENT", "SETNAME", name); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() { _ = c.conn.Close() }

// send sends a command.
func (c *client) send(args ...string) error {
	b := resp.AppendArray(nil, len(args))
	for _, arg := range args {
		b = resp.AppendBulkString(b, arg)
	}
	_, err := c.conn.Write(b)
	return err
}

// receive reads a reply or a message. An error of the relay is an errorReply.
func (c *client) receive() (resp.Value, error) {
	v, err := resp.ReadValue(c.in)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return v, fmt.Errorf("the relay at %s has ended the connection; its log may say why", c.socket)
	case err != nil:
		return v, err
	case v.Type == '-':
		return v, errorReply(v.Str)
	}
	return v, nil
}

// do sends a command and reads its reply.
func (c *client) do(args ...string) (resp.Value, error) {
	sent := c.send(args...)
	v, err := c.receive() // also if it could not be sent: the relay may have said why before it hung up
	if err == nil {
		err = sent
	}
	return v, err
}

// untilInterrupted returns a context that SIGINT and SIGTERM end: the clean end of a command that would go on for ever.
// A second signal ends the process at once.
func untilInterrupted() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
