package policy

// A configuration that changes under a running relay.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	anyString = `{"type":"string"}`
	anyNumber = `{"type":"number"}`
)

func TestReload(t *testing.T) {
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/x.json", anyString)
	path := harness.WriteFile(t, dir, "relay.yaml", "limits: {payload: 100}\nroutes:\n- prefix: 'x:'\n  schema: x.json\n")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	events, sub, pub := r.Subscribe("relay:events"), r.Subscribe("x:1"), r.Dial()
	harness.PublishReplies(t, pub, "x:1", `"text"`, ":1")
	sub.Expect(t, `[message x:1 "\"text\""]`)
	harness.PublishReplies(t, pub, "x:1", `1`, "-INVALID x:1")
	large := `"` + strings.Repeat("x", 1000) + `"`
	harness.PublishReplies(t, pub, "x:1", large, "-TOOLARGE x:1")

	t.Run("routes, schemas and limits change for connections there are", func(t *testing.T) {
		harness.WriteFile(t, dir, "schemas/x.json", anyNumber)
		harness.WriteFile(t, dir, "relay.yaml",
			"limits: {payload: 2000}\nunrouted: deny\nroutes:\n- prefix: 'x:'\n  schema: x.json\n- prefix: 'y:'\n")
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		if e := harness.Event(t, events, "reload"); e.Cause != "" {
			t.Errorf("cause %q", e.Cause)
		}
		harness.PublishReplies(t, pub, "x:1", `1`, ":1")
		sub.Expect(t, `[message x:1 "1"]`)
		harness.PublishReplies(t, pub, "x:1", `"text"`, "-INVALID x:1")
		harness.PublishReplies(t, pub, "z:1", `1`, "-DENIED z:1")
		listener := r.Subscribe("y:1")
		harness.PublishReplies(t, pub, "y:1", large, ":1")
		if got := listener.Receive(); len(got.Elems) != 3 || got.Elems[2].Str != large {
			t.Errorf("a payload that the new limit allows arrived as %s", got)
		}
		harness.PublishReplies(t, pub, "y:1", large+large, "-TOOLARGE y:1")
	})

	for name, bad := range map[string]struct{ yaml, schema, says string }{
		"unknown key":       {"limit: {payload: 5}\n", anyString, "limits"},
		"wrong type":        {"limits: {payload: much}\n", anyString, "limits.payload"},
		"missing schema":    {"routes: [{prefix: 'x:', schema: gone.json}]\n", anyString, "gone.json"},
		"schema not JSON":   {"routes: [{prefix: 'x:', schema: x.json}]\n", "{", "x.json"},
		"schema not valid":  {"routes: [{prefix: 'x:', schema: x.json}]\n", `{"type":"strnig"}`, "x.json"},
		"two of one prefix": {"routes: [{prefix: 'x:'}, {prefix: 'x:'}]\n", anyString, "already the prefix"},
	} {
		t.Run(name+" changes nothing", func(t *testing.T) {
			harness.WriteFile(t, dir, "schemas/x.json", bad.schema)
			harness.WriteFile(t, dir, "relay.yaml", bad.yaml)
			err := r.Reload()
			if err == nil || !strings.Contains(err.Error(), bad.says) {
				t.Fatalf("got %v, want an error with %q", err, bad.says)
			}
			if e := harness.Event(t, events, "reload"); e.Cause != err.Error() {
				t.Errorf("the event says %q, the error %q", e.Cause, err)
			}
			harness.PublishReplies(t, pub, "x:1", `2`, ":1")
			sub.Expect(t, `[message x:1 "2"]`)
			harness.PublishReplies(t, pub, "x:1", `"text"`, "-INVALID x:1")
		})
	}

	t.Run("what needs a restart is named", func(t *testing.T) {
		harness.WriteFile(t, dir, "schemas/x.json", anyString)
		harness.WriteFile(t, dir, "relay.yaml", "redis: {publish_timeout: 7s}\nlog: {level: warn}\n")
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		harness.Event(t, events, "reload")
		lines := r.Logs.FilterMessage("restart needed for some of the changes").All()
		if len(lines) == 0 {
			t.Fatal("the log does not say that a restart is needed")
		}
		keys, _ := lines[len(lines)-1].ContextMap()["keys"].([]any)
		if !slices.Equal(keys, []any{"redis.publish_timeout"}) {
			t.Errorf("a restart is needed for %v, want redis.publish_timeout", keys)
		}
	})

	t.Run("a broken schema that no route uses is told", func(t *testing.T) {
		harness.WriteFile(t, dir, "schemas/x.json", "{")
		harness.WriteFile(t, dir, "relay.yaml", "unrouted: allow\n")
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(r.Story(), "\n"); !strings.Contains(said, `x.json:1:2: invalid schema`) {
			t.Errorf("the log says\n%s", said)
		}
	})
}

