package config

// This file tests where values come from and what the strict check says.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// shipped is the file at the root of the repository.
const shipped = "../relay.yaml"

// sameConfig compares values, not where they were written.
var sameConfig = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()}

// write puts a relay.yaml into a fresh folder.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad loads the text of a file.
func mustLoad(t testing.TB, text string, env ...string) *Config {
	t.Helper()
	cfg, err := Load(Source{Path: write(t, text), Required: true, Env: env})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func TestShippedFileIsTheDefault(t *testing.T) {
	cfg, err := Load(Source{Path: shipped, Required: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Redis.URL = EmbeddedRedis // said, so that `go run .` is one command
	want.File, want.Dir = shipped, ".."
	want.Schemas.Dir = "../schemas"
	for _, r := range []struct{ prefix, schema string }{
		{"chat:", "chat.json"}, {"room:", "chat.json"}, {"user:", "user.json"}, {"document:", "document.json"},
	} {
		route := NewRoute(r.prefix)
		route.Schema = r.schema
		want.Routes = append(want.Routes, route)
	}
	if diff := cmp.Diff(want, *cfg, sameConfig); diff != "" {
		t.Errorf("relay.yaml differs from the defaults (-default +file):\n%s", diff)
	}
}

func TestShippedFileShowsEveryKey(t *testing.T) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	root, err := parse(inFile(shipped), text)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := root.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		node := any(tree)
		for _, name := range strings.Split(key.Path, ".") {
			group, _ := node.(map[string]any)
			value, ok := group[name]
			if !ok {
				t.Errorf("relay.yaml does not show %s", key.Path)
			}
			node = value
		}
	}
	for _, f := range fieldsOf(reflect.TypeFor[Route]()) {
		if !strings.Contains(string(text), f.name+":") {
			t.Errorf("relay.yaml does not mention %s of a route", f.name)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "relay.yaml")
	for _, path := range []string{"", missing} {
		cfg, err := Load(Source{Path: path})
		if err != nil {
			t.Fatalf("Load(%q): %v", path, err)
		}
		if diff := cmp.Diff(Default(), *cfg, sameConfig); diff != "" {
			t.Errorf("Load(%q) differs from Default:\n%s", path, diff)
		}
	}
	if _, err := Load(Source{Path: missing, Required: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a required file that is missing: got %v", err)
	}
	if _, err := Load(Source{Path: t.TempDir()}); err == nil {
		t.Error("a folder was read as a file")
	}
}

func TestPrecedence(t *testing.T) {
	path := write(t, "log: {level: warn, format: json}\nlimits: {clients: 1, queue: 2MiB}\nhttp: {listen: '127.0.0.1:1'}")
	cfg, err := Load(Source{
		Path:  path,
		Env:   []string{"RELAY_LOG_LEVEL=error", "RELAY_LIMITS_CLIENTS=2", "RELAY_HTTP_LISTEN="},
		Flags: map[string]string{"limits.clients": "3", "socket.allow_uids": "[7]"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File, want.Dir, want.Schemas.Dir = path, filepath.Dir(path), filepath.Join(filepath.Dir(path), "schemas")
	want.Log = Log{Level: LevelError, Format: FormatJSON}
	want.Limits.Clients, want.Limits.Queue = 3, 2*MiB
	want.HTTP.Listen = ""
	want.Socket.AllowUIDs = []uint32{7}
	if diff := cmp.Diff(want, *cfg, sameConfig); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryKeyFromTheEnvironment(t *testing.T) {
	texts := map[string]string{
		"[]uint32": "1000,1001", "time.Duration": "1m1s", "int": "77", "int64": "77", "config.Size": "3KiB",
		"[]string": "a:,b:", "float64": "0.25", "bool": "true",
	}
	for _, f := range leaves {
		text, ok := texts[f.typ.String()]
		switch {
		case f.name == routesPath:
			text = `[{prefix: "x:"}]`
		case f.name == upstreamsPath:
			text = `{eu: {url: "redis://eu"}}`
		case !ok:
			text = "/text: [with 'odd # signs"
		}
		cfg, err := Load(Source{Env: []string{envName(called(f.name)) + "=" + text}})
		if err != nil {
			t.Errorf("%s=%s: %v", envName(f.name), text, err)
			continue
		}
		switch got := cfg.text(f); {
		case f.name == routesPath:
			if len(cfg.Routes) != 1 || cfg.Routes[0].Prefix != "x:" {
				t.Errorf("routes: got %+v", cfg.Routes)
			}
		case f.name == upstreamsPath:
			if len(cfg.Upstreams) != 1 || cfg.Upstreams["eu"].URL != "redis://eu" {
				t.Errorf("upstreams: got %+v", cfg.Upstreams)
			}
		case f.typ.String() == "[]uint32":
			if got != "[1000, 1001]" {
				t.Errorf("%s: got %s", f.name, got)
			}
		case f.typ.String() == "[]string":
			if got != "[a:, b:]" {
				t.Errorf("%s: got %s", f.name, got)
			}
		case got != text:
			t.Errorf("%s: got %q, want %q", f.name, got, text)
		}
	}
}

func TestEnvironmentOfOthers(t *testing.T) {
	for _, pair := range []string{
		"PATH=/bin", "RELAYX=1", "RELAY_LIMITS_QUEUE=", "noequals", "RELAY_BIN=/usr/bin/redis-relay",
		// Services called relay, relay-redis and relay-v6.
		"RELAY_SERVICE_HOST=10.0.0.1", "RELAY_SERVICE_PORT=80", "RELAY_SERVICE_PORT_HTTP_METRICS=80",
		"RELAY_PORT=tcp://10.0.0.1:80", "RELAY_PORT_6379_TCP=tcp://10.0.0.1:6379", "RELAY_PORT_53_UDP=udp://10.0.0.1:53",
		"RELAY_PORT_6379_TCP_PROTO=tcp", "RELAY_PORT_6379_TCP_PORT=6379", "RELAY_PORT_6379_TCP_ADDR=10.0.0.1",
		"RELAY_REDIS_SERVICE_HOST=10.0.0.1", "RELAY_REDIS_SERVICE_PORT=6379", "RELAY_REDIS_PORT=tcp://10.0.0.1:6379",
		"RELAY_REDIS_PORT_6379_TCP_ADDR=10.0.0.1",
		"RELAY_V6_SERVICE_HOST=fd00::1", "RELAY_V6_PORT=tcp://[fd00::1]:6379",
	} {
		if cfg, err := Load(Source{Env: []string{pair}}); err != nil {
			t.Errorf("%s: %v", pair, err)
		} else if diff := cmp.Diff(Default(), *cfg, sameConfig); diff != "" {
			t.Errorf("%s: %s", pair, diff)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	for pair, want := range map[string]string{
		"RELAY_REDIS_ULR=redis://:secret@h": "RELAY_REDIS_ULR: unknown variable; the nearest known is RELAY_REDIS_URL",
		"RELAY_REDIS_PORT=6379":             "RELAY_REDIS_PORT: unknown variable; the nearest known is RELAY_REDIS_MODE",
		"RELAY_REDIS_SERVICE_HOST=secret.h": "RELAY_REDIS_SERVICE_HOST: unknown variable; the nearest known is RELAY_REDIS_TLS_CERT",
		"RELAY_LOG_LEVL=":                   "RELAY_LOG_LEVL: unknown variable; the nearest known is RELAY_LOG_LEVEL",
		"RELAY_" + strings.Repeat("X", 99) + "=secret": "RELAY_" + strings.Repeat("X", 58) +
			"…: unknown variable; redis-relay help lists the known ones",
	} {
		_, err := Load(Source{Env: []string{pair}})
		if !errors.Is(err, ErrUnknownKey) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", pair, err, want)
		}
	}
}

func TestRelativePaths(t *testing.T) {
	path := write(t, `
redis: {password_file: pw, tls: {ca: /abs/ca.pem, cert: c/cert.pem, key: ../key.pem}}
nats: {token_file: token, leaf: {credentials: creds, ca: ca.pem}}
http: {token_file: http-token}
socket: {path: run/relay.sock, password_file: spw}
`)
	cfg, err := Load(Source{Path: path, Env: []string{"RELAY_SCHEMAS=s"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	got := []string{
		cfg.Schemas.Dir, cfg.Redis.PasswordFile, cfg.Redis.TLS.CA, cfg.Redis.TLS.Cert, cfg.Redis.TLS.Key,
		cfg.NATS.TokenFile, cfg.NATS.Leaf.Credentials, cfg.NATS.Leaf.CA, cfg.HTTP.TokenFile, cfg.Socket.Path, cfg.File, cfg.Dir,
		cfg.Socket.PasswordFile,
	}
	want := []string{
		filepath.Join(dir, "s"), filepath.Join(dir, "pw"), "/abs/ca.pem", filepath.Join(dir, "c/cert.pem"),
		filepath.Join(filepath.Dir(dir), "key.pem"), filepath.Join(dir, "token"), filepath.Join(dir, "creds"),
		filepath.Join(dir, "ca.pem"), filepath.Join(dir, "http-token"), "run/relay.sock", path, dir,
		filepath.Join(dir, "spw"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHarmlessFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty":        "",
		"comments":     "# nothing\n",
		"null":         "null",
		"marker":       "---\n",
		"empty groups": "redis:\nlimits:\n  queue:\nroutes:\n",
		"byte order":   "\ufefflog: {level: info}",
		"a default":    "redis: {publish_timeout: 15s}",
	} {
		t.Run(name, func(t *testing.T) {
			got := mustLoad(t, text)
			want := Default()
			want.File, want.Dir, want.Schemas.Dir = got.File, got.Dir, filepath.Join(got.Dir, "schemas")
			if diff := cmp.Diff(want, *got, sameConfig); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	cfg := mustLoad(t, `
routes:
  - &chat
    prefix: "chat:"
    schema: chat.json
    rate: &rate {limit: 5}
  - <<: *chat
    prefix: "room:"
    kinds: {typing: {rate: *rate}}
`)
	room := cfg.Routes[1]
	if room.Schema != "chat.json" || room.Prefix != "room:" || room.Kinds["typing"].Rate.Limit != 5 {
		t.Errorf("got %+v", room)
	}
}

func TestStrict(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		err  error
		want []string // one per line, each with the file's name before it
	}{
		"unknown keys": {
			"redis: {uri: x}\nroutes:\n  - prefix: 'a:'\n  - prefx: 'b:'\n    kinds: {k: {slo: drop}}\nzzzzzzzz: 1\n",
			ErrUnknownKey,
			[]string{
				":1: redis.uri: unknown key; did you mean url?",
				":4: routes[1].prefx: unknown key; did you mean prefix?",
				":5: routes[1].kinds.k.slo: unknown key; did you mean slow?",
				":6: zzzzzzzz: unknown key; known here: redis, upstreams, socket, nats, http, alerts, traces, log, limits, dead_letters, schemas, unrouted, routes",
			},
		},
		"beginnings of names": {
			"limits: {que: 1MiB}", ErrUnknownKey, []string{":1: limits.que: unknown key; did you mean queue?"},
		},
		"keys that fell out of their sections": {
			"redis:\nurl: embedded\nlog: {level: info}\nformat: json\nhttp:\nmode: x\n", ErrUnknownKey,
			[]string{
				":2: url: unknown key; did you mean redis.url? indent it below redis:",
				":4: format: unknown key; did you mean log.format? indent it below log:",
				":6: mode: unknown key; known here: redis, upstreams, socket, nats, http, alerts, traces, log, limits, dead_letters, schemas, unrouted, routes",
			},
		},
		"kinds override policies only": {
			"routes: [{prefix: 'a:', kinds: {k: {schema: x.json}}}]", ErrUnknownKey,
			[]string{":1: routes[0].kinds.k.schema: unknown key; known here: " +
				"history, slow, latest_by, on_gap, deliver, rate"},
		},
		"odd keys": {
			"'a.b': 1\n? [x]\n: 1\n5: 6\n", ErrUnknownKey,
			[]string{
				`:1: ["a.b"]: unknown key; known here: redis, upstreams, socket, nats, http, alerts, traces, log, limits, dead_letters, schemas, unrouted, routes`,
				`:2: expected a plain key, found a list`,
				`:4: 5: unknown key; known here: redis, upstreams, socket, nats, http, alerts, traces, log, limits, dead_letters, schemas, unrouted, routes`,
			},
		},
		"case matters": {
			"log: {Level: info}", ErrUnknownKey,
			[]string{":1: log.Level: unknown key; did you mean level?"},
		},
		"scalars": {
			"log: {level: [info]}\nlimits:\n  clients: many\n  queue: 8XB\n  payload: 1.5\n" +
				"  publish_window: 99999999999999999999\n" +
				"redis: {publish_timeout: 5, alert_after: 2.5, url: 12345}\nsocket: {mode: 0660}\n",
			ErrType,
			[]string{
				":1: log.level: expected text, found a list",
				`:3: limits.clients: expected a whole number, found text "many"`,
				`:4: limits.queue: expected a size such as 8MiB, found text "8XB"`,
				`:5: limits.payload: expected a size such as 8MiB, found the number "1.5"`,
				`:6: limits.publish_window: expected a whole number, found the number "99999999999999999999"`,
				`:7: redis.publish_timeout: expected a duration such as 30s, found the whole number "5"`,
				`:7: redis.alert_after: expected a whole number, found the number "2.5"`,
				":7: redis.url: expected text, found the whole number; put it in quotes",
				":8: socket.mode: expected text, found the whole number; put it in quotes",
			},
		},
		"ids": {
			"socket: {allow_uids: [0, -1, 4294967296, ~, x]}", ErrType,
			[]string{
				`:1: socket.allow_uids[1]: expected a whole number from 0 to 4294967295, found the whole number "-1"`,
				`:1: socket.allow_uids[2]: expected a whole number from 0 to 4294967295, found the whole number "4294967296"`,
				`:1: socket.allow_uids[3]: expected a whole number from 0 to 4294967295, found nothing "~"`,
				`:1: socket.allow_uids[4]: expected a whole number from 0 to 4294967295, found text "x"`,
			},
		},
		"shapes": {
			"redis: []\nroutes: {}\nsocket: x\nhttp: !tag x\n", ErrType,
			[]string{
				":1: redis: expected a mapping, found a list; write it as in redis: {url: 'redis://host:6379'}",
				":2: routes: expected a list, found a mapping; begin each item with a dash and a space",
				":3: socket: expected a mapping, found text; write keys below it, each with a space behind its colon, " +
					"or all in a line, as in socket: {path: /run/relay/relay.sock}",
				":4: http: expected a mapping, found a value tagged !tag; write it as in http: {listen: '127.0.0.1:9464'}",
			},
		},
		"routes": {
			"routes:\n- prefix: 2020-01-01\n  publish: yes\n  rate: {limit: fast}\n  kinds: {1: {}}\n- ~\n", ErrType,
			[]string{
				":2: routes[0].prefix: expected text, found the date; put it in quotes",
				`:3: routes[0].publish: expected true or false, found text "yes"`,
				`:4: routes[0].rate.limit: expected a number, found text "fast"`,
				`:5: routes[0].kinds: expected names in text, found a name that is the whole number "1"; put it in quotes`,
				":6: routes[1]: expected a mapping, found nothing; write it as in prefix: 'chat:'",
			},
		},
		"root": {"- a", ErrType, []string{":1: expected a mapping, found a list"}},
		"duplicates": {
			"log: {level: info, level: warn}\nhttp: {}\nhttp: {lissen: x}\n", ErrSyntax,
			[]string{
				`:3: duplicate key "http", already set on line 2; remove one`,
				`:1: duplicate key "level", already set on line 1; remove one`,
				`:3: http.lissen: unknown key; did you mean listen?`,
			},
		},
		"two documents": {
			"log: {level: info}\n---\nlog: {level: warn}\n", ErrSyntax,
			[]string{":2: a second document begins here; put everything into one, without ---"},
		},
		"loop": {
			"routes: &r [{prefix: a, kinds: *r}]", ErrTooLarge,
			[]string{
				": more than 100000 values with all aliases expanded, or an alias inside itself",
				":1: routes[0].kinds: expected a mapping, found a list; write it as in kinds: {typing: {slow: drop}}",
			},
		},
		"merge of text": {"log: {<<: x}", ErrType, []string{
			":1: log: expected a mapping, found text; write keys below it, each with a space behind its colon, " +
				"or all in a line, as in log: {level: info}",
		}},
		"history and rate as switches": {"routes: [{prefix: a, history: true, rate: 10}]", ErrType, []string{
			":1: routes[0].history: expected a mapping, found the truth value; write it as in history: {length: 1000, ttl: 72h}",
			":1: routes[0].rate: expected a mapping, found the whole number; write it as in rate: {limit: 10, burst: 20}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, err := Load(Source{Path: path})
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want one that is %q", err, c.err)
			}
			want := path + strings.Join(c.want, "\n"+path)
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllSourcesReportTogether(t *testing.T) {
	_, err := Load(Source{
		Path:  write(t, "lgo: {}"),
		Env:   []string{"RELAY_LIMITS_QUEUE=8XB", "RELAY_ROUTES=[{prefx: a}]", "RELAY_SOCKET_ALLOW_UIDS=]"},
		Flags: map[string]string{"log.levle": "info", "limits.clients": "few"},
	})
	for _, want := range []string{
		"relay.yaml:1: lgo: unknown key; did you mean log?",
		`RELAY_LIMITS_QUEUE: limits.queue: expected a size such as 8MiB, found text "8XB"`,
		"RELAY_ROUTES: routes[0].prefx: unknown key; did you mean prefix?",
		"RELAY_SOCKET_ALLOW_UIDS: there is a ] or } too many (",
		"--log.levle: unknown flag; the nearest known is --log.level",
		`--limits.clients: expected a whole number, found text "few"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("misses %q in:\n%v", want, err)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	bomb := func(inner, list string) string {
		return "routes:\n- &r\n  prefix: 'a:'\n  kinds:\n    k0: &k {slow: drop}\n" +
			strings.Join(numbered(5000, inner), "") + strings.Repeat(list, 20_000)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"too large":     {strings.Repeat("# comment\n", 1+maxFile/10), ErrTooLarge},
		"many keys":     {strings.Join(numbered(maxKeys+1, "k#: 1\n"), ""), ErrTooLarge},
		"same keys":     {strings.Repeat("a: 1\n", maxKeys), ErrSyntax},
		"deep":          {strings.Repeat("[", maxFile), ErrSyntax},
		"deep mappings": {strings.Repeat("{a: ", 9000), ErrSyntax},
		"aliases":       {bomb("    k#: *k\n", "- *r\n"), ErrTooLarge},
		"merges":        {bomb("    k#: {<<: *k}\n", "- <<: *r\n"), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := Load(Source{Path: write(t, c.text)}); !errors.Is(err, c.want) {
				t.Errorf("got %.200v, want %v", err, c.want)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// numbered repeats a text with # replaced by 1 to n.
func numbered(n int, text string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = strings.ReplaceAll(text, "#", string(rune('a'+i%26))+strings.Repeat("z", i/26%100)+
			strings.Repeat("y", i/2600))
	}
	return lines
}
