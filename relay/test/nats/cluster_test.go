package nats

// A NATS cluster, of which the relays of this test are the leaf node.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

// testHub is a NATS server that takes leaf nodes.
type testHub struct {
	t    testing.TB
	opts *server.Options
	*server.Server
}

func startHub(t testing.TB, edit ...func(*server.Options)) *testHub {
	t.Helper()
	host, _, err := net.SplitHostPort(process.FreeAddress(t)) // nobody takes its ports while it is stopped
	if err != nil {
		t.Fatal(err)
	}
	h := &testHub{t: t, opts: &server.Options{
		ServerName: "hub", Host: host, Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		LeafNode: server.LeafNodeOpts{Host: host, Port: server.RANDOM_PORT},
	}}
	for _, e := range edit {
		e(h.opts)
	}
	h.start()
	t.Cleanup(h.stop)
	return h
}

// start starts it, again at the addresses that it had.
func (h *testHub) start() {
	h.t.Helper()
	opts := h.opts.Clone()
	s, err := server.NewServer(opts)
	if err != nil {
		h.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		h.t.Fatal("the hub does not start")
	}
	h.Server = s
	h.opts.Port, h.opts.LeafNode.Port = s.Addr().(*net.TCPAddr).Port, opts.LeafNode.Port
}

func (h *testHub) stop() {
	h.Shutdown()
	h.WaitForShutdown()
}

// attach has a relay be a leaf node, by a URL that begins with scheme.
func (h *testHub) attach(scheme string) func(*config.Config) {
	return func(c *config.Config) {
		c.NATS.Leaf.URL = scheme + h.leafAddress()
	}
}

// leafAddress is where it takes leaf nodes.
func (h *testHub) leafAddress() string {
	return net.JoinHostPort(h.opts.LeafNode.Host, strconv.Itoa(h.opts.LeafNode.Port))
}

