package access

// Getting into Redis: TLS, users with real ACLs, passwords that change.

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// talks publishes through the relay, hears it, and reads it back from history.
func talks(t *testing.T, r *harness.Relay, channel string) {
	t.Helper()
	sub, pub := r.Subscribe(channel), r.Dial()
	pub.Send("PUBLISH", channel, "m")
	pub.Expect(t, ":1")
	sub.Expect(t, "[message "+channel+" m]")
	if got := pub.Do("XREVRANGE", channel, "+", "-", "COUNT", "1").String(); !strings.Contains(got, "[payload m]") {
		t.Errorf("read back: %s", got)
	}
	sub.Close()
	pub.Close()
}

// historyOn is a route with history, which needs more of Redis than one without.
func historyOn(prefix string) harness.Option {
	return harness.WithRoutes(harness.NewRoute(prefix, func(r *config.Route) {
		r.Policy.History, r.Policy.OnGap = &config.History{Length: 10, TTL: time.Hour}, config.OnGapNotify
	}))
}

// withTLS shows the relay's certificate, and trusts an authority.
func withTLS(ca, cert, key string) harness.Option {
	return func(c *config.Config) { c.Redis.TLS = config.TLS{CA: ca, Cert: cert, Key: key} }
}

func TestTLS(t *testing.T) {
	redis := redistest.Start(t, redistest.WithTLS(), redistest.WithACL("app on >secret ~* &* +@all", "default off"))
	stranger := redistest.Start(t, redistest.WithTLS()).TLS() // made by another authority
	url := harness.WithRedis(strings.Replace(redis.TLSURL(), "//", "//app:secret@", 1))
	files := redis.TLS()

	t.Run("with the right files", func(t *testing.T) {
		r := harness.Start(t, nil, url, withTLS(files.CA, files.Cert, files.Key), historyOn("d:"))
		talks(t, r, "d:1")
		large := strings.Repeat("x", 1<<20) // many TLS records; all of them fit into the queue
		sub, pub := r.Subscribe("large"), r.Dial()
		for range 6 {
			pub.Send("PUBLISH", "large", large)
		}
		for range 6 {
			sub.Expect(t, "[message large "+large+"]")
			pub.Expect(t, ":1")
		}
		for _, c := range redis.PubSubClients() {
			if strings.Contains(c, "laddr="+redis.Addr()) {
				t.Errorf("on the plain port: %s", c)
			}
		}
	})
	for name, tt := range map[string]struct {
		opts harness.Option
		want string
	}{
		"no authority":                  {withTLS("", files.Cert, files.Key), "certificate signed by unknown authority"},
		"another authority":             {withTLS(stranger.CA, files.Cert, files.Key), "certificate signed by unknown authority"},
		"no certificate":                {withTLS(files.CA, "", ""), "tls: certificate required|see redis.tls"},
		"certificate of another's":      {withTLS(files.CA, stranger.Cert, stranger.Key), "remote error: tls: |see redis.tls"},
		"a name that is not the server": {withHost(t, redis, "127.0.0.1", "localhost.localdomain"), "localhost.localdomain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := regexp.MustCompile(tt.want)
			r := harness.New(t, nil, url, withTLS(files.CA, files.Cert, files.Key), tt.opts,
				func(c *config.Config) {
					c.Redis.AlertAfter = 1
					c.Redis.PublishTimeout = 2 * time.Second // it is waited for
				})
			sub := r.Dial()
			sub.Send("SUBSCRIBE", "a")
			var alert string
			redistest.Eventually(t, redistest.DefaultTimeout, "an alert", func() bool {
				for _, e := range r.Logs.FilterMessage("Redis cannot be reached; still trying").All() {
					alert, _ = e.ContextMap()["error"].(string)
				}
				return alert != ""
			})
			if !want.MatchString(alert) {
				t.Errorf("alert %q, want %q", alert, tt.want)
			}
			if status, body := r.Get("/readyz"); status != 503 || !want.MatchString(body) {
				t.Errorf("/readyz: %d %s", status, body)
			}
			harness.PublishReplies(t, r.Dial(), "a", "m", "-UPSTREAMDOWN a: Redis cannot be reached; nothing was published")
		})
	}
}

