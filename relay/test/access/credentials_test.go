package access

// Credentials that a program prints: rotation over living connections, and programs that fail.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// helper is a program whose words a test sets.
type helper struct {
	t    testing.TB
	file string
}

func newHelper(t testing.TB) *helper {
	return &helper{t, filepath.Join(t.TempDir(), "words")}
}

// command runs the words.
func (h *helper) command() []string { return []string{"/bin/sh", h.file} }

// does sets a script in one step.
func (h *helper) does(script string) {
	h.t.Helper()
	err := os.WriteFile(h.file+".new", []byte(script+"\n"), 0o600)
	if err = errors.Join(err, os.Rename(h.file+".new", h.file)); err != nil {
		h.t.Error(err)
	}
}

// prints has it print a login without an expiry.
func (h *helper) prints(user, password string) {
	h.t.Helper()
	h.does(fmt.Sprintf(`echo '{"username":"%s","password":"%s"}'`, user, password))
}

// option gives the helper to a relay.
func (h *helper) option(refresh time.Duration) harness.Option {
	return func(c *config.Config) {
		c.Redis.Credentials = config.Credentials{Command: h.command(), Refresh: refresh}
	}
}

var clientLine = regexp.MustCompile(`(?m)^id=(\d+) .* name=redis-relay:\S*:(\w+) .* user=(\w+)`)

// connections returns the relay's connections at Redis, as "sub 7 app".
func connections(redis *redistest.Server) map[string]string {
	found := map[string]string{}
	for _, m := range clientLine.FindAllStringSubmatch(redis.MustDo("CLIENT", "LIST").Str, -1) {
		found[m[2]] = m[1] + " " + m[3]
	}
	return found
}

// noSecrets fails if the log has one of the words.
func noSecrets(t *testing.T, r *harness.Relay, secrets ...string) {
	t.Helper()
	for _, e := range r.Logs.All() {
		text := fmt.Sprint(e.Message, e.ContextMap())
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the log shows %q: %s", secret, text)
			}
		}
	}
}

// awaitUser waits until both connections are those of a user.
func awaitUser(t *testing.T, redis *redistest.Server, user string) map[string]string {
	t.Helper()
	var now map[string]string
	redistest.Eventually(t, redistest.DefaultTimeout, "the connections are those of "+user, func() bool {
		now = connections(redis)
		return strings.HasSuffix(now["sub"], " "+user) && strings.HasSuffix(now["read"], " "+user)
	})
	return now
}

// Redis is given other users over the living connections, by a refresh and by a reload of the command.
func TestCredentialsRotate(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app1 on >sesame1 ~* &* +@all", "app2 on >sesame2 ~* &* +@all",
		"app3 on >sesame3 ~* &* +@all"))
	h, later := newHelper(t), newHelper(t)
	h.prints("app1", "sesame1")
	later.prints("app3", "sesame3")
	dir := t.TempDir()
	write := func(command []string) string {
		return harness.WriteFile(t, dir, "relay.yaml", fmt.Sprintf(
			"redis: {credentials: {command: [%s], refresh: 1s}}\nroutes: [{prefix: 'd:', history: {length: 10, ttl: 1h}}]\n",
			strings.Join(command, ", ")))
	}
	r := harness.Start(t, redis, harness.WithFile(t, write(h.command())))
	events, sub, pub := r.Subscribe(relay.EventsChannel), r.Subscribe("d:1"), r.Dial()
	hears := func(payload string) {
		t.Helper()
		harness.PublishReplies(t, pub, "d:1", payload, ":1")
		sub.Expect(t, "[message d:1 "+payload+"]")
		if got := pub.Do("XREVRANGE", "d:1", "+", "-", "COUNT", "1").String(); !strings.Contains(got, "[payload "+payload+"]") {
			t.Errorf("read back: %s", got)
		}
	}
	hears("first")
	first := awaitUser(t, redis, "app1")

	h.prints("app2", "sesame2")
	second := awaitUser(t, redis, "app2")
	redis.MustDo("ACL", "DELUSER", "app1") // ends its connections
	hears("second")

	write(later.command())
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	harness.Event(t, events, "reload")
	third := awaitUser(t, redis, "app3")
	hears("third")

	for role := range first {
		before := strings.TrimSuffix(first[role], " app1")
		if second[role] != before+" app2" || third[role] != before+" app3" {
			t.Errorf("%s: %s, %s, %s", role, first[role], second[role], third[role])
		}
	}
	if n := r.Metric("upstream_connections_total"); n != 1 {
		t.Errorf("%v connections", n)
	}
	if r.Logs.FilterMessage("restart needed for some of the changes").Len() > 0 {
		t.Error("a restart is needed")
	}

	// A program that is not there is refused, and all goes on as before.
	write([]string{"/no/such/sesame"})
	if err := r.Reload(); err == nil || !strings.Contains(err.Error(), "redis.credentials.command: /no/such/sesame: no such file") {
		t.Error(err)
	}
	hears("fourth")
	noSecrets(t, r, "sesame1", "sesame2", "sesame3")
}