// client connects a client of the cluster.
func (h *testHub) client(opts ...nats.Option) *nats.Conn {
	h.t.Helper()
	nc, err := nats.Connect(h.ClientURL(), append([]nats.Option{
		nats.ReconnectWait(10 * time.Millisecond), nats.MaxReconnects(-1), nats.Timeout(patience), nats.ReconnectJitter(0, 0),
	}, opts...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(nc.Close)
	return nc
}

// attached waits until one of the relays is the leaf node, and returns it.
func attached(t testing.TB, relays ...*natsRelay) (leader *natsRelay) {
	t.Helper()
	redistest.Eventually(t, 2*patience, "one relay is the leaf node", func() bool {
		leader = nil
		for _, r := range relays {
			if !r.Stopped() && r.Metric("nats_leaf_up") == 1 {
				leader = r
			}
		}
		return leader != nil && leader.Logs.FilterMessage("leaf node of the NATS cluster").Len() > 0
	})
	return leader
}

// listen subscribes a client of the cluster and returns when Redis has confirmed it.
func (h *testHub) listen(nc *nats.Conn, leader *natsRelay, subject string) *nats.Subscription {
	h.t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = sub.SetPendingLimits(-1, -1)
	h.inForce(nc, leader)
	return sub
}

func (h *testHub) inForce(nc *nats.Conn, leader *natsRelay) {
	h.t.Helper()
	if err := nc.FlushTimeout(patience); err != nil {
		h.t.Fatal(err)
	}
	leader.answer(nc, "publish.barrier.x", "") // comes behind the subscriptions
	redistest.Eventually(h.t, patience, "Redis has confirmed", func() bool {
		ready, _ := leader.Ready()
		return ready
	})
}

// TestCluster has two relays at one cluster: whoever listens, there or at a door of one
// of them, hears each message once, in order, wherever it was published.
func TestCluster(t *testing.T) {
	const each = 200
	redis, hub := redistest.Start(t), startHub(t)
	relays := []*natsRelay{startRelay(t, redis, hub.attach("nats://")), startRelay(t, redis, hub.attach("nats-leaf://"))}
	leader := attached(t, relays...)
	far := hub.client()
	if got := redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String(); got != "[plain:1 0]" {
		t.Errorf("while nobody listens: %s", got)
	}
	ears := map[string]*nats.Subscription{
		"cluster": hub.listen(far, leader, "plain.1"), "wildcard": hub.listen(far, leader, "plain.*"),
		"one": relays[0].listen(relays[0].nats(), "plain.1"), "other": relays[1].listen(relays[1].nats(), "plain.>"),
	}
	group, err := far.QueueSubscribeSync("plain.>", "workers")
	if err != nil {
		t.Fatal(err)
	}
	hub.inForce(far, leader)
	ears["group"] = group
	mouths := []mouth{
		socketDoor{}.publisher(relays[0]), socketDoor{}.publisher(relays[1]), natsDoor{}.publisher(relays[0]),
		natsMouth{leader, far},
	}
	for p, m := range mouths {
		go func() {
			for i := range each {
				m.send("plain:1", fmt.Appendf(nil, "%d %d", p, i))
			}
		}()
	}
	for name, sub := range ears {
		next := make([]int, len(mouths))
		for range each * len(mouths) {
			var p, i int
			text := hear(t, sub, "plain.1")
			if _, err := fmt.Sscanf(text, "%d %d", &p, &i); err != nil || next[p] != i {
				t.Fatalf("%s heard %q, want message %d", name, text, next[p])
			}
			next[p]++
		}
	}
	leader.answer(far, "publish.plain.2", "last")
	hear(t, ears["wildcard"], "plain.2")
	for name, sub := range ears {
		if n, _, _ := sub.Pending(); n != 0 && name != "other" && name != "group" {
			t.Errorf("%s heard %d messages too many", name, n)
		}
	}
	for _, sub := range ears {
		_ = sub.Unsubscribe()
	}
	redistest.Eventually(t, patience, "Redis has let go", func() bool {
		return redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String() == "[plain:1 0]" &&
			redis.MustDo("PUBSUB", "NUMPAT").String() == ":0"
	})
}

// TestClusterPolicy has the cluster's clients under the rules of those of the host.
func TestClusterPolicy(t *testing.T) {
	redis, hub := redistest.Start(t), startHub(t)
	r := startRelay(t, redis, hub.attach("nats://"), func(c *config.Config) {
		c.NATS.Listen = ""
		c.Routes = append(c.Routes, newRoute("here:", func(r *config.Route) { r.NATS = false }),
			newRoute("dark:", func(r *config.Route) { r.Subscribe = false }),
			newRoute("shut:", func(r *config.Route) { r.Publish = false }))
	})
	leader := attached(t, r)
	far := hub.client()
	everything := hub.listen(far, leader, ">")
	for _, subject := range []string{"here.1", "dark.1", "nowhere.1", "*.1", "relay.rejects", "relay.>"} {
		hub.listen(far, leader, subject)
	}
	for _, name := range []string{"here:1", "dark:1", "nowhere:1", "relay:rejects"} {
		if got := redis.MustDo("PUBSUB", "NUMSUB", name).String(); got != "["+name+" 0]" {
			t.Errorf("Redis has %s", got)
		}
	}
	if got := redis.MustDo("PUBSUB", "NUMPAT").String(); got != ":0" {
		t.Errorf("Redis has %s patterns", got)
	}
	for _, tt := range []struct{ subject, payload, code string }{
		{"publish.here.1", "m", "DENIED"},
		{"publish.shut.1", "m", "DENIED"},
		{"publish.nowhere.1", "m", "DENIED"},
		{"publish.relay.events", "m", "DENIED"},
		{"publish.chat.42", invalidChat, "INVALID"},
		{"publish.chat.42", validChat, ""},
		{"publish.plain.%41", "m", "DENIED"},
		{"history.plain.1", "", "DENIED"},
		{"history.kept.1", "", ""},
	} {
		if body, code := leader.answer(far, tt.subject, tt.payload); code != tt.code {
			t.Errorf("%s %s: %s, code %q, want %q", tt.subject, tt.payload, body, code, tt.code)
		}
	}
	if err := far.PublishRequest("publish.plain.1", "plain.1", []byte("m")); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "the reply subject is refused", func() bool {
		return r.Metric(`nats_refused_total{reason="reply"}`) == 1
	})

	// What a client of the cluster sends where deliveries are is the cluster's affair.
	raw := r.Dial()
	raw.Send("SUBSCRIBE", "plain:9")
	raw.Receive()
	if err := far.Publish("plain.9", []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if _, code := leader.answer(far, "publish.plain.9", "real"); code != "" {
		t.Errorf("code %q", code)
	}
	raw.Expect(t, "[message plain:9 real]")

	// Wider than any route hears what others ask for.
	sub := hub.listen(far, leader, "kept.1")
	body, _ := leader.answer(far, "publish.kept.1", "entry")
	m, err := sub.NextMsg(patience)
	if err != nil || string(m.Data) != "entry" || !strings.Contains(body, m.Header.Get("Relay-Id")) {
		t.Errorf("heard %v, %v; answered %s", m, err, body)
	}
	for {
		m, err := everything.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject == "kept.1" {
			break
		}
		if s := m.Subject; strings.HasPrefix(s, "here") || strings.HasPrefix(s, "dark") || s == "chat.42" {
			t.Errorf("heard %s", s)
		}
	}
}

// TestClusterTakeover cuts the connection to Redis and to the cluster, and ends the relay
// that is the leaf node: another life follows, the cluster is told of the gap, nothing
// comes twice, and nothing is missing that a gap does not tell.
func TestClusterTakeover(t *testing.T) {
	redis, hub := redistest.Start(t), startHub(t)
	toRedis := redistest.NewProxy(t, redis.Addr())
	toHub := redistest.NewProxy(t, hub.leafAddress())
	relays := make([]*natsRelay, 2)
	for n := range relays {
		relays[n] = startRelay(t, redis, func(c *config.Config) {
			c.Redis.URL, c.NATS.Leaf.URL = "redis://"+toRedis.Addr(), "nats://"+toHub.Addr()
			c.Routes[1].Policy.OnGap = config.OnGapNotify
		})
		relays[n].listen(relays[n].nats(), "plain.1") // both hear it, and one passes it on
	}
	leader := attached(t, relays...)
	far := hub.client()
	sub, events := hub.listen(far, leader, "plain.1"), hub.listen(far, leader, "relay.events")

	stop, published := make(chan struct{}), make(chan []time.Time, 1)
	go func() {
		c := redistest.Dial(t, "tcp", redis.Addr())
		var times []time.Time
		for ticker := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				ticker.Stop()
				published <- times
				return
			case <-ticker.C:
			}
			times = append(times, time.Now())
			c.Send("PUBLISH", "plain:1", strconv.Itoa(len(times)-1))
			c.Receive()
		}
	}()
	var gaps []relay.Event
	stopLeader := func() {
		leader = attached(t, relays...) // by now it may be the other one
		leader.Stop()
	}
	for _, fault := range []func(){toRedis.Cut, toHub.Cut, stopLeader} {
		fault()
		for {
			var e relay.Event
			text := hear(t, events, "relay.events")
			if err := json.Unmarshal([]byte(text), &e); err != nil || e.Event != "gap" {
				t.Fatalf("event %s, %v", text, err)
			}
			gaps = append(gaps, e)
			if strings.Contains(e.Cause, "no relay as its leaf node") {
				break
			}
		}
	}
	for _, r := range relays {
		if r != leader {
			attached(t, r)
		}
	}
	close(stop)
	times := <-published
	redis.MustDo("PUBLISH", "plain:1", strconv.Itoa(len(times)))
	for want := 0; want <= len(times); want++ {
		n, err := strconv.Atoi(hear(t, sub, "plain.1"))
		if err != nil || n < want {
			t.Fatalf("heard %d, %v; want %d or later", n, err, want)
		}
		for ; want < n; want++ {
			if !slices.ContainsFunc(gaps, func(e relay.Event) bool {
				return !times[want].Before(*e.Since) && !times[want].After(*e.Until)
			}) {
				t.Errorf("%d of %v is missing, and no gap says so: %+v", want, times[want], gaps)
			}
		}
	}
	if n, _, _ := sub.Pending(); n != 0 {
		t.Errorf("%d messages too many", n)
	}
}

