package clouds

// Google: the token of the metadata server, and a relay that lives on such tokens.

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// metadata is Google's metadata server. Each token holds for so many seconds, and names its number.
func metadata(t *testing.T, seconds int) (env []string, tokens *atomic.Int64) {
	tokens = new(atomic.Int64)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		const below = "/computeMetadata/v1/"
		switch {
		case r.Header.Get("Metadata-Flavor") != "Google":
			reject(w, r)
		case r.URL.Path == below+"project/project-id":
			write(w, "project-1")
		case r.URL.Path == below+"instance/service-accounts/default/token" &&
			r.FormValue("scopes") == "https://www.googleapis.com/auth/cloud-platform":
			write(w, `{"access_token":"token-%d","expires_in":%d,"token_type":"Bearer"}`, tokens.Add(1), seconds)
		default:
			http.NotFound(w, r)
		}
	})
	return []string{"GCE_METADATA_HOST=" + strings.TrimPrefix(s.URL, "http://")}, tokens
}

func TestGoogleMetadata(t *testing.T) {
	t.Parallel()
	env, _ := metadata(t, 3600)
	l := get(t, env, "google")
	if l.User != "default" || l.Password != "token-1" {
		t.Errorf("got %+v", l)
	}
	l.expiresIn(t, time.Hour)
	if l := get(t, env, "google", "--user=app"); l.User != "app" || l.Password != "token-2" {
		t.Errorf("got %+v", l)
	}
}

// A relay runs itself as its helper, gets in with the first token, and gives Redis the next ones over the connection
// that it has.
func TestRelayLivesOnTokens(t *testing.T) {
	t.Parallel()
	user := "default on"
	for n := range 200 {
		user += fmt.Sprintf(" >token-%d", n+1)
	}
	redis := redistest.Start(t, redistest.WithACL(user+" ~* &* +@all"))
	env, tokens := metadata(t, 30)
	dir := redistest.TempDir(t)
	config := "redis: {url: 'redis://" + redis.Addr() + "', credentials: {command: [redis-relay, credentials, google], refresh: 1s}}\n"
	if err := os.WriteFile(filepath.Join(dir, "relay.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := process.Start(t, dir, func(cmd *exec.Cmd) { cmd.Env = env })
	p.AwaitReady()
	before := tokens.Load()
	p.Eventually("Redis has got two more tokens", func() bool { return tokens.Load() >= before+3 })
	c := p.Dial()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	if got := p.Dial().Do("PUBLISH", "a", "hello").String(); got != ":1" && got != "1" {
		t.Errorf("PUBLISH answers %s", got)
	}
	c.Expect(t, "[message a hello]")
	m := p.Metrics()
	if n := m["upstream_connections_total"]; n != 1 {
		t.Errorf("%v connections", n)
	}
	if n := m["upstream_credentials_failures_total"]; n != 0 {
		t.Errorf("%v failures", n)
	}
	if log := p.Stderr.String(); strings.Contains(log, "token-") {
		t.Error("the log shows a token")
	}
}
