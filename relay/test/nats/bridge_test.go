package nats

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// silent expects a subscription to have heard nothing more: nothing of what was
// published before.
func (r *natsRelay) silent(nc *nats.Conn, subs ...*nats.Subscription) {
	r.T.Helper()
	r.answer(nc, "publish.barrier.x", "") // what was delivered before has been written before
	if err := nc.FlushTimeout(patience); err != nil {
		r.T.Fatal(err)
	}
	for _, sub := range subs {
		if n, _, err := sub.Pending(); n != 0 || err != nil {
			m, _ := sub.NextMsg(patience)
			r.T.Errorf("%s heard %d messages too many, %v: %s %q", sub.Subject, n, err, m.Subject, m.Data)
		}
	}
}

// TestWildcards listens by names that overlap, at both doors: each subscription
// hears each message that it is about once, whatever Redis sends it for.
func TestWildcards(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis)
	patterns := r.Dial()
	for _, p := range []string{"plain:*", "pl*", "*1"} { // more copies of each message
		patterns.Send("PSUBSCRIBE", p)
		patterns.Receive()
	}
	nc := r.nats()
	subs := map[string]*nats.Subscription{}
	for _, subject := range []string{"plain.1", "plain.*", "plain.>", "plain.*.x", "plain.1.*", "plain.%", "kept.>"} {
		subs[subject] = r.listen(nc, subject)
	}
	heardBy := map[string][]string{
		"plain:1":     {"plain.1", "plain.*", "plain.>"},
		"plain:2":     {"plain.*", "plain.>"},
		"plain:":      {"plain.*", "plain.>", "plain.%"},
		"plain:1:x":   {"plain.>", "plain.*.x", "plain.1.*"},
		"plain:1:2:3": {"plain.>"},
		"plain":       {},
		"kept:1":      {"kept.>"},
	}
	for range 3 { // the same payload again is another message
		for channel, want := range heardBy {
			redis.MustDo("PUBLISH", channel, "m")
			subject := strings.TrimSuffix(strings.ReplaceAll(channel, ":", "."), ".")
			if channel == "plain:" {
				subject = "plain.%"
			}
			for _, s := range want {
				if got := hear(t, subs[s], subject); got != "m" {
					t.Errorf("%s heard %q", s, got)
				}
			}
		}
	}
	for _, sub := range subs {
		r.silent(nc, sub)
	}
}