// TestClusterDown has the cluster go away and come back.
func TestClusterDown(t *testing.T) {
	redis, hub := redistest.Start(t), startHub(t)
	r := startRelay(t, redis, hub.attach("nats://"))
	attached(t, r)
	hub.stop()
	redistest.Eventually(t, patience, "it is noticed", func() bool { return r.Metric("nats_leaf_failures_total") > 1 })
	if ready, missing := r.Ready(); !ready {
		t.Errorf("not ready: %s", missing)
	}
	if _, code := r.answer(r.nats(), "publish.plain.1", "m"); code != "" {
		t.Errorf("at its own door: code %q", code)
	}
	hub.start()
	leader, far := attached(t, r), hub.client()
	sub := hub.listen(far, leader, "plain.1")
	redis.MustDo("PUBLISH", "plain:1", "m")
	hear(t, sub, "plain.1")
}

// TestClusterMaxPayload has a cluster that takes less than the relay.
func TestClusterMaxPayload(t *testing.T) {
	redis := redistest.Start(t)
	hub := startHub(t, func(o *server.Options) { o.MaxPayload = 2000 })
	r := startRelay(t, redis, hub.attach("nats://"))
	leader := attached(t, r)
	far := hub.client()
	sub, events := hub.listen(far, leader, "plain.1"), hub.listen(far, leader, "relay.events")
	redis.MustDo("PUBLISH", "plain:1", strings.Repeat("x", 2000))
	redis.MustDo("PUBLISH", "plain:1", strings.Repeat("y", 1500))
	if got := hear(t, sub, "plain.1"); got[0] != 'y' {
		t.Errorf("heard %.10q", got)
	}
	var e relay.Event
	if text := hear(t, events, "relay.events"); json.Unmarshal([]byte(text), &e) != nil || e.Event != "gap" || e.Missing != 1 {
		t.Errorf("event %s", text)
	}
	redis.MustDo("XADD", "history:{kept:2}", "*", "payload", strings.Repeat("x", 2000))
	if body, code := leader.answer(far, "history.kept.2", ""); code != "TOOLARGE" {
		t.Errorf("answer %s, code %q", body, code)
	}
	if r.Metric("nats_leaf_drops_total") != 1 || r.Metric("nats_leaf_failures_total") != 0 {
		t.Errorf("%v drops, %v failures", r.Metric("nats_leaf_drops_total"), r.Metric("nats_leaf_failures_total"))
	}
}

