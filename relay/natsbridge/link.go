package natsbridge

// The connection over which a server and the bridge talk, be the server ours or a
// cluster's: the leaf node protocol of NATS, as a leaf speaks it.

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-relay/relay/hub"
)

const (
	linkUser   = "relay"
	linkBuffer = 64 << 10 // bytes; the longest line that the server sends is shorter
)

var errProtocol = errors.New("unexpected bytes from the NATS server")

func newSecret() string { return rand.Text() }

// link is one connection of the server. The bridge's read is the only reader.
type link struct {
	conn  net.Conn
	in    *bufio.Reader
	out   *hub.Outbox
	pongs chan struct{} // never closed; one for each PONG that somebody waits for
}

// acceptLink waits for the server to dial, makes sure that it is the one, and
// subscribes to what clients may send.
func acceptLink(ln *net.TCPListener, secret string, bounds *hub.Bounds, writers *sync.WaitGroup) (*link, error) {
	deadline := time.Now().Add(startTimeout)
	if err := ln.SetDeadline(deadline); err != nil {
		return nil, err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return nil, fmt.Errorf("the server did not dial: %w", err)
		}
		_ = conn.SetDeadline(deadline)
		l := &link{conn: conn, in: bufio.NewReaderSize(conn, linkBuffer), pongs: make(chan struct{}, 1)}
		if err := l.handshake(secret); err != nil {
			_ = conn.Close()
			if errors.Is(err, errStranger) {
				continue
			}
			return nil, err
		}
		_ = conn.SetDeadline(time.Time{})
		if l.out, err = hub.NewOutbox(conn, bounds, writers, func(hub.Reason) {}); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return l, nil
	}
}

var errStranger = errors.New("somebody else dialled")

// handshake returns when the server knows what the bridge subscribes to.
func (l *link) handshake(secret string) error {
	const info = `INFO {"server_id":"relay","server_name":"relay","version":"2.15.2","proto":1,"headers":true,` +
		`"max_payload":%d,"client_id":1,"info_on_connect":true}` + "\r\n"
	if _, err := fmt.Fprintf(l.conn, info, 1<<30); err != nil {
		return errors.Join(errStranger, err)
	}
	line, err := l.line()
	connect, ok := bytes.CutPrefix(line, []byte("CONNECT "))
	var who struct{ User, Pass string }
	if err != nil || !ok || json.Unmarshal(connect, &who) != nil ||
		subtle.ConstantTimeCompare([]byte(who.User+" "+who.Pass), []byte(linkUser+" "+secret)) == 0 {
		return errors.Join(errStranger, err)
	}
	_, err = io.WriteString(l.conn, `INFO {"connect_info":true}`+"\r\n"+
		"LS+ "+publishToken+".>\r\nLS+ "+historyToken+".>\r\nPING\r\n")
	for err == nil && !bytes.Equal(line, []byte("PONG")) {
		line, err = l.line()
	}
	return err
}

// line returns the next line, valid until the next call.
func (l *link) line() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// barrier waits until the server has dealt with all that was sent, and reports
// whether it has. It gives up when ended is closed. One goroutine may call it.
func (l *link) barrier(timeout time.Duration, ended <-chan struct{}) bool {
	l.out.Reply([]byte("PING\r\n"))
	l.out.Flush()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-l.pongs:
		return true
	case <-timer.C:
	case <-ended:
	}
	return false
}

// message reads what follows the line of a message: its body, without headers. The
// line is a subject, perhaps a reply subject, and one or two sizes; or, where it is for
// queue groups, a subject, "|" or "+" and a reply subject, the groups, and the sizes.
func (l *link) message(args []string, headers bool) (request, error) {
	numbers := 1
	if headers {
		numbers = 2
	}
	m := request{at: time.Now()}
	if n := len(args) - numbers; n < 1 {
		return m, fmt.Errorf("%w: a message with %d arguments", errProtocol, len(args))
	} else if m.subject = args[0]; n > 2 && args[1] == "+" {
		m.reply = args[2]
	} else if n > 1 && args[1] != "|" {
		if m.reply = args[1]; n > 2 {
			return m, fmt.Errorf("%w: a message with %d arguments", errProtocol, len(args))
		}
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil || size < 0 {
		return m, fmt.Errorf("%w: a message of %q bytes", errProtocol, args[len(args)-1])
	}
	body := make([]byte, size+len("\r\n"))
	if _, err := io.ReadFull(l.in, body); err != nil {
		return m, err
	}
	m.payload = body[:size]
	if headers {
		n, err := strconv.Atoi(args[len(args)-2])
		if err != nil || n < 0 || n > size {
			return m, fmt.Errorf("%w: headers of %q bytes", errProtocol, args[len(args)-2])
		}
		m.payload = m.payload[n:]
	}
	return m, nil
}

// read carries out what the server says until the connection ends.
func (b *Bridge) read() error {
	for {
		line, err := b.link.line()
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(string(line), " ")
		switch verb {
		case "LS+":
			b.subscribed(rest)
		case "LS-":
			b.unsubscribed(rest)
		case "LMSG", "HMSG":
			m, err := b.link.message(strings.Fields(rest), verb == "HMSG")
			if err != nil {
				return err
			}
			b.requested(m)
		case "PING":
			b.link.out.Reply([]byte("PONG\r\n"))
			b.link.out.Flush()
		case "PONG":
			select {
			case b.link.pongs <- struct{}{}:
			default:
			}
		case "-ERR":
			if err := b.problem(rest); err != nil {
				return err
			}
		case "INFO", "+OK":
		default:
			return fmt.Errorf("%w: %.200q", errProtocol, line)
		}
	}
}
