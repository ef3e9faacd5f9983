package natsbridge

// The embedded server: its options, who may connect and what they may do.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

// slack is what a message may be larger than limits.payload for the server: what is
// a little too large gets an answer with the reason, and a reply its headers.
const slack = 64 << 10

// unlimited is the largest message on the link: limits.payload is for clients. The
// server gives a connection what holds when that is made, and ends the link over a
// message that is larger: an answer with many entries, or a delivery after a reload has
// raised the limit.
const unlimited = -1

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

// SetLimits changes the limits; connections stay, but for those of clients that give a
// user's name. What the server cannot change while it runs stays as it was, and the
// error names it; the rest holds. One goroutine may call it at a time.
func (b *Bridge) SetLimits(l Limits) error {
	if b.server == nil {
		b.setBounds(l)
		return nil
	}
	if l == b.limits {
		return nil
	}
	b.limits = l
	o := b.options.Clone()
	l.set(o)
	var stays []error
	if o.MaxSubs != b.options.MaxSubs {
		o.MaxSubs = b.options.MaxSubs
		stays = append(stays, errors.New("limits.subscriptions: restart needed"))
	}
	if o.MaxPending != b.options.MaxPending {
		o.MaxPending = b.options.MaxPending
		o.MaxPayload = min(o.MaxPayload, int32(o.MaxPending/2)) // a larger one fits no client's queue
		stays = append(stays, errors.New("limits.queue, which a limits.payload of half of it raises: restart needed"))
	}
	l.Payload = min(l.Payload, int(o.MaxPayload)-slack)
	b.setBounds(l)
	return errors.Join(append(stays, b.server.ReloadOptions(o))...)
}

// doorman lets clients in.
type doorman Bridge

// Check is server.Authentication.
func (d *doorman) Check(c server.ClientAuthentication) bool {
	if d.opts.Token != "" && subtle.ConstantTimeCompare([]byte(c.GetOpts().Token), []byte(d.opts.Token)) == 0 {
		return false
	}
	c.RegisterUser(&server.User{Permissions: d.clients.Load()}) // a name would not outlive ReloadOptions
	return true
}

// Scope is a prefix of channels and whether NATS clients may listen to them.
type Scope struct {
	Prefix string
	Open   bool
}

// permissions says to the server what clients may do. A subject begins with whole
// tokens, a prefix of channels may end within one: what the server lets pass for
// that reason is refused by the bridge, in silence.
func permissions(scopes []Scope) *server.Permissions {
	listen := []string{inboxToken + ".>", "relay.events", "relay.rejects"}
	not := []string{publishToken + ".>", historyToken + ".>", "$SYS.>"}
	for _, s := range scopes {
		subject, exact := below(s.Prefix)
		switch {
		case s.Open:
			listen = append(listen, subject)
		case exact && !slices.ContainsFunc(scopes, func(o Scope) bool {
			return o.Open && strings.HasPrefix(o.Prefix, s.Prefix)
		}):
			not = append(not, subject)
		}
	}
	slices.Sort(listen)
	slices.Sort(not)
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{publishToken + ".>", historyToken + ".>", inboxToken + ".>"}},
		Subscribe: &server.SubjectPermission{Allow: slices.Compact(listen), Deny: slices.Compact(not)},
	}
}

func samePermissions(a, b *server.Permissions) bool { return reflect.DeepEqual(a, b) }

// below returns the subject that all channels with a prefix match, and whether no
// others do.
func below(prefix string) (subject string, exact bool) {
	whole, exact := strings.CutSuffix(prefix, ":")
	if !exact {
		last := strings.LastIndexByte(prefix, ':')
		if last < 0 {
			return ">", false
		}
		whole = prefix[:last]
	}
	subject, err := Subject([]byte(whole))
	if err != nil {
		return ">", false
	}
	return subject + ".>", exact
}

// Disconnect disconnects the clients that listen to a name for which who reports
// true. It does not wait for that.
func (b *Bridge) Disconnect(who func(kind resp.Kind, name string) bool) {
	b.later(func() { b.stats.gaps.Add(uint64(b.kick(who))) })
}