// TestClusterReload opens and closes a route.
func TestClusterReload(t *testing.T) {
	redis, hub := redistest.Start(t), startHub(t)
	file := filepath.Join(t.TempDir(), "relay.yaml")
	write := func(open bool) {
		t.Helper()
		text := fmt.Sprintf("routes:\n- {prefix: 'plain:', nats: %v}\n- {prefix: 'barrier:', nats: true}\n", open)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(false)
	r := startRelay(t, redis, hub.attach("nats://"), func(c *config.Config) {
		loaded, err := config.Load(config.Source{Path: file, Required: true, Flags: map[string]string{
			"redis.url": c.Redis.URL, "socket.path": c.Socket.Path, "http.listen": c.HTTP.Listen, "nats.leaf.url": c.NATS.Leaf.URL,
		}})
		if err != nil {
			t.Fatal(err)
		}
		*c = *loaded
	})
	leader := attached(t, r)
	far := hub.client()
	sub, wide := hub.listen(far, leader, "plain.1"), hub.listen(far, leader, "plain.>")
	for _, open := range []bool{true, false} {
		write(open)
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{false: "[plain:1 0]", true: "[plain:1 1]"}[open]
		redistest.Eventually(t, patience, want, func() bool {
			return redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String() == want
		})
		redis.MustDo("PUBLISH", "plain:1", "m")
		if open {
			hear(t, sub, "plain.1")
			hear(t, wide, "plain.1")
		}
	}
	hub.inForce(far, leader)
	if n, _, _ := sub.Pending(); n != 0 {
		t.Errorf("heard %d messages too many", n)
	}
	if got := r.Metric("nats_leaf_failures_total"); got != 0 {
		t.Errorf("%v failures", got)
	}
}

// TestClusterCredentials has a relay with the wrong ones stay outside, and go on working,
// and one with the right ones be let in.
func TestClusterCredentials(t *testing.T) {
	redis := redistest.Start(t)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other, _ := nkeys.CreateUser()
	otherSeed, _ := other.Seed()
	operator, creds, stranger := trust(t)

	for name, tt := range map[string]struct {
		hub         func(*server.Options)
		right       string // before the host in the URL
		credentials string
		wrong       string
		notThese    string
	}{
		"password": {
			hub:   func(o *server.Options) { o.LeafNode.Username, o.LeafNode.Password = "relay", "s3c:ret" },
			right: "relay:s3c%3Aret@", wrong: "relay:hunter2@",
		},
		"token": {
			hub: func(o *server.Options) {
				o.Authorization, o.LeafNode.Username, o.LeafNode.Password = "s3cret", "s3cret", ""
			},
			right: "s3cret@", wrong: "hunter2@",
		},
		"nkey": {
			hub:         func(o *server.Options) { o.LeafNode.Nkey = public },
			credentials: file("seed", seed), notThese: file("otherSeed", otherSeed),
		},
		"creds": {hub: operator, credentials: file("a.creds", creds), notThese: file("b.creds", stranger)},
	} {
		t.Run(name, func(t *testing.T) {
			hub := startHub(t, tt.hub)
			denied := startRelay(t, redis, hub.attach("nats://"+tt.wrong), func(c *config.Config) { c.NATS.Leaf.Credentials = tt.notThese })
			redistest.Eventually(t, patience, "the wrong ones are refused", func() bool {
				return denied.Metric("nats_leaf_failures_total") > 1
			})
			for _, e := range denied.Logs.All() {
				if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, "hunter2") || strings.Contains(text, string(otherSeed)) {
					t.Errorf("the log has a secret: %s", text)
				}
			}
			if n := denied.Logs.FilterMessageSnippet("not a leaf node").Len(); n == 0 {
				t.Error("the log does not say it")
			}
			if _, code := denied.answer(denied.nats(), "publish.plain.1", "m"); code != "" {
				t.Errorf("its own door: code %q", code)
			}
			denied.Stop()
			attached(t, startRelay(t, redis, hub.attach("nats://"+tt.right), func(c *config.Config) { c.NATS.Leaf.Credentials = tt.credentials }))
		})
	}
	cfg := config.Default()
	cfg.Redis.URL, cfg.Schemas.Dir = redis.URL(), harness.Path(t, "schemas")
	cfg.Socket.Path, cfg.HTTP.Listen = filepath.Join(dir, "s"), ""
	for path, want := range map[string]error{
		filepath.Join(dir, "none"):      os.ErrNotExist,
		file("empty", nil):              nkeys.ErrNoSeedFound,
		file("account", accountSeed(t)): nkeys.ErrInvalidUserSeed,
	} {
		cfg.NATS.Leaf = config.Leaf{URL: "nats://127.0.0.1", Credentials: path}
		if _, err := relay.New(&cfg, "test", nop, level); !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), "nats.leaf.credentials: ") {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
}

