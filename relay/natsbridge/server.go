package natsbridge

// The embedded server: starting it, its options, and its clients.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

const (
	startTimeout = 10 * time.Second

	// slack is how many bytes more than limits.payload the server accepts in a message. So a client whose message is
	// a little too large gets an answer with the reason, and a reply has room for its headers.
	slack = 64 << 10

	// unlimited is the size limit on the bridge's connection: limits.payload is for clients. A connection keeps the
	// limit with which it was made, and the server would close it over a larger message, such as an answer with many
	// entries, or a delivery after a reload has raised the limit.
	unlimited = -1

	maxCounted = 1024 // the most subscriptions that are searched to count some: that takes 0.2 ms
)

// embedded is the server for NATS clients of this host. Its methods may be called from anywhere, except listeners,
// which belongs to the loop, and start.
type embedded struct {
	*server.Server
	token   string
	options *server.Options
	account *server.Account // of all clients; it never changes
	log     *serverLog
	clients atomic.Pointer[server.Permissions] // of clients that connect from now on
}

// start starts the server and waits until it has dialled the bridge. It returns that connection, with the bytes that
// were read from it. listen is the next step.
func (e *embedded) start(listen string, limits Limits, log *zap.Logger) (conn net.Conn, rest []byte, err error) {
	e.log = newServerLog(log)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the server: %w", err)
	}
	defer func() { _ = ln.Close() }() // one connection is enough
	secret := newSecret()
	if e.options, err = options(listen, limits, ln.Addr().String(), secret); err != nil {
		return nil, nil, err
	}
	e.options.CustomClientAuthentication = e
	first := e.options.Clone()
	first.MaxPayload = unlimited
	if e.Server, err = server.NewServer(first); err != nil {
		return nil, nil, err
	}
	e.SetLoggerV2(e.log, true, false, false)
	e.Start()
	e.account = e.GlobalAccount()
	conn, rest, err = acceptServer(ln.(*net.TCPListener), secret) //nolint:forcetypeassert // of a TCP address
	if err != nil {
		err = errors.Join(err, e.log.fatal())
	}
	return conn, rest, err
}

// listen has the server accept clients.
func (e *embedded) listen() error {
	if err := e.ReloadOptions(e.options.Clone()); err != nil { // the bridge's connection keeps its limit
		return err
	}
	e.AcceptLoop(make(chan struct{})) // which it closes
	return e.log.fatal()
}

// stop ends the server and waits until it has ended.
func (e *embedded) stop() {
	if e != nil && e.Server != nil {
		e.Shutdown()
		e.WaitForShutdown()
	}
}

// options returns the options of a server that stores nothing, dials the bridge as its leaf node at the address
// bridge, and does not listen yet.
func options(listen string, limits Limits, bridge, secret string) (*server.Options, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	o := &server.Options{
		ServerName: "redis-relay", Host: host, Port: number,
		DontListen: true, NoSigs: true, NoSystemAccount: true, DisableJetStreamBanner: true, DisableShortFirstPing: true,
		MaxControlLine: maxSubject + 4096, MaxTracedMsgLen: 256,
		LeafNode: server.LeafNodeOpts{
			ReconnectInterval: time.Second,
			Remotes: []*server.RemoteLeafOpts{{
				URLs: []*url.URL{{Scheme: "nats-leaf", Host: bridge, User: url.UserPassword(leafUser, secret)}},
				Hub:  true, Compression: server.CompressionOpts{Mode: server.CompressionOff},
			}},
		},
	}
	limits.set(o)
	return o, nil
}

func (l Limits) set(o *server.Options) {
	o.MaxConn, o.MaxSubs = l.Clients, l.Subscriptions
	o.MaxPayload, o.MaxPending = int32(l.Payload+slack), int64(max(l.Queue, 2*(l.Payload+slack)))
}