// kick returns how many it has disconnected. nil: all clients.
func (b *Bridge) kick(who func(kind resp.Kind, name string) bool) (kicked int) {
	if b.server == nil {
		return 0 // they are the cluster's
	}
	const page = 1024
	var list []uint64
	for offset := 0; ; offset += page {
		z, err := b.server.Connz(&server.ConnzOptions{Subscriptions: true, Offset: offset, Limit: page})
		if err != nil {
			break // the server ends
		}
		for _, c := range z.Conns {
			if c.Kind != "Client" {
				continue // the link
			}
			if who == nil || slices.ContainsFunc(c.Subs, func(subject string) bool {
				n, err := nameOf(subject)
				return !foreign(subject) && err == nil && who(n.kind, n.text)
			}) {
				list = append(list, c.Cid)
			}
		}
		if len(z.Conns) < page {
			break
		}
	}
	for _, id := range list {
		if b.server.DisconnectClientByID(id) == nil {
			kicked++
		}
	}
	return kicked
}

// Reasons are why something of a client was refused, as labels.
var Reasons = []string{
	"publish", "subscribe", "token", "payload", "subscriptions", "clients", "subject", "reply", "closed", "busy",
	"protocol",
}

// Stats is a snapshot for metrics.
type Stats struct {
	Clients       int
	Subscriptions int               // names that NATS clients listen to
	Delivered     uint64            // messages given to the server, ever
	Dropped       uint64            // messages that the server was too far behind for
	Slow          uint64            // clients disconnected because they were slow
	Gaps          uint64            // clients disconnected because messages may be missing
	Large         uint64            // clients disconnected because limits.memory was exceeded
	Kept          int64             // bytes kept for subscriptions of clients, about
	Refused       map[string]uint64 // by Reasons
}

// Counters only grow.
type Counters struct {
	delivered, dropped, gaps, large atomic.Uint64
	forged, unnamed, closed, busy   atomic.Uint64
}

// Stats returns the figures of bridges to a cluster, which have no clients of their
// own.
func (c *Counters) Stats() Stats {
	return Stats{
		Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Gaps: c.gaps.Load(),
		Refused: map[string]uint64{
			"reply": c.forged.Load(), "subject": c.unnamed.Load(), "closed": c.closed.Load(), "busy": c.busy.Load(),
		},
	}
}

// Stats returns the figures of this moment.
func (b *Bridge) Stats() Stats {
	b.changing.Lock()
	names := len(b.names)
	b.changing.Unlock()
	s := b.stats.Stats()
	s.Clients, s.Subscriptions, s.Slow = b.server.NumClients(), names, b.server.NumSlowConsumersClients()
	s.Large, s.Kept = b.stats.large.Load(), b.kept.Load()
	maps.Copy(s.Refused, b.notes.counts())
	return s
}

// notes is the server's log: it counts the refusals, which the server tells nowhere
// else, and passes on what an operator should know.
type notes struct {
	log   *zap.Logger
	kinds []noted
	died  atomic.Pointer[string]
}

// noted counts the lines that hold a text.
type noted struct {
	text, reason string
	count        *atomic.Uint64
}

func newNotes(log *zap.Logger) *notes {
	n := &notes{log: log}
	for _, k := range []noted{
		{text: "Publish Violation", reason: "publish"},
		{text: "Subscription Violation", reason: "subscribe"},
		{text: server.ErrAuthentication.Error(), reason: "token"},
		{text: server.ErrMaxPayload.Error(), reason: "payload"},
		{text: server.ErrTooManySubs.Error(), reason: "subscriptions"},
		{text: server.ErrTooManyConnections.Error(), reason: "clients"},
		{text: "", reason: "protocol"}, // the rest
	} {
		k.count = new(atomic.Uint64)
		n.kinds = append(n.kinds, k)
	}
	return n
}

func (n *notes) counts() map[string]uint64 {
	m := map[string]uint64{}
	for _, k := range n.kinds {
		m[k.reason] = k.count.Load()
	}
	return m
}

// Errorf is about a client that was refused something: the metric counts it, and a
// client cannot flood the log.
func (n *notes) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	for _, k := range n.kinds {
		if strings.Contains(line, k.text) {
			k.count.Add(1)
			break
		}
	}
	n.log.Debug("NATS server", zap.String("error", line))
}

// Warnf passes on.
func (n *notes) Warnf(format string, v ...any) { n.log.Warn(fmt.Sprintf(format, v...)) }

// Fatalf keeps the reason for which the server does not start.
func (n *notes) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	n.died.Store(&line)
}

func (n *notes) fatal() error {
	if line := n.died.Load(); line != nil {
		return fmt.Errorf("%s", *line)
	}
	return nil
}

func (n *notes) Noticef(format string, v ...any) { n.log.Debug(fmt.Sprintf(format, v...)) }
func (n *notes) Debugf(string, ...any)           {}
func (n *notes) Tracef(string, ...any)           {}