func TestQueueGroups(t *testing.T) {
	const messages = 300
	redis := redistest.Start(t)
	r := startRelay(t, redis)
	var all, workers [3]atomic.Int64
	for i := range workers {
		nc := r.nats()
		for subject, queue := range map[string]string{"plain.jobs": "a", "plain.*": "b"} {
			if _, err := nc.QueueSubscribe(subject, queue, func(*nats.Msg) { workers[i].Add(1) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := nc.Subscribe("plain.jobs", func(*nats.Msg) { all[i].Add(1) }); err != nil {
			t.Fatal(err)
		}
		r.inForce(nc)
	}
	for range messages {
		redis.MustDo("PUBLISH", "plain:jobs", "m")
	}
	redistest.Eventually(t, patience, "everything was heard", func() bool {
		return workers[0].Load()+workers[1].Load()+workers[2].Load() == 2*messages &&
			all[0].Load() == messages && all[1].Load() == messages && all[2].Load() == messages
	})
	for i := range workers {
		if n := workers[i].Load(); n == 0 {
			t.Errorf("worker %d had nothing to do", i)
		}
	}
}

// TestHistory reads entries by header and by request, in pages.
func TestHistory(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) { c.Limits.Payload = 4000 })
	nc := r.nats()
	sub := r.listen(nc, "kept.*")
	payloads := []string{"first", "", "\xff\x00", strings.Repeat("x", 3000), strings.Repeat("y", 3000)}
	var ids []string
	for _, p := range payloads {
		body, code := r.answer(nc, "publish.kept.1", p)
		var answer struct {
			Receivers int
			ID        string
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Receivers != 1 || code != "" {
			t.Fatalf("answer %s, %q, %v", body, code, err)
		}
		m, err := sub.NextMsg(patience)
		if err != nil || string(m.Data) != p || m.Header.Get("Relay-Id") != answer.ID || answer.ID == "" {
			t.Fatalf("heard %v, %v; want ID %s", m, err, answer.ID)
		}
		ids = append(ids, answer.ID)
	}
	type page struct {
		Entries []struct {
			ID      string
			Payload *string
			Base64  []byte
		}
		More bool
	}
	var got, gotIDs []string
	for from, pages := "-", 0; ; pages++ {
		body, code := r.answer(nc, "history.kept.1", fmt.Sprintf(`{"from":%q,"count":3}`, from))
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil || code != "" {
			t.Fatalf("answer %s, %q, %v", body, code, err)
		}
		for _, e := range p.Entries {
			payload := string(e.Base64)
			if e.Payload != nil {
				payload = *e.Payload
			}
			got, gotIDs = append(got, payload), append(gotIDs, e.ID)
			from = "(" + e.ID
		}
		if !p.More {
			break
		}
		if pages > len(payloads) {
			t.Fatal("the pages do not end")
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(payloads) || fmt.Sprint(gotIDs) != fmt.Sprint(ids) {
		t.Errorf("history is %.50q %v, want %.50q %v", got, gotIDs, payloads, ids)
	}
	for _, tt := range []struct{ subject, request, code string }{
		{"history.plain.1", "", "DENIED"},
		{"history.nowhere", "", "DENIED"},
		{"history.kept.*", "", "DENIED"},
		{"history.kept.1", "{", "ERR"},
		{"history.kept.1", `{"count":-1}`, "ERR"},
		{"history.kept.1", `{"count":1001}`, "ERR"},
		{"history.kept.1", `{"from":"x"}`, "ERR"},
	} {
		if strings.Contains(tt.subject, "*") {
			continue // no client library sends that
		}
		if body, code := r.answer(nc, tt.subject, tt.request); code != tt.code {
			t.Errorf("%s %s: %s, code %q, want %s", tt.subject, tt.request, body, code, tt.code)
		}
	}
}

// TestLargeAnswers reads entries that are larger as JSON than any message may be, and
// more at a time than are read at a time.
func TestLargeAnswers(t *testing.T) {
	const readers = 200
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) { c.Limits.Payload, c.Redis.PublishTimeout = 64<<10, patience })
	nc := r.nats()
	want := strings.Repeat("\x01", 64<<10) // six bytes each
	if body, code := r.answer(nc, "publish.kept.1", want); code != "" {
		t.Fatalf("answer %s, %q", body, code)
	}
	read := func(subject, want string) error {
		m, err := nc.Request(subject, nil, patience)
		if err != nil {
			return err
		}
		var page struct{ Entries []struct{ Payload string } }
		if err := json.Unmarshal(m.Data, &page); err != nil || len(page.Entries) != 1 || page.Entries[0].Payload != want {
			return fmt.Errorf("answer %.100s, %w", m.Data, err)
		}
		return nil
	}
	if err := read("history.kept.1", want); err != nil {
		t.Error(err)
	}
	r.answer(nc, "publish.kept.3", "small")
	var all errgroup.Group
	for range readers {
		all.Go(func() error { return read("history.kept.3", "small") })
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	redis.MustDo("XADD", "history:{kept:2}", "*", "payload", strings.Repeat("x", 500_000)) // by hand
	if body, code := r.answer(nc, "history.kept.2", ""); code != "" || len(body) < 500_000 {
		t.Errorf("answer %.100s, %q", body, code)
	}
	redis.MustDo("EVAL", `for _ = 1, 200 do
		redis.call('XADD', KEYS[1], '*', 'payload', string.rep('x', 500000))
	end`, "1", "history:{kept:4}") // more than Redis may answer at once
	body, code := r.answer(nc, "history.kept.4", `{"count":1000}`)
	if n := strings.Count(body, `"payload"`); code != "" || n != 1 || !strings.HasSuffix(body, `"more":true}`) {
		t.Errorf("answer with %d entries, %.100s, %q", n, body, code)
	}
}

// violations collects the errors that a server tells a client of.
func violations() (nats.Option, func() string) {
	var last atomic.Pointer[string]
	return nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			text := err.Error()
			last.Store(&text)
		}), func() string {
			if text := last.Load(); text != nil {
				return *text
			}
			return ""
		}
}

// TestForgedDeliveries are refused and counted, and nobody hears them.
func TestForgedDeliveries(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis)
	listener := r.nats()
	sub := r.listen(listener, "plain.>")
	handler, told := violations()
	forger := r.nats(handler)
	for n, subject := range []string{"plain.42", "relay.events", "chat.42", "$SYS.REQ.SERVER.PING", "anything"} {
		if err := forger.Publish(subject, []byte("forged")); err != nil {
			t.Fatal(err)
		}
		if err := forger.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, patience, "the forger is told", func() bool { return strings.Contains(told(), subject) })
		if got := r.Metric(`nats_refused_total{reason="publish"}`); got != float64(n+1) {
			t.Errorf("%v refusals counted, want %d", got, n+1)
		}
	}
	// An answer of the relay's where a delivery would be.
	if err := forger.PublishRequest("publish.barrier.1", "plain.42", nil); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "the reply subject is refused", func() bool {
		return r.Metric(`nats_refused_total{reason="reply"}`) == 1
	})
	r.silent(listener, sub)
	redis.MustDo("PUBLISH", "plain:42", "real")
	if got := hear(t, sub, "plain.42"); got != "real" {
		t.Errorf("got %q", got)
	}
}