// change returns the options for other limits, and the limit of payloads that these options allow. The error names
// the limits that stay as they were, because the server cannot change them while it runs.
func (e *embedded) change(l Limits) (o *server.Options, payload int, stays error) {
	o = e.options.Clone()
	l.set(o)
	var list []error
	if o.MaxSubs != e.options.MaxSubs {
		o.MaxSubs = e.options.MaxSubs
		list = append(list, errors.New("limits.subscriptions: restart needed"))
	}
	if o.MaxPending != e.options.MaxPending {
		o.MaxPending = e.options.MaxPending
		o.MaxPayload = min(o.MaxPayload, int32(o.MaxPending/2)) // a larger one fits no client's queue
		list = append(list, errors.New("limits.queue, which a limits.payload of half of it raises: restart needed"))
	}
	return o, min(l.Payload, int(o.MaxPayload)-slack), errors.Join(list...)
}

// Check implements server.Authentication: it accepts a client that has the token.
func (e *embedded) Check(c server.ClientAuthentication) bool {
	if e.token != "" && subtle.ConstantTimeCompare([]byte(c.GetOpts().Token), []byte(e.token)) == 0 {
		return false
	}
	c.RegisterUser(&server.User{Permissions: e.clients.Load()}) // a name would not outlive ReloadOptions
	return true
}

// disconnect disconnects the clients that listen to a name for which match returns true, or all clients if match is
// nil, and returns how many. It may take long.
func (e *embedded) disconnect(match func(kind resp.Kind, name string) bool) (disconnected int) {
	const page = 1024
	var list []uint64
	for offset := 0; ; offset += page {
		z, err := e.Connz(&server.ConnzOptions{Subscriptions: true, Offset: offset, Limit: page})
		if err != nil {
			break // the server ends
		}
		for _, c := range z.Conns {
			if c.Kind != "Client" {
				continue // the bridge
			}
			if match == nil || slices.ContainsFunc(c.Subs, func(subject string) bool {
				n, err := nameOf(subject)
				return !foreign(subject) && err == nil && match(n.Kind, n.Text)
			}) {
				list = append(list, c.Cid)
			}
		}
		if len(z.Conns) < page {
			break
		}
	}
	for _, id := range list {
		if e.DisconnectClientByID(id) == nil {
			disconnected++
		}
	}
	return disconnected
}

// largest returns the client with the most subscriptions, or nil. It may take long.
func (e *embedded) largest() *server.ConnInfo {
	const some = 8 // more than there are connections of other kinds
	z, err := e.Connz(&server.ConnzOptions{Sort: server.BySubs, Limit: some})
	if err != nil {
		return nil // the server ends
	}
	for _, c := range z.Conns {
		if c.Kind == "Client" && c.NumSubs > 0 {
			return c
		}
	}
	return nil
}

// matchCount is the number of subscriptions that match a subject, for one state of the server.
type matchCount struct {
	inserts, removes uint64
	listeners        int
}

// listeners counts the subscriptions that a message reaches. It never waits long: it takes the locks of the account
// and of its subscriptions only.
func (e *embedded) listeners(t *target, subject string) int {
	if t.overlaps {
		if now, ok := e.countOverlapping(subject, t.count); ok {
			t.count = now
			return now.listeners
		}
	}
	return e.account.Interest(subject)
}

// countOverlapping counts the subscriptions that match a subject where several subjects do (chat.42, chat.>). There
// the server's Interest counts one subject only, unless the server has matched a message lately. The server has to
// search all subscriptions for that, so it is done only when they have changed. ok is false if there are too many.
func (e *embedded) countOverlapping(subject string, known matchCount) (now matchCount, ok bool) {
	z, err := e.Subsz(nil)
	if err != nil {
		return now, false
	}
	now = matchCount{inserts: z.NumInserts, removes: z.NumRemoves, listeners: known.listeners}
	if now == known {
		return now, true
	}
	if z.NumSubs > maxCounted {
		return now, false
	}
	z, err = e.Subsz(&server.SubszOptions{Subscriptions: true, Test: subject, Limit: 1})
	if err != nil {
		return now, false
	}
	now.listeners = z.Total
	return now, true
}