// authority is a certificate of 127.0.0.1 that this process trusts: it is asked for
// before anything else has read the system's.
var authority = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	dir, err := os.MkdirTemp("", "ca")
	if err != nil {
		return tls.Certificate{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.Setenv("SSL_CERT_FILE", file)); err != nil {
		return tls.Certificate{}, err
	}
	_, err = x509.SystemCertPool() // read now
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// TestClusterTLS speaks TLS where either side asks for it, and never without the right
// certificate.
func TestClusterTLS(t *testing.T) {
	certificate, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	redis := redistest.Start(t)
	secure := startHub(t, func(o *server.Options) {
		o.LeafNode.Host = "127.0.0.1" // which the certificate is for
		o.LeafNode.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		o.LeafNode.TLSTimeout = 10
	})
	for _, scheme := range []string{"tls://", "nats-leaf://"} {
		r := startRelay(t, redis, secure.attach(scheme))
		leader, far := attached(t, r), secure.client()
		sub := secure.listen(far, leader, "plain.1")
		big := strings.Repeat("x", 500_000)
		for i := range 20 {
			leader.answer(far, "publish.plain.1", big+strconv.Itoa(i))
		}
		for i := range 20 {
			if got := hear(t, sub, "plain.1"); got != big+strconv.Itoa(i) {
				t.Fatalf("message %d has %d bytes, ending %q", i, len(got), got[len(got)-2:])
			}
		}
		r.Stop()
	}
	plain := startHub(t)
	r := startRelay(t, redis, plain.attach("tls://"))
	redistest.Eventually(t, patience, "it does not go without TLS", func() bool {
		return strings.Contains(fmt.Sprint(r.Logs.FilterMessageSnippet("not a leaf node").All()), "it does not speak TLS")
	})
	r.Stop()
	stranger := startRelay(t, redis, func(c *config.Config) { // the certificate is for another name
		c.NATS.Leaf.URL = fmt.Sprintf("tls://localhost:%d", secure.opts.LeafNode.Port)
	})
	redistest.Eventually(t, patience, "the certificate is not accepted", func() bool {
		return strings.Contains(fmt.Sprint(stranger.Logs.FilterMessageSnippet("not a leaf node").All()), "x509: ")
	})
}

// TestClusterPrivateCA reaches a cluster whose certificate is from an authority of its
// own by nats.leaf.ca, and by no other. The file is read at each connect.
func TestClusterPrivateCA(t *testing.T) {
	ours, theirs := redistest.Start(t, redistest.WithTLS()), redistest.Start(t, redistest.WithTLS())
	certificate, err := tls.LoadX509KeyPair(ours.TLS().Cert, ours.TLS().Key)
	if err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, func(o *server.Options) {
		o.LeafNode.Host = "127.0.0.1" // which the certificate is for
		o.LeafNode.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		o.LeafNode.TLSTimeout = 10
	})
	ca := func(file string) func(*config.Config) { return func(c *config.Config) { c.NATS.Leaf.CA = file } }
	refused := func(r *natsRelay) {
		t.Helper()
		redistest.Eventually(t, patience, "the certificate is not accepted", func() bool {
			return strings.Contains(fmt.Sprint(r.Logs.FilterMessageSnippet("not a leaf node").All()), "x509: ")
		})
	}
	system := startRelay(t, ours, hub.attach("tls://"))
	refused(system)
	system.Stop()

	file := filepath.Join(t.TempDir(), "ca.pem")
	install := func(from string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err := errors.Join(err, os.WriteFile(file, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	install(theirs.TLS().CA)
	r := startRelay(t, ours, hub.attach("tls://"), ca(file))
	refused(r)
	install(ours.TLS().CA)
	leader, far := attached(t, r), hub.client()
	sub := hub.listen(far, leader, "plain.1")
	leader.answer(far, "publish.plain.1", "m")
	if got := hear(t, sub, "plain.1"); got != "m" {
		t.Errorf("heard %q", got)
	}
}

func accountSeed(t *testing.T) []byte {
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := key.Seed()
	return seed
}

// trust makes a hub that trusts an operator, credentials of a user of one of its
// accounts, and credentials that nobody has issued.
func trust(t *testing.T) (hub func(*server.Options), creds, stranger []byte) {
	t.Helper()
	operator, _ := nkeys.CreateOperator()
	account, _ := nkeys.CreateAccount()
	nobody, _ := nkeys.CreateAccount()
	operatorKey, _ := operator.PublicKey()
	accountKey, _ := account.PublicKey()
	claims := jwt.NewAccountClaims(accountKey)
	token, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountKey, token); err != nil {
		t.Fatal(err)
	}
	issue := func(by nkeys.KeyPair) []byte {
		user, _ := nkeys.CreateUser()
		key, _ := user.PublicKey()
		seed, _ := user.Seed()
		text, err := jwt.NewUserClaims(key).Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		file, err := jwt.FormatUserConfig(text, seed)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	operatorClaims := jwt.NewOperatorClaims(operatorKey)
	return func(o *server.Options) {
		o.TrustedOperators = []*jwt.OperatorClaims{operatorClaims}
		o.AccountResolver = resolver
	}, issue(account), issue(nobody)
}
