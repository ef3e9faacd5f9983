package command

// Passwords are told nowhere.

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/redistest"
)

func TestPasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, url := range []string{
		"redis://user:" + secret + "@127.0.0.1:1/0",
		"redis://user:" + secret + "%zz@127.0.0.1:1",  // no URL
		"redis://user:" + secret + "#x@127.0.0.1:1",   // nor this
		"redis://user:" + secret + "@127.0.0.1:1?x=1", // unknown option
		"http://user:" + secret + "@127.0.0.1:1",
		"redis://user:1?" + secret + "@127.0.0.1:1", // a parameter of this name
		"user:" + secret + "@127.0.0.1:1",
	} {
		r := newScene(t, nil).run([]string{"RELAY_REDIS_URL=" + url}, "--check")
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("%s: printed:\n%s%s", url, r.stdout, r.stderr)
		}
	}
	for _, url := range []string{
		"https://h/" + secret, "https://" + secret + "@h?" + secret, "https://h/" + secret + "%zz", secret,
	} {
		r := newScene(t, nil).run([]string{"RELAY_ALERTS_WEBHOOK=" + url}, "--check")
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("%s: printed:\n%s%s", url, r.stdout, r.stderr)
		}
	}
	d := newScene(t, nil).start(nil, "--redis.url=redis://user:"+secret+"@127.0.0.1:1", "--redis.alert_after=1",
		"--log.level=debug")
	d.Says("Redis cannot be reached")
	if all := d.Stdout.String() + d.Stderr.String(); strings.Contains(all, secret) {
		t.Errorf("printed:\n%s", all)
	}
}

// TestNoSecretIsTold takes a relay through what goes wrong between it and Redis,
// at level debug, and looks for its passwords wherever it tells something.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	const inURL, inFile = "s3cret-of-the-url", "s3cret-of-the-file"
	redis := redistest.Start(t, redistest.WithTLS(), redistest.WithACL("default off",
		"url on >"+inURL+" ~* &* +@all", "file on >"+inFile+" ~* &* +@all"))
	for name, way := range map[string]struct {
		user, url, config string
	}{
		"url": {"url", "redis://url:" + inURL + "@" + redis.Addr(), "redis: {alert_after: 1}\n"},
		"file": {
			"file", "redis://file@" + redis.Addr(),
			"redis: {alert_after: 1, password_file: password}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, map[string]string{"relay.yaml": way.config, "password": inFile + "\n"})
			d := s.start(func(cmd *exec.Cmd) { cmd.Env = []string{"RELAY_REDIS_URL=" + way.url} },
				"--log.level=debug", "--redis.publish_timeout=300ms")
			var told []string
			tell := func(what string, text string) { told = append(told, what+":\n"+text) }
			address := d.awaitReady()
			events := d.Dial()
			events.Send("SUBSCRIBE", "relay:events", "relay:rejects")
			events.Expect(t, "[subscribe relay:events 1]", "[subscribe relay:rejects 2]")
			look := func(when string) {
				t.Helper()
				for _, path := range []string{"/", "/livez", "/readyz", "/metrics", "/status", "/debug/vars", "/config"} {
					tell(when+": "+path, body(t, address, path))
				}
				c := d.Dial()
				for _, command := range []string{"INFO", "CLIENT LIST", "CLIENT INFO", "PUBLISH a m", "HELLO 3 AUTH x y"} {
					tell(when+": "+command, c.Do(strings.Fields(command)...).String())
				}
			}
			look("at first")
			redis.MustDo("ACL", "SETUSER", way.user, "resetpass", ">another")
			redis.MustDo("CLIENT", "KILL", "USER", way.user)
			d.Says("WRONGPASS")
			look("with a wrong password")
			redis.MustDo("ACL", "SETUSER", way.user, ">"+map[string]string{"url": inURL, "file": inFile}[name], "-ping")
			d.Says("allow +ping")
			look("without PING")
			redis.MustDo("ACL", "SETUSER", way.user, "+ping", "-publish", "resetchannels", "&relay:*")
			d.awaitReady()
			look("with few rights")

			for _, bad := range []string{
				"redis: {url: 'redis://u:" + inFile + "@h:x', password_file: gone}\n",
				"redis: {url: 'redis://u:" + inFile + "/@h'}\nlimits: {clients: 0}\n",
				"redis: {pasword: " + inURL + "}\n",
				"redis: [" + inURL + "]\n",
				"redis: redis://u:" + inURL + "@h\n", // and not redis: {url: …}
				"redis: {redis://u:" + inURL + "@h}\n",
				"redis: {url: {" + inURL + ": 1}}\n",
				"socket: {mode: \"0600\"}\nredis: {url: 'rediss://u:" + inFile + "@h'}\n",
			} {
				s.write("relay.yaml", bad)
				reloads := func() int {
					text := d.Stderr.String()
					return strings.Count(text, "reload refused") + strings.Count(text, "configuration reloaded")
				}
				before := reloads()
				d.Signal(syscall.SIGHUP)
				redistest.Eventually(t, wait, "it is read", func() bool { return reloads() > before })
				look("after a reload")
			}
			s.write("relay.yaml", way.config)
			for _, env := range [][]string{
				{"RELAY_REDIS_URL=" + way.url},
				{"RELAY_REDIS_URL=" + strings.Replace(way.url, "redis://", "rediss://", 1)},
				{"RELAY_REDIS_URL=" + strings.Replace(way.url, "redis://", "redis:", 1)},
				{"RELAY_REDIS_URL=" + way.url + "?password=" + inURL},
			} {
				for _, args := range [][]string{{"--check"}, {"health"}, {"--help"}, {"--redis.tls.ca=gone", "--check"}} {
					r := s.run(env, args...)
					tell(strings.Join(args, " "), r.stdout+r.stderr)
				}
			}
			d.Signal(syscall.SIGTERM)
			d.EndsWithin(wait)
			for _, v := range events.Closed() {
				tell("an event", v.String())
			}
			tell("stdout", d.Stdout.String())
			tell("stderr", d.Stderr.String())
			for _, text := range told {
				if strings.Contains(text, "s3cret") {
					t.Errorf("a password is told by %s", text)
				}
			}
			if len(told) < 100 || !strings.Contains(d.Stderr.String(), "DEBUG") {
				t.Errorf("looked at %d texts only, or not at level debug", len(told))
			}
		})
	}
}

// body is what HTTP answers, with its headers.
func body(t *testing.T, address, path string) string {
	t.Helper()
	res, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.Header) + string(text)
}