// TestForbiddenSubscriptions are refused and counted; where NATS can only let them
// pass, they hear nothing that is forbidden.
func TestForbiddenSubscriptions(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) {
		c.Routes = append(c.Routes,
			newRoute("plain:secret:", func(r *config.Route) { r.Subscribe = false }),
			newRoute("plain:secret:not:"),
			newRoute("plain:redis:", func(r *config.Route) { r.NATS = false }),
			newRoute("part", func(r *config.Route) { r.NATS = true }))
	})
	handler, told := violations()
	nc := r.nats(handler)
	refused := 0
	for _, subject := range []string{"publish.>", "publish.plain.1", "history.*", "$SYS.>", "plain.redis.>", "plain.redis.1"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, patience, subject+" is refused", func() bool { return strings.Contains(told(), `"`+subject+`"`) })
		refused++
	}
	if got := r.Metric(`nats_refused_total{reason="subscribe"}`); got != float64(refused) {
		t.Errorf("%v refusals counted, want %d", got, refused)
	}
	everything := r.listen(nc, ">") // allowed only since "part" ends within a token
	wide := r.listen(nc, "plain.>")
	narrow := r.listen(nc, "plain.secret.1")
	for _, channel := range []string{"plain:secret:1", "plain:redis:1", "unrouted", "partial"} {
		redis.MustDo("PUBLISH", channel, "m")
	}
	r.silent(nc, narrow)
	if _, code := r.answer(nc, "publish.plain.redis.1", "m"); code != "DENIED" {
		t.Errorf("publishing without nats: true: code %q", code)
	}
	if _, code := r.answer(nc, "publish.unrouted", "m"); code != "DENIED" {
		t.Errorf("publishing where no route is: code %q", code)
	}
	redis.MustDo("PUBLISH", "plain:secret:not:1", "m")
	hear(t, wide, "plain.secret.not.1")
	r.silent(nc, wide)
	for { // it hears answers, too: an inbox is a name that nobody knows, and no more
		m, err := everything.NextMsg(patience)
		if err != nil || m.Subject == "plain.secret.not.1" {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if !strings.HasPrefix(m.Subject, "_INBOX.") && m.Subject != "relay.rejects" {
			t.Errorf("heard a message on %s", m.Subject)
		}
	}
}