// withHost writes another name of the server's host into the URL.
func withHost(t *testing.T, redis *redistest.Server, host, name string) harness.Option {
	t.Helper()
	return func(c *config.Config) {
		c.Redis.URL = strings.Replace(c.Redis.URL, "@"+host, "@"+name, 1)
		if !strings.Contains(c.Redis.URL, name) {
			t.Fatalf("no %s in %s", host, redis.TLSURL())
		}
	}
}

// documentedACL is what docs/operations.md says a Redis user needs.
func documentedACL(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(harness.Path(t, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## Rights on Redis\n")
	part, _, ends := strings.Cut(part, "\n## ")
	commands = regexp.MustCompile(`\+[a-z]+`).FindAllString(part, -1)
	if !found || !ends || len(commands) < 20 {
		t.Fatalf("docs/operations.md names %q", commands)
	}
	slices.Sort(commands)
	return slices.Compact(commands)
}

// The documented rights are enough for all that a relay does.
func TestDocumentedACLIsEnough(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("default off",
		"app on >secret ~history:* &d:* &relay:* &relay:seq:d:* "+strings.Join(documentedACL(t), " ")))
	r := harness.Start(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()), historyOn("d:"),
		func(c *config.Config) { c.Redis.ProbeInterval = time.Second })
	talks(t, r, "d:1")
	all := r.Dial()
	for _, tt := range []struct{ command, want string }{
		{"PSUBSCRIBE d:*", "[psubscribe d:* 1]"},
		{"PUNSUBSCRIBE d:*", "[punsubscribe d:* 0]"},
		{"SSUBSCRIBE d:1", "[ssubscribe d:1 1]"},
		{"SUNSUBSCRIBE d:1", "[sunsubscribe d:1 0]"},
		{"SUBSCRIBE d:2", "[subscribe d:2 1]"},
		{"UNSUBSCRIBE d:2", "[unsubscribe d:2 0]"},
		{"PUBSUB NUMSUB d:2", "[d:2 0]"},
		{"PUBSUB NUMPAT", ":0"},
		{"XLEN d:1", ":1"},
		{"XREAD STREAMS d:2 0", "(nil)"},
	} {
		if strings.Contains(tt.want, "subscribe d:1 ") && tt.want[1] == 's' && !redis.Shards() {
			continue // SSUBSCRIBE, SUNSUBSCRIBE
		}
		all.Send(strings.Fields(tt.command)...)
		if got := all.Receive().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.command, got, tt.want)
		}
	}
	// Healing, with the rights that it takes.
	sub, pattern := r.Subscribe("d:1"), r.Dial()
	pattern.Send("PSUBSCRIBE", "d:*")
	pattern.Expect(t, "[psubscribe d:* 1]")
	r.CutOff(redis, "app")
	harness.PublishReplies(t, r.Dial(), "d:1", "again", ":2")
	sub.Expect(t, "[message d:1 again]")
	pattern.Expect(t, "[pmessage d:* d:1 again]")
	for _, e := range r.Logs.All() {
		if text, _ := e.ContextMap()["error"].(string); strings.Contains(text, "NOPERM") {
			t.Errorf("%s: %s", e.Message, text)
		}
	}
}

