//go:build linux

// The NATS door, beside the socket and beside a bare nats-server with the same
// subscribers.

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"
)

var (
	natsWay  = way{"nats", prefixNATS, atNATS}
	bareNATS = way{"nats-server", prefixNATS, atNATSServer}
)

// natsScheme begins the address of what speaks NATS.
const natsScheme = "nats://"

// overNATS compares the doors.
func overNATS(l *lab) ([]*table, error) {
	throughputs := newFanoutTable("Fan-out to NATS clients",
		"nats is the relay's NATS door, on TCP like the bare nats-server, to which the messages are published directly.")
	latencies := &table{
		title:   "Latency to NATS clients",
		notes:   []string{"As in the other table of latencies; the columns with + are over direct."},
		keys:    []string{"subscribers", "messages/s", "variant"},
		columns: append(slices.Clone(quantileColumns), "p50 +", "p99 +"),
	}
	for _, n := range []int{1, 16} {
		l.progress("NATS: %d subscribers", n)
		v, err := l.newVenue(l.redises[:1], split(n, workersFor(n)), interest{channels: 1}, []way{direct, natsWay, bareNATS})
		if err != nil {
			return nil, err
		}
		err = v.compare(throughputs, n, n, smallPayload, roundFor(n, frameSize(smallPayload)))
		if err == nil {
			err = v.latencies(latencies, n, 1000, direct)
		}
		v.close()
		if err != nil {
			return nil, err
		}
	}
	return []*table{throughputs, latencies}, nil
}

// buildNATS opens the relay's NATS door.
func (v *venue) buildNATS(s *stage, prefixes []string) error {
	address, err := freePort()
	if err != nil {
		return err
	}
	if s.relay, err = v.lab.readyRelay(s.redis, "--nats.listen="+address); err != nil {
		return err
	}
	v.stops = append(v.stops, s.relay.stop)
	s.socket, s.server = natsScheme+address, s.relay.process
	if err := v.gather(s, prefixes...); err != nil {
		return err
	}
	return poll(v.lab.ctx, func() error { // Redis has confirmed a little later
		reply, err := ask(s.redis.socket, "PUBSUB", "CHANNELS", channel(prefixes[0], 0))
		if err == nil && reply != "*1" {
			err = fmt.Errorf("%s is not subscribed", channel(prefixes[0], 0))
		}
		return err
	})
}

// buildNATSServer starts a bare nats-server.
func (v *venue) buildNATSServer(s *stage, prefixes []string) error {
	address, err := freePort()
	if err != nil {
		return err
	}
	w, err := v.worker(setup{Role: roleNATSServer, Listen: address})
	if err != nil {
		return err
	}
	s.socket, s.server = natsScheme+address, w.process
	if s.source, err = v.worker(setup{Role: rolePublisher, Connect: s.socket}); err != nil {
		return err
	}
	return v.gather(s, prefixes...)
}

// natsServer is a nats-server as it comes, but for its log.
type natsServer struct{}

func newNATSServer(s setup) (servant, error) {
	address, err := netip.ParseAddrPort(s.Listen)
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", s.Listen, err)
	}
	running, err := server.NewServer(&server.Options{
		Host: address.Addr().String(), Port: int(address.Port()), NoLog: true, NoSigs: true, DisableShortFirstPing: true,
	})
	if err != nil {
		return nil, err
	}
	running.Start()
	if !running.ReadyForConnections(10 * time.Second) {
		return nil, fmt.Errorf("nats-server does not start at %s", s.Listen)
	}
	return natsServer{}, nil
}

func (natsServer) serve(order) (outcome, error) { return outcome{}, errOrder }

// subject is that of a channel.
func subject(channel string) string { return strings.ReplaceAll(channel, ":", ".") }

// natsFrame returns what a NATS subscriber of a channel receives, whose
// subscription is number 1.
func natsFrame(channel string, payload []byte) []byte {
	return fmt.Appendf(nil, "MSG %s 1 %d\r\n%s\r\n", subject(channel), len(payload), payload)
}

// natsPublish returns a message for a bare nats-server.
func natsPublish(channel, payload string) []byte {
	return fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", subject(channel), len(payload), payload)
}

// dialNATS connects to a NATS server and subscribes; it returns when the server has
// done that.
func dialNATS(address string, channels []string) (fd int, err error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, fmt.Errorf("parse %q: %w", address, err)
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return 0, fmt.Errorf("connect to %s: %w", net.JoinHostPort(to.Addr().String(), fmt.Sprint(to.Port())), err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, fmt.Errorf("switch off Nagle's algorithm: %w", err)
	}
	hello := []byte("CONNECT {\"verbose\":false}\r\n")
	for _, c := range channels {
		hello = fmt.Appendf(hello, "SUB %s 1\r\n", subject(c))
	}
	if err := write(fd, append(hello, "PING\r\n"...)); err != nil {
		return 0, err
	}
	b, n := make([]byte, 4096), 0
	for !bytes.HasSuffix(b[:n], []byte("PONG\r\n")) { // INFO comes first
		more, err := read(fd, b[n:])
		if err != nil {
			return 0, err
		}
		n += more
	}
	return fd, nil
}
