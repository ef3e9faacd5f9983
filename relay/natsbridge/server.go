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

	// slack is what a message may be larger than limits.payload for the server: what is
	// a little too large gets an answer with the reason, and a reply its headers.
	slack = 64 << 10

	// unlimited is the largest message on the link: limits.payload is for clients. The
	// server gives a connection what holds when that is made, and ends the link over a
	// message that is larger: an answer with many entries, or a delivery after a reload has
	// raised the limit.
	unlimited = -1

	maxCounted = 1024 // subscriptions that may be gone through to count some: 0.2 ms
)

// embedded is the server for NATS clients of this host. Its methods may be called from anywhere, but for
// listeners, which belongs to the loop, and start.
type embedded struct {
	*server.Server
	token   string
	options *server.Options
	account *server.Account // of all clients; it stays the same
	notes   *notes
	clients atomic.Pointer[server.Permissions]
}

// start starts the server and waits for it to dial the link, which it returns with what has come over
// it. listen is the next step.
func (e *embedded) start(listen string, limits Limits, log *zap.Logger) (conn net.Conn, rest []byte, err error) {
	e.notes = newNotes(log)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the server: %w", err)
	}
	defer func() { _ = ln.Close() }() // one connection is all there is
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
	e.SetLoggerV2(e.notes, false, false, false)
	e.Start()
	e.account = e.GlobalAccount()
	conn, rest, err = acceptLink(ln.(*net.TCPListener), secret) //nolint:forcetypeassert // of a TCP address
	if err != nil {
		err = errors.Join(err, e.notes.fatal())
	}
	return conn, rest, err
}

// listen lets clients in.
func (e *embedded) listen() error {
	if err := e.ReloadOptions(e.options.Clone()); err != nil { // the link keeps what it has
		return err
	}
	e.AcceptLoop(make(chan struct{})) // which it closes
	return e.notes.fatal()
}

// stop ends the server. It waits for that.
func (e *embedded) stop() {
	if e != nil && e.Server != nil {
		e.Shutdown()
		e.WaitForShutdown()
	}
}

// options are those of a server that keeps nothing, has the bridge as its leaf node,
// and listens, for clients only, when that stands.
func options(listen string, limits Limits, link, secret string) (*server.Options, error) {
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
				URLs: []*url.URL{{Scheme: "nats-leaf", Host: link, User: url.UserPassword(linkUser, secret)}},
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

// change returns the options for other limits, with the limit of payloads that holds then, and an error
// that names what stays as it was, because the server cannot change it while it runs.
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

// Check is server.Authentication: it lets clients in.
func (e *embedded) Check(c server.ClientAuthentication) bool {
	if e.token != "" && subtle.ConstantTimeCompare([]byte(c.GetOpts().Token), []byte(e.token)) == 0 {
		return false
	}
	c.RegisterUser(&server.User{Permissions: e.clients.Load()}) // a name would not outlive ReloadOptions
	return true
}

// kick disconnects the clients that listen to a name for which who reports true, and returns how many.
// nil: all clients. It may take long.
func (e *embedded) kick(who func(kind resp.Kind, name string) bool) (kicked int) {
	const page = 1024
	var list []uint64
	for offset := 0; ; offset += page {
		z, err := e.Connz(&server.ConnzOptions{Subscriptions: true, Offset: offset, Limit: page})
		if err != nil {
			break // the server ends
		}
		for _, c := range z.Conns {
			if c.Kind != "Client" {
				continue // the link
			}
			if who == nil || slices.ContainsFunc(c.Subs, func(subject string) bool {
				n, err := nameOf(subject)
				return !foreign(subject) && err == nil && who(n.Kind, n.Text)
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
			kicked++
		}
	}
	return kicked
}

// largest returns the client with the most subscriptions, or nil. It may take long.
func (e *embedded) largest() *server.ConnInfo {
	const some = 8 // more than what are no clients
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

// census is how many subscriptions a message reaches, for one state of the server's.
type census struct {
	inserts, removes uint64
	listeners        int
}

// listeners counts the subscriptions that a message reaches. It does not wait for what takes long: it
// takes the locks of the account and of its subscriptions only.
func (e *embedded) listeners(t *target, subject string) int {
	if t.overlaps {
		if now, ok := e.countOverlapping(subject, t.count); ok {
			t.count = now
			return now.listeners
		}
	}
	return e.account.Interest(subject)
}

// countOverlapping counts where the server's Interest does not: of subscriptions to
// several subjects (chat.42, chat.>) it counts those to one, unless it has lately matched
// a message. The server has to go through all that there are, so that is done only when
// they have changed, and reports false if they are too many.
func (e *embedded) countOverlapping(subject string, known census) (now census, ok bool) {
	z, err := e.Subsz(nil)
	if err != nil {
		return now, false
	}
	now = census{inserts: z.NumInserts, removes: z.NumRemoves, listeners: known.listeners}
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
