package config

// This file tests the text forms: sizes, keys, the printed configuration.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSize(t *testing.T) {
	for text, c := range map[string]struct {
		bytes Size
		back  string
	}{
		"8MiB": {8 << 20, "8MiB"}, "512KiB": {512 << 10, "512KiB"}, "1GiB": {1 << 30, "1GiB"},
		"64KB": {64_000, "64000B"}, "100B": {100, "100B"}, "2048": {2048, "2KiB"}, "0": {0, "0B"},
		"3MB": {3e6, "3000000B"}, "1GB": {1e9, "1000000000B"}, "1TB": {1e12, "976562500KiB"}, "2TiB": {2 << 40, "2TiB"},
		"9223372036854775807": {math.MaxInt64, "9223372036854775807B"}, "8191PiB": {},
	} {
		got, err := ParseSize(text)
		if c.back == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: got %v, %v", text, got, err)
			}
			continue
		}
		if err != nil || got != c.bytes || got.String() != c.back {
			t.Errorf("%s: got %d (%v), %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "+1", "8 MiB", "8mib", "1.5MiB", "8Mi", "0x10", "8388608TiB", "1_000"} {
		if got, err := ParseSize(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func ExampleLoad() {
	cfg, err := Load(Source{Env: []string{"RELAY_LIMITS_QUEUE=16MiB", "RELAY_ROUTES=[{prefix: 'chat:'}]"}})
	fmt.Println(cfg.Limits.Queue, cfg.Routes[0].Prefix, cfg.Routes[0].Policy.Slow, err)

	_, err = Load(Source{Flags: map[string]string{"limits.queue": "lots"}})
	fmt.Println(err)
	// Output:
	// 16MiB chat: disconnect <nil>
	// --limits.queue: expected a size such as 8MiB, found text "lots"
}

func ExampleParseSize() {
	size, err := ParseSize("8192KiB")
	fmt.Println(int64(size), size, err)
	// Output: 8388608 8MiB <nil>
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 30 * time.Second: "30s", time.Minute: "1m", 72 * time.Hour: "72h",
		90 * time.Minute: "1h30m", time.Hour + 5*time.Second: "1h0m5s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := DurationText(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"prefix", "schema", "publish", "subscribe"}
	for name, want := range map[string]string{
		"prefx": "prefix", "perfix": "prefix", "Schema": "schema", "publishes": "publish", "subscrib": "subscribe",
		"pre": "prefix", "sub": "subscribe", "pr": "", "pri": "", // three letters of the beginning are enough
		"zzz": "", "": "", strings.Repeat("prefix", 20): "",
	} {
		got, ok := Nearest(name, known)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %v", name, got, ok)
		}
	}
}

func TestKeys(t *testing.T) {
	keys := Keys()
	byPath := map[string]Key{}
	for _, k := range keys {
		byPath[k.Path] = k
		if k.Help == "" {
			t.Errorf("%s has no help", k.Path)
		}
	}
	if len(help) != len(keys) {
		t.Errorf("%d lines of help for %d keys", len(help), len(keys))
	}
	for _, want := range []Key{
		{"redis.publish_timeout", "RELAY_REDIS_PUBLISH_TIMEOUT", "15s", help["redis.publish_timeout"], nil},
		{"redis.tls.ca", "RELAY_REDIS_TLS_CA", "", help["redis.tls.ca"], nil},
		{"limits.queue", "RELAY_LIMITS_QUEUE", "8MiB", help["limits.queue"], nil},
		{"socket.allow_uids", "RELAY_SOCKET_ALLOW_UIDS", "[]", help["socket.allow_uids"], nil},
		{"schemas", "RELAY_SCHEMAS", "schemas", help["schemas"], nil},
		{"redis.mode", "RELAY_REDIS_MODE", "single", help["redis.mode"], []string{"single", "sentinel", "cluster"}},
	} {
		if diff := cmp.Diff(want, byPath[want.Path]); diff != "" {
			t.Error(diff)
		}
	}
}

// TestEnvNamesDiffer guards the lookup of variables: no two keys share a name,
// and none looks like a Kubernetes service link.
func TestEnvNamesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, path := range paths() {
		name := envName(path)
		if other, ok := seen[name]; ok {
			t.Errorf("%s of %s is taken (%s)", name, path, other)
		}
		for _, link := range serviceLinks {
			if link.name.MatchString(name) {
				t.Errorf("%s of %s is taken by Kubernetes", name, path)
			}
		}
		seen[name] = path
	}
}

func TestRedacted(t *testing.T) {
	for url, want := range map[string]string{
		"":                           "",
		"embedded":                   "embedded",
		"redis://h:6379/1":           "redis://h:6379/1",
		"redis://:hunter2@h:6379":    "redis://:xxxxx@h:6379",
		"redis://u:hunter2@h":        "redis://u:xxxxx@h",
		"redis://u:hunt%2Fer2@h":     "redis://u:xxxxx@h",
		"redis://u:hunter/hunter2@h": "redis://xxxxx",
		"redis://:1/hunter2@h":       "redis://xxxxx",
		"redis://:1?hunter2@h":       "redis://xxxxx",
		"redis://:1#hunter2@h":       "redis://xxxxx",
		"redis:hunter2@h":            "xxxxx",
		"hunter2":                    "xxxxx",
		"a:hunter2@redis://h":        "xxxxx",
		"redis://u:hunter2@h\n":      "redis://xxxxx",
		"redis://u:p@h?addr=h2:1&password=hunter2&sentinel_password=hunter2": "redis://u:xxxxx@h?" +
			"addr=h2%3A1&password=xxxxx&sentinel_password=xxxxx",
		"redis://h?PassWord=hunter2":       "redis://h?PassWord=xxxxx",
		"redis://h?p%61ssword=hunter2":     "redis://h?password=xxxxx",
		"redis://h?db=1;password=hunter2":  "redis://h",
		"redis://h?master_name=m&addr=a:1": "redis://h?master_name=m&addr=a:1",
		"unix://u:hunter2@/run/redis.sock": "unix://u:xxxxx@/run/redis.sock",
	} {
		if got := (Redis{URL: url}).Redacted(); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

func TestRedactedLeaf(t *testing.T) {
	for url, want := range map[string]string{
		"":                                   "",
		"nats://h:7422":                      "nats://h:7422",
		"tls://u:hunter2@h":                  "tls://u:xxxxx@h",
		"nats-leaf://hunter2@h:7422":         "nats-leaf://xxxxx@h:7422",
		"nats://u:hunter2@h, tls://hunter2@": "xxxxx",
		"nats://a:1,tls://u:hunter2@h":       "nats://a:1,tls://u:xxxxx@h",
		"nats://u:hun,ter2@h":                "xxxxx",
		"nats://u:hunter/hunter2@h":          "xxxxx",
		"nats://:1/hunter2@h":                "xxxxx",
		"nats://h?password=hunter2":          "xxxxx",
		"nats:hunter2@h":                     "xxxxx",
		"hunter2":                            "xxxxx",
	} {
		if got := (Leaf{URL: url}).Redacted(); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

func TestNothingPrintsThePassword(t *testing.T) {
	c := Default()
	c.Redis.URL, c.NATS.Leaf.URL = "redis://u:hunter2@h", "nats://hunter2@h"
	c.Alerts.Webhook = "https://h/services/hunter2?key=hunter2"
	marshalled, err := json.Marshal(map[string]any{"config": c, "pointer": &c, "redis": c.Redis, "nats": c.NATS, "alerts": c.Alerts})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(marshalled), fmt.Sprint(c), fmt.Sprint(&c), fmt.Sprintf("%+v %#v %q", c, c, c),
		fmt.Sprintf("%v %+v %#v %s", c.Redis, c.Redis, c.Redis, &c.Redis),
		fmt.Sprintf("%v %+v %#v %s", c.Alerts, c.Alerts, c.Alerts, &c.Alerts),
		fmt.Sprintf("%v %+v %#v %v", c.NATS, c.NATS, c.NATS, &c.NATS.Leaf),
	} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "xxxxx") {
			t.Errorf("got %s", text)
		}
	}
}

func TestStringLoadsBack(t *testing.T) {
	cfg := mustLoad(t, `
socket: {allow_uids: [1, 2], mode: "0600", group: "012", path: "true"}
log: {level: debug}
redis: {url: "redis://h", publish_timeout: 1h30m}
limits: {queue: 64KB}
schemas: /s
routes:
- prefix: "null"
  schema: "#x: y.json"
  history: {length: 10, ttl: 72h}
  rate: {limit: 0.5, alert: 1e9}
  kinds:
    typing: {slow: drop, history: null}
    "1": {}
    "<<": {}
    "": {slow: latest, latest_by: "~"}
- prefix: "tab\there é \u2028"
`)
	again := mustLoad(t, cfg.String())
	again.File, again.Dir = cfg.File, cfg.Dir
	if diff := cmp.Diff(cfg, again, sameConfig); diff != "" {
		t.Errorf("%s\nfrom:\n%s", diff, cfg)
	}
}

func TestRestart(t *testing.T) {
	running := Default()
	if got := Restart(&running, mustLoad(t, "schemas: /other\nsocket: {allow_uids: []}")); got != nil {
		t.Errorf("equal values: got %q", got)
	}
	next := mustLoad(t, "{schemas: x, unrouted: deny, limits: {clients: 1, queue: 1B}, "+
		"log: {level: debug, format: json}, "+
		"redis: {url: 'redis://:a@h', tls: {ca: c}}, routes: [{prefix: a}], socket: {allow_gids: [1]}, "+
		"nats: {leaf: {url: 'nats://h', credentials: c, ca: d}}}")
	want := []string{
		"redis.url", "redis.tls.ca", "socket.allow_gids", "nats.leaf.url", "nats.leaf.credentials", "nats.leaf.ca", "log.format",
	}
	if diff := cmp.Diff(want, Restart(&running, next)); diff != "" {
		t.Error(diff)
	}
	running.Redis.URL, next.Redis.URL = "redis://:a@h", "redis://:b@h"
	if !slices.Contains(Restart(&running, next), "redis.url") {
		t.Error("a changed password is not seen")
	}
}

// TestNotYetIsComplete guards the table against rows that never match.
func TestNotYetIsComplete(t *testing.T) {
	cfg := Default()
	route := NewRoute("a:")
	route.NATS, route.Sharded, route.Last = true, true, true
	route.Policy.History = &History{Length: 1}
	route.TooLarge.Stream = "dead:a"
	cfg.Routes = []Route{route}
	cfg.Redis.Mode, cfg.NATS.Listen, cfg.NATS.Leaf.URL = ModeCluster, "127.0.0.1:1", "tls://h"
	for _, row := range notYet {
		if paths := row.used(&cfg); len(paths) != 1 {
			t.Errorf("%s: got %q", row.feature, paths)
		}
	}
	if !errors.Is(cfg.Validate(), ErrUnsupported) {
		t.Error("Validate does not look at the table")
	}
}

// TestFieldsHaveTags guards fieldsOf: a group without a tag would be lost.
func TestFieldsHaveTags(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Redis](), reflect.TypeFor[TLS](), reflect.TypeFor[Socket](), reflect.TypeFor[NATS](),
		reflect.TypeFor[Leaf](), reflect.TypeFor[Alerts](),
		reflect.TypeFor[Schemas](), reflect.TypeFor[HTTP](), reflect.TypeFor[Log](), reflect.TypeFor[Limits](), reflect.TypeFor[Route](),
		reflect.TypeFor[Policy](), reflect.TypeFor[History](), reflect.TypeFor[Rate](),
	} {
		for i := range typ.NumField() {
			if typ.Field(i).Tag.Get("koanf") == "" {
				t.Errorf("%v.%s has no koanf tag", typ, typ.Field(i).Name)
			}
		}
	}
}

// TestTypo holds that words of others' keywords are no mistakes.
func TestTypo(t *testing.T) {
	keywords := []string{"type", "required", "properties", "maxLength", "items", "pattern", "format", "contains", "enum", "const", "then"}
	for name, want := range map[string]string{
		"requierd": "required", "propertes": "properties", "maxlength": "maxLength", "typ": "type", "Type": "type", "item": "items",
		"tsType": "", "enumNames": "", "markdownDescription": "", "title": "", "nullable": "", "discriminator": "", "version": "",
		"propertyOrder": "", "errorMessage": "", "patternErrorMessage": "", "xml": "", "order": "", "group": "", "unit": "",
	} {
		if meant, ok := Typo(name, keywords); ok != (want != "") || ok && meant != want {
			t.Errorf("%s: %q, %v; want %q", name, meant, ok, want)
		}
	}
}