// TestAReloadIsShown wherever somebody may look: what has changed, and that nothing has
// because of a mistake.
func TestAReloadIsShown(t *testing.T) {
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/x.json", anyString)
	harness.WriteFile(t, dir, "schemas/old.json", anyString)
	harness.WriteFile(t, dir, "schemas/parts/same.json", anyString)
	const text = "limits: {payload: 100}\nroutes:\n- prefix: 'x:'\n  schema: x.json\n"
	path := harness.WriteFile(t, dir, "relay.yaml", text)
	began := time.Now()
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	shown := func(ok bool, since time.Time, says string) {
		t.Helper()
		sign, successful := "[+] config: ", 1.0
		if !ok {
			sign, successful = "[-] config: ", 0
		}
		if got := r.Metric("config_last_reload_successful"); got != successful {
			t.Errorf("config_last_reload_successful is %v, want %v", got, successful)
		}
		at := r.Metric("config_last_reload_success_timestamp_seconds")
		if first, last := float64(since.UnixNano())/1e9, float64(time.Now().UnixNano())/1e9; at < first || at > last {
			t.Errorf("the last success was at %f, want %f to %f", at, first, last)
		}
		for _, path := range []string{"/", "/readyz?verbose"} {
			status, body := r.Get(path)
			if _, line, found := strings.Cut(body, sign); status != 200 || !found || !strings.Contains(line, says) {
				t.Errorf("%s says %d %q, want %q with %q", path, status, body, sign, says)
			}
		}
		if status, body := r.Get("/readyz"); status != 200 || body != "ok\n" { // with what it had before
			t.Errorf("readyz says %d %q", status, body)
		}
	}
	shown(true, began, "loaded at ")

	harness.WriteFile(t, dir, "relay.yaml", "limits: {payload: much}\n"+text[len("limits: {payload: 100}\n"):])
	if err := r.Reload(); err == nil {
		t.Fatal("a mistake was taken over")
	}
	shown(false, began, "limits.payload")

	harness.WriteFile(t, dir, "relay.yaml", "limits: {payload: 2000}\nroutes:\n- {prefix: 'x:', schema: x.json, slow: drop}\n- {prefix: 'y:'}\n")
	harness.WriteFile(t, dir, "schemas/x.json", anyNumber)
	harness.WriteFile(t, dir, "schemas/new.json", anyNumber)
	harness.WriteFile(t, dir, "schemas/relay.schema.json", anyNumber) // of no message
	harness.WriteFile(t, dir, "schemas/parts/same.json", anyString)   // only its stamp is another
	if err := os.Remove(filepath.Join(dir, "schemas/old.json")); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	shown(true, began, "loaded at ")
	lines := r.Logs.FilterMessage("configuration reloaded").All()
	if len(lines) == 0 {
		t.Fatal("the log says nothing")
	}
	got, _ := lines[len(lines)-1].ContextMap()["changes"].([]any)
	want := []any{
		"limits.payload: 2000B, was 100B", `route "x:": slow`, `route "y:" added`,
		`schema "new.json" added`, `schema "x.json" changed`, `schema "old.json" removed`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

// TestReloadOfItself changes files and waits for the relay to notice.
func TestReloadOfItself(t *testing.T) {
	const (
		yaml  = "routes:\n- prefix: 'x:'\n  schema: x.json\n"
		other = "# changed\nroutes:\n- prefix: 'x:'\n"
	)
	// mounted makes a folder as Kubernetes does: names that lead through ..data.
	mounted := func(t *testing.T) string {
		dir := t.TempDir()
		harness.WriteFile(t, dir, "..1/relay.yaml", yaml)
		harness.WriteFile(t, dir, "..1/schemas/x.json", anyString)
		for link, to := range map[string]string{
			"..data": "..1", "relay.yaml": "..data/relay.yaml", "schemas": "..data/schemas",
		} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	swap := func(t *testing.T, dir string) { // as Kubernetes does, in one step
		for _, err := range []error{
			os.Symlink("..2", filepath.Join(dir, "..new")),
			os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")),
			os.RemoveAll(filepath.Join(dir, "..1")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	plain := func(t *testing.T) string {
		dir := t.TempDir()
		harness.WriteFile(t, dir, "relay.yaml", yaml)
		harness.WriteFile(t, dir, "schemas/x.json", anyString)
		return dir
	}
	for name, tt := range map[string]struct {
		folder func(t *testing.T) string
		change func(t *testing.T, dir string)
	}{
		"the file is written": {plain, func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "relay.yaml"), []byte(other), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"the file is replaced": {plain, func(t *testing.T, dir string) { harness.WriteFile(t, dir, "relay.yaml", other) }},
		"a schema is written":  {plain, func(t *testing.T, dir string) { harness.WriteFile(t, dir, "schemas/x.json", anyNumber) }},
		"a mounted file is swapped": {mounted, func(t *testing.T, dir string) {
			harness.WriteFile(t, dir, "..2/relay.yaml", other)
			harness.WriteFile(t, dir, "..2/schemas/x.json", anyString)
			swap(t, dir)
		}},
		"a mounted schema is swapped": {mounted, func(t *testing.T, dir string) {
			harness.WriteFile(t, dir, "..2/relay.yaml", yaml)
			harness.WriteFile(t, dir, "..2/schemas/x.json", anyNumber)
			swap(t, dir)
		}},
		"a schema behind a link is written": {mounted, func(t *testing.T, dir string) {
			harness.WriteFile(t, dir, "..1/schemas/x.json", anyNumber)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the relay to look
			dir := tt.folder(t)
			r := harness.Start(t, nil, harness.WithFile(t, filepath.Join(dir, "relay.yaml")))
			events, pub := r.Subscribe("relay:events"), r.Dial()
			harness.PublishReplies(t, pub, "x:1", `1`, "-INVALID x:1")
			tt.change(t, dir)
			if e := harness.Event(t, events, "reload"); e.Cause != "" {
				t.Fatalf("reload failed: %s", e.Cause)
			}
			harness.PublishReplies(t, pub, "x:1", `1`, ":0")
		})
	}
}

// TestDrain ends a relay that has publishes on their way to Redis.
func TestDrain(t *testing.T) {
	const publishes = 200
	for name, tt := range map[string]struct {
		fault func(*redistest.Server, *redistest.Proxy)
		want  string
	}{
		"Redis is slow":   {func(_ *redistest.Server, p *redistest.Proxy) { p.Delay(100 * time.Millisecond) }, ":"},
		"Redis is silent": {func(_ *redistest.Server, p *redistest.Proxy) { p.Stall(true) }, "-UPSTREAMDOWN"},
		"Redis is gone":   {func(s *redistest.Server, _ *redistest.Proxy) { s.Kill() }, "-UPSTREAMDOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits
			redis := redistest.Start(t)
			proxy := redistest.NewProxy(t, redis.Addr())
			r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()),
				func(c *config.Config) { c.Redis.PublishTimeout = 2 * time.Second }) // a busy machine is slow, too
			r.Subscribe("c")
			sub, pub := r.Dial(), r.Dial()
			sub.Send("PING")
			sub.Expect(t, "+PONG")
			tt.fault(redis, proxy)
			before := r.Metric("commands_total")
			var pipeline []byte
			for range publishes {
				pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "c", "m")
			}
			pub.SendRaw(pipeline)
			redistest.Eventually(t, redistest.DefaultTimeout, "the publishes are read", func() bool {
				return r.Metric("commands_total") == before+publishes
			})
			began := time.Now()
			r.Stop()
			if took := time.Since(began); took > 6500*time.Millisecond { // in 7 s it finds out that Redis is silent
				t.Errorf("draining took %v, want less than 6.5s", took)
			}
			replies := pub.Closed()
			if len(replies) != publishes {
				t.Errorf("%d replies before the end, want %d", len(replies), publishes)
			}
			for _, v := range replies {
				if !strings.HasPrefix(v.String(), tt.want) {
					t.Fatalf("a publish was answered %s, want %s", v, tt.want)
				}
			}
			if more := sub.Closed(); len(more) > 0 {
				t.Errorf("an idle client got %v before its end", more)
			}
			if _, err := os.Stat(r.Socket); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}