func TestToken(t *testing.T) {
	redis := redistest.Start(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startRelay(t, redis, func(c *config.Config) { c.NATS.TokenFile = file })
	for n, opts := range [][]nats.Option{nil, {nats.Token("wrong")}, {nats.UserInfo("s3cret", "s3cret")}} {
		if _, err := nats.Connect("nats://"+r.NATSAddress(), append(opts, nats.Timeout(patience))...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("got %v, want %v", err, nats.ErrAuthorization)
		}
		if got := r.Metric(`nats_refused_total{reason="token"}`); got != float64(n+1) {
			t.Errorf("%v refusals counted, want %d", got, n+1)
		}
	}
	nc := r.nats(nats.Token("s3cret"))
	if body, code := r.answer(nc, "publish.plain.1", "m"); code != "" {
		t.Errorf("got %s, %q", body, code)
	}
}

// TestFloods has clients ask for more than they may have, while another one works.
func TestFloods(t *testing.T) {
	redis := redistest.Start(t)
	r := startRelay(t, redis, func(c *config.Config) {
		c.Limits.Subscriptions, c.Limits.Clients, c.Limits.Payload = 100, 5, 1000
	})
	working := r.nats()
	sub := r.listen(working, "plain.1")
	works := func() {
		t.Helper()
		if body, code := r.answer(working, "publish.plain.1", "m"); code != "" {
			t.Errorf("got %s, %q", body, code)
		}
		hear(t, sub, "plain.1")
	}

	handler, told := violations()
	greedy := r.nats(handler)
	for i := range 300 {
		if _, err := greedy.SubscribeSync(fmt.Sprintf("plain.flood.%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	redistest.Eventually(t, patience, "the flood is refused", func() bool {
		return strings.Contains(told(), "maximum subscriptions exceeded")
	})
	if got := r.Metric(`nats_refused_total{reason="subscriptions"}`); got < 1 {
		t.Error("it is not counted")
	}
	r.inForce(working)
	if got := len(redis.MustDo("PUBSUB", "CHANNELS", "plain:flood:*").Elems); got != 100 {
		t.Errorf("Redis has %d of the channels, want 100", got)
	}
	works()
	greedy.Close()
	redistest.Eventually(t, patience, "Redis has let go of the channels", func() bool {
		return len(redis.MustDo("PUBSUB", "CHANNELS", "plain:flood:*").Elems) == 0
	})

	conn, err := net.Dial("tcp", r.NATSAddress()) // no library would send that
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nPUB publish.plain.1 %d\r\n", 64<<20)
	chunk := make([]byte, 1<<20)
	for range 64 {
		if _, err = conn.Write(chunk); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("64 MiB were taken")
	}
	if got := r.Metric(`nats_refused_total{reason="payload"}`); got != 1 {
		t.Errorf("%v payloads counted, want 1", got)
	}
	works()

	for range 10 {
		if nc, err := nats.Connect("nats://"+r.NATSAddress(), nats.Timeout(patience)); err == nil {
			t.Cleanup(nc.Close)
		}
	}
	if got := r.Metric(`nats_refused_total{reason="clients"}`); got < 1 {
		t.Error("refused clients are not counted")
	}
	if got := r.Metric("nats_clients"); got != 5 {
		t.Errorf("%v clients, want 5", got)
	}
	works()

	raw := r.Dial()
	raw.Send("PING")
	raw.Expect(t, "+PONG")
}

// TestStrangeSubjects sends what is no channel's subject.
func TestStrangeSubjects(t *testing.T) {
	r := startRelay(t, redistest.Start(t))
	nc := r.nats()
	for n, subject := range []string{"publish.plain.%2e", "publish.plain.%41", "history.plain.%zz", "publish.k\u00f6ln"} {
		body, code := r.answer(nc, subject, "m")
		if code != "DENIED" || !strings.Contains(body, "is not the subject of a channel") {
			t.Errorf("%s: %s, code %q", subject, body, code)
		}
		if got := r.Metric(`nats_refused_total{reason="subject"}`); got != float64(n+1) {
			t.Errorf("%v refusals counted, want %d", got, n+1)
		}
	}
}

// TestReload closes a route for NATS and opens it again: clients are disconnected,
// come back, and hear what they may.
func TestReload(t *testing.T) {
	redis := redistest.Start(t)
	limit := "100KiB"
	r, load := startFromFile(t, redis)
	write := func(open bool) {
		t.Helper()
		load("{payload: "+limit+"}", open)
	}
	write(true)
	nc := r.nats()
	sub := r.listen(nc, "plain.1")
	idle := r.nats() // what it may do changes, too
	for n, open := range []bool{false, true} {
		write(open)
		redistest.Eventually(t, patience, "the clients are back", func() bool {
			back := uint64(n + 1)
			return nc.Stats().Reconnects == back && nc.IsConnected() && idle.Stats().Reconnects == back && idle.IsConnected()
		})
		r.inForce(nc)
		want := "[plain:1 0]"
		if open {
			want = "[plain:1 1]"
		}
		if !open {
			redis.MustDo("PUBLISH", "plain:1", "m")
			r.silent(nc, sub)
			sub, _ = nc.SubscribeSync("plain.1") // the library has given the refused one up
		}
		redistest.Eventually(t, patience, want, func() bool {
			return redis.MustDo("PUBSUB", "NUMSUB", "plain:1").String() == want
		})
	}
	other := r.listen(idle, "plain.1")
	redis.MustDo("PUBLISH", "plain:1", "again")
	hear(t, sub, "plain.1")
	hear(t, other, "plain.1")

	// All else holds at once, without losing a connection.
	reconnects := nc.Stats().Reconnects
	for _, limit = range []string{"200KiB", "200KiB", "2MiB"} {
		write(true)
		redis.MustDo("PUBLISH", "plain:1", limit)
		if got := hear(t, sub, "plain.1"); got != limit {
			t.Errorf("heard %.20q, want %q", got, limit)
		}
	}
	if got := nc.Stats().Reconnects; got != reconnects {
		t.Errorf("the client was disconnected %d times", got-reconnects)
	}
	big := strings.Repeat("x", 2<<20)
	redis.MustDo("PUBLISH", "plain:1", big)
	if got := hear(t, sub, "plain.1"); got != big {
		t.Errorf("heard %d bytes", len(got))
	}
	if got := r.nats().MaxPayload(); got < 2<<20 {
		t.Errorf("the limit of a payload is %d", got)
	}
}

// TestReloadOfLimits changes those that nats-server can change while it runs together
// with those that it cannot: the former hold at once, the log names the latter.
func TestReloadOfLimits(t *testing.T) {
	redis := redistest.Start(t)
	r, load := startFromFile(t, redis)
	other := r.nats()
	r.answer(other, "publish.plain.1", "m")

	load("{payload: 8MiB, queue: 1MiB, subscriptions: 5, clients: 2}", true)
	nc := r.nats()
	if got, want := nc.MaxPayload(), int64(4<<20); got != want { // half of the queue that there is
		t.Errorf("the limit of a payload is %d, want %d", got, want)
	}
	sub := r.listen(nc, "plain.1")
	big := strings.Repeat("x", 3<<20)
	if body, _ := r.answer(nc, "publish.plain.1", big); body != `{"receivers":1}` {
		t.Errorf("3 MiB are answered %s", body)
	}
	if got := hear(t, sub, "plain.1"); got != big {
		t.Errorf("heard %d bytes", len(got))
	}
	if third, err := nats.Connect("nats://"+r.NATSAddress(), nats.Timeout(patience)); err == nil {
		third.Close()
		t.Error("a third client came in")
	}
	told := r.Logs.FilterMessage("not all limits hold for NATS clients yet").All()
	if len(told) != 1 || !strings.Contains(fmt.Sprint(told[0].ContextMap()["error"]), "limits.subscriptions") {
		t.Errorf("the log says %v", told)
	}

	load("{payload: 4KiB, subscriptions: 6}", true) // what stays as it was never gets in the way
	if body, code := r.answer(nc, "publish.plain.1", big[:5000]); code != "TOOLARGE" {
		t.Errorf("5000 bytes are answered %s", body)
	}
	nc.Close()
	redistest.Eventually(t, patience, "the server has room for another client", func() bool { return r.Metric("nats_clients") == 1 })
	if got, want := r.nats().MaxPayload(), int64(4<<10+64<<10); got != want {
		t.Errorf("the limit of a payload is %d, want %d", got, want)
	}
}

// startFromFile runs a relay with a file, which load writes and has reloaded: limits, and
// whether plain: is open.
func startFromFile(
	t *testing.T, redis *redistest.Server, edit ...harness.Option,
) (r *natsRelay, load func(limits string, open bool)) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	load = func(limits string, open bool) {
		t.Helper()
		text := fmt.Sprintf("limits: %s\nroutes:\n- {prefix: 'plain:', nats: %v}\n- {prefix: 'barrier:', nats: true}\n", limits, open)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r == nil {
			return
		}
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	load("{}", true)
	r = startRelay(t, redis, append(edit, func(c *config.Config) {
		loaded, err := config.Load(config.Source{Path: file, Required: true, Flags: map[string]string{
			"redis.url": c.Redis.URL, "socket.path": c.Socket.Path, "http.listen": c.HTTP.Listen, "nats.listen": c.NATS.Listen,
		}})
		if err != nil {
			t.Fatal(err)
		}
		*c = *loaded
	})...)
	return r, load
}

// TestRefusedByRedis has a Redis user who may not listen: an event tells, and who has
// subscribed meanwhile hears once the user may.
func TestRefusedByRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &barrier:* &relay:* +@all", "default off"))
	r := startRelay(t, redis, func(c *config.Config) { c.Redis.URL = "redis://app:secret@" + redis.Addr() })
	nc := r.nats()
	events := r.listen(nc, "relay.events")
	if _, err := nc.SubscribeSync("plain.1"); err != nil {
		t.Fatal(err)
	}
	var event relay.Event
	for event.Event != "refused" { // the one of the start may come late
		if err := json.Unmarshal([]byte(hear(t, events, "relay.events")), &event); err != nil {
			t.Fatal(err)
		}
	}
	if event.Channel != "plain:1" || !strings.HasPrefix(event.Cause, "NOPERM") {
		t.Errorf("event %+v", event)
	}
	second := r.nats()
	other, err := second.SubscribeSync("plain.1") // which the relay is not told of: it is not the first
	if err := errors.Join(err, second.FlushTimeout(patience)); err != nil {
		t.Fatal(err)
	}
	redis.MustDo("ACL", "SETUSER", "app", "allchannels")
	redistest.Eventually(t, patience, "Redis has been asked again", func() bool {
		return redis.MustDo("PUBLISH", "plain:1", "m").Int == 1
	})
	hear(t, other, "plain.1")
}

// TestRefusedLater takes a right away: who has listened is disconnected, as on the
// socket, also where a gap is told by an event.
func TestRefusedLater(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &* +@all"))
	r := startRelay(t, redis, func(c *config.Config) { c.Redis.URL = "redis://app:secret@" + redis.Addr() })
	refused, kept := r.nats(nats.NoReconnect()), r.nats(nats.NoReconnect())
	r.listen(refused, "kept.1")
	sub := r.listen(kept, "relay.events")
	redis.MustDo("ACL", "SETUSER", "app", "resetchannels", "&barrier:*", "&relay:*")
	redistest.Eventually(t, patience, "who listened is disconnected", refused.IsClosed)
	if kept.IsClosed() || !sub.IsValid() {
		t.Error("who listened to something else is disconnected, too")
	}
}

// TestAddressInUse fails at the start, and names the key.
func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	r := startRelay(t, redistest.Start(t))
	cfg := *r.Config
	cfg.NATS.Listen, cfg.Socket.Path = ln.Addr().String(), cfg.Socket.Path+"2"
	began := time.Now()
	if _, err := relay.New(&cfg, "test", nop, level); err == nil || !strings.Contains(err.Error(), "nats.listen: ") ||
		!strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 9*time.Second { // it waits for the server's start for 10 s at most
		t.Errorf("it took %v", took)
	}
}

// TestReloadBetweenCopies reloads while messages come piece by piece, so also when Redis has sent one for the channel and
// not yet for the pattern: who listens by both hears it once.
func TestReloadBetweenCopies(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r, load := startFromFile(t, redis, func(c *config.Config) { c.Redis.URL = "redis://" + proxy.Addr() })
	nc := r.nats()
	exact, all := r.listen(nc, "plain.1"), r.listen(nc, "plain.*")
	proxy.Slice(20)
	const messages = 5000
	redis.MustDo("EVAL", `for i = 1, ARGV[1] do redis.call('PUBLISH', 'plain:1', i) end`, "0", strconv.Itoa(messages))
	redistest.Eventually(t, patience, "all are heard", func() bool {
		load("{payload: 100KiB}", true)
		n, _, _ := all.Pending()
		return n >= messages
	})
	for _, sub := range []*nats.Subscription{exact, all} {
		for n := range messages {
			if got := hear(t, sub, "plain.1"); got != strconv.Itoa(n+1) {
				t.Fatalf("%s hears %s, not %d", sub.Subject, got, n+1)
			}
		}
	}
}