// What is revoked is missed at once, each way with Redis's own words, and comes
// back when it is given back, without a restart.
func TestACLRevokedAndGivenBack(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~history:* &d:* &e:* &relay:* +@all", "default off"))
	r := harness.Start(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()), historyOn("d:"))
	set := func(words ...string) { redis.MustDo(append([]string{"ACL", "SETUSER", "app"}, words...)...) }
	noChannel := redis.NoChannel()

	for range 2 {
		sub, other := r.Subscribe("e:1"), r.Subscribe("d:1")
		set("resetchannels", "&d:*", "&relay:*") // Redis ends the connection
		if got := sub.Closed(); len(got) > 0 {
			t.Errorf("before the end: %s", got)
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "ready without it", r.IsReady)
		late := r.Dial()
		late.Send("SUBSCRIBE", "e:1")
		late.Expect(t, noChannel)
		late.Send("PUBLISH", "e:1", "m")
		late.Expect(t, noChannel)
		harness.PublishReplies(t, late, "d:1", "m", ":1") // has history, and was kept
		other.Expect(t, "[message d:1 m]")
		other.Close()

		set("&e:*")
		late.Send("SUBSCRIBE", "e:1")
		late.Expect(t, "[subscribe e:1 1]")
		harness.PublishReplies(t, r.Dial(), "e:1", "m", ":1")
		late.Expect(t, "[message e:1 m]")
		late.Close()
	}

	set("-publish")
	harness.PublishReplies(t, r.Dial(), "e:1", "m", "-NOPERM ")
	set("-evalsha", "-eval", "+publish")
	harness.PublishReplies(t, r.Dial(), "e:1", "m", ":0")
	harness.PublishReplies(t, r.Dial(), "d:1", "m", "-NOPERM ")
	set("+evalsha", "+eval", "resetkeys")
	harness.PublishReplies(t, r.Dial(), "d:1", "m", "-")
	set("~history:*")
	talks(t, r, "d:1")

	set("-ping") // found out by the next PING
	redistest.Eventually(t, redistest.DefaultTimeout, "not ready, and why", func() bool {
		status, body := r.Get("/readyz")
		return status == 503 && strings.Contains(body, "allow +ping to this user")
	})
	set("+ping")
	redistest.Eventually(t, redistest.DefaultTimeout, "ready again", r.IsReady)
	talks(t, r, "d:1")
}

// The password file is read at each connect: who rotates a password writes the
// file and need not tell the relay. A reload neither helps nor harms.
func TestPasswordRotation(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("default off", "app on >one ~* &* +@all"))
	dir := t.TempDir()
	harness.WriteFile(t, dir, "password", "one\n")
	path := harness.WriteFile(t, dir, "relay.yaml", "redis: {password_file: password, alert_after: 2}\n")
	r := harness.Start(t, nil, harness.WithRedis("redis://app@"+redis.Addr()), harness.WithFile(t, path))
	events, sub := r.Subscribe(relay.EventsChannel), r.Dial()
	hears := func(payload string) {
		t.Helper()
		sub.Close()
		sub = r.Subscribe("a")
		harness.PublishReplies(t, r.Dial(), "a", payload, ":1")
		sub.Expect(t, "[message a "+payload+"]")
	}
	hears("first-password")

	// The orderly way: both are valid, the file changes, the old one goes.
	redis.MustDo("ACL", "SETUSER", "app", ">two")
	harness.WriteFile(t, dir, "password", "two\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	harness.Event(t, events, "reload")
	redis.MustDo("ACL", "SETUSER", "app", "<one")
	hears("same-connection")
	r.CutOff(redis, "app")
	harness.Event(t, events, "upstream_down")
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	hears("second-password")

	// The other way: the file comes late.
	redis.MustDo("ACL", "SETUSER", "app", "resetpass", ">three")
	redis.MustDo("CLIENT", "KILL", "USER", "app")
	harness.Event(t, events, "upstream_down")
	if e := harness.Event(t, events, "alert"); !strings.Contains(e.Cause, "WRONGPASS") || strings.Contains(e.Cause, "two") {
		t.Errorf("cause %q", e.Cause)
	}
	if err := os.Remove(dir + "/password"); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "the missing file is named", func() bool {
		_, body := r.Get("/readyz")
		return strings.Contains(body, "redis.password_file: ") && strings.Contains(body, "no such file")
	})
	harness.WriteFile(t, dir, "password", "three") // without a line end
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	redistest.Eventually(t, redistest.DefaultTimeout, "ready", r.IsReady)
	hears("third-password")

	// A password in relay.yaml is another matter: it needs a restart, and says so.
	harness.WriteFile(t, dir, "relay.yaml", "redis: {password_file: other}\n")
	harness.WriteFile(t, dir, "other", "x")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if r.Logs.FilterMessage("restart needed for some of the changes").Len() == 0 {
		t.Error("another password_file was taken without a word")
	}
	for _, e := range r.Logs.All() {
		if text := e.Message + " " + strings.Join(valuesOf(e.ContextMap()), " "); strings.Contains(text, "three") {
			t.Errorf("the log shows a password: %s", text)
		}
	}
}

func valuesOf(m map[string]any) (list []string) {
	for _, v := range m {
		if text, ok := v.(string); ok {
			list = append(list, text)
		}
	}
	return list
}