// While the helper fails, the connections go on with what they have; the alert ends when Redis has taken new
// credentials.
func TestCredentialsThatRedisRefuses(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on >sesame1 ~* &* +@all"))
	h := newHelper(t)
	h.prints("app", "sesame1")
	r := harness.Start(t, redis, h.option(time.Second))
	events := r.Subscribe(relay.EventsChannel)
	before := connections(redis)

	h.prints("app", "sesame2") // Redis does not know it yet
	e := harness.Event(t, events, "alert")
	if e.Kind != "credentials" || e.Attempts != 1 || !strings.Contains(e.Cause, "Redis refuses what the helper printed: WRONGPASS") {
		t.Errorf("%+v", e)
	}
	if n := r.Metric(`alerts_active{kind="credentials"}`); n != 1 || !r.IsReady() {
		t.Errorf("%v alerts", n)
	}
	redis.MustDo("ACL", "SETUSER", "app", ">sesame2", "<sesame1")
	e = awaitEvent(t, events, "alert_end")
	if e.Since == nil || r.Metric(`alerts_active{kind="credentials"}`) != 0 || r.Metric("upstream_credentials_failures_total") < 1 {
		t.Errorf("%+v", e)
	}
	if now := connections(redis); now["sub"] != before["sub"] {
		t.Errorf("%s, then %s", before, now)
	}

	// The password changes and the connection is lost before the helper runs again.
	h.prints("app", "sesame3")
	redis.MustDo("ACL", "SETUSER", "app", "resetpass", ">sesame3")
	r.CutOff(redis, "app")
	redistest.Eventually(t, redistest.DefaultTimeout, "ready", r.IsReady)
	redistest.Eventually(t, redistest.DefaultTimeout, "the alert has ended", func() bool {
		return r.Metric(`alerts_active{kind="credentials"}`) == 0
	})
	noSecrets(t, r, "sesame1", "sesame2", "sesame3")
}

// The relay waits for the first credentials, and says why there are none.
func TestFirstCredentials(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on >sesame ~* &* +@all"))
	h := newHelper(t)
	r := harness.New(t, redis, h.option(0), func(c *config.Config) { c.Redis.URL = "redis://app@" + redis.Addr() })
	for script, want := range map[string]string{
		"echo no network >&2; exit 3": "redis.credentials.command: the helper ended with exit status 3; its stderr: no network",
		"echo sesame":                 "the helper printed something else than one JSON object",
		`echo '{"password":"wrong"}'`: "Redis refuses what the helper printed",
	} {
		h.does(script)
		redistest.Eventually(t, redistest.DefaultTimeout, want, func() bool {
			status, body := r.Get("/readyz")
			return status == 503 && strings.Contains(body, want)
		})
	}
	if r.Logs.FilterMessage("no connection to Redis; still trying").Len() == 0 ||
		r.Logs.FilterMessage("the credentials for Redis could not be renewed; still trying").Len() == 0 {
		t.Error("the log does not say it")
	}
	h.does(`echo '{"password":"sesame"}'`) // the user is that of the URL
	redistest.Eventually(t, redistest.DefaultTimeout, "ready", r.IsReady)
	noSecrets(t, r, "sesame", "wrong")
}

// A helper that hangs does not keep the relay from ending.
func TestHelperHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	h := newHelper(t)
	h.does("trap '' TERM INT; touch " + h.file + ".runs; sleep 1000; sleep 1000")
	r := harness.New(t, redis, h.option(0))
	redistest.Eventually(t, redistest.DefaultTimeout, "it runs", func() bool {
		_, err := os.Stat(h.file + ".runs")
		return err == nil
	})
	began := time.Now()
	if r.Stop(); time.Since(began) > 20*time.Second {
		t.Errorf("it took %v", time.Since(began))
	}
}

// check says where the credentials come from; with --connect it runs the helper.
func TestCheckRunsTheHelper(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on >sesame ~* &* +@all -xread"))
	h := newHelper(t)
	h.prints("app", "sesame")
	secret := func(c *config.Config) {
		c.Redis.Credentials.Command = append(c.Redis.Credentials.Command, "--token=secret-argument")
	}
	problems, err := checkRedis(t, redis.URL(), h.option(0), secret)
	if text := strings.Join(problems, "\n"); err == nil || !strings.Contains(text, "ACL SETUSER app +xread") {
		t.Errorf("%s %v", text, err)
	}
	cfg := harness.Shipped(t)
	cfg.Redis.URL = redis.URL()
	h.option(0)(cfg)
	secret(cfg)
	var out bytes.Buffer
	if err := preflight.Describe(cfg, &out); err != nil || !strings.Contains(out.String(), "credentials from /bin/sh\n") ||
		strings.Contains(out.String()+cfg.String(), "secret-argument") {
		t.Errorf("%s %v", out.String(), err)
	}
	h.does("echo lost it >&2; exit 1")
	if _, err := checkRedis(t, redis.URL(), h.option(0)); err == nil || !strings.Contains(err.Error(), "its stderr: lost it") {
		t.Error(err)
	}
	cfg.Redis.Credentials.Command = []string{"no-such-helper"}
	if err := preflight.Describe(cfg, &out); err == nil || !strings.HasPrefix(err.Error(), "redis.credentials.command: no-such-helper: ") {
		t.Error(err)
	}
}

// Certificates are read again for each new connection.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithTLS())
	files, stranger := redis.TLS(), redistest.Start(t, redistest.WithTLS()).TLS()
	dir := t.TempDir()
	use := func(f redistest.TLSFiles) {
		for name, from := range map[string]string{"ca": f.CA, "cert": f.Cert, "key": f.Key} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			harness.WriteFile(t, dir, name, string(text))
		}
	}
	use(files)
	r := harness.Start(t, nil, harness.WithRedis(redis.TLSURL()),
		withTLS(filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")))
	use(stranger)
	redis.KillSubscribers()
	redistest.Eventually(t, redistest.DefaultTimeout, "another authority is not trusted", func() bool {
		_, body := r.Get("/readyz")
		return strings.Contains(body, "certificate signed by unknown authority")
	})
	use(files)
	redistest.Eventually(t, redistest.DefaultTimeout, "ready", r.IsReady)
}
