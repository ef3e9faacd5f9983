package config

// This file tests the relay.yaml to begin with.

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// odd are settings with texts that YAML could take for something else.
var odd = map[string]string{
	"redis.mode": "sentinel", "redis.url": "redis://u:p%2C@h:26379?master_name=m&addr=h2:26379",
	"redis.password_file": "/a: b #c", "socket.path": "- x", "socket.mode": "0600", "socket.group": "1000",
	"socket.allow_uids": "1,2", "socket.allow_gids": "[3]", "socket.tcp": "127.0.0.1:6380",
	"socket.password_file": "~", "nats.listen": "127.0.0.1:4222", "nats.token_file": "~",
	"nats.leaf.url": "tls://h", "nats.leaf.credentials": "true", "nats.leaf.ca": "*x", "http.listen": "", "log.level": "debug",
	"log.format": "json", "limits.pattern_prefixes": "a:,'b: c'", "limits.queue": "4MiB", "limits.queue_age": "1h",
	"limits.clients": "7", "schemas": "/s", "schemas.draft": "2019-09", "unrouted": "deny",
}

// TestStarterSaysWhatItIsTold: each setting alone, and all together, read back as they were given.
func TestStarterSaysWhatItIsTold(t *testing.T) {
	together := maps.Clone(odd)
	delete(together, "redis.mode") // goes with nothing but its URL
	sets := []map[string]string{{}, {"redis.url": "embedded"}, together}
	for path, text := range odd {
		set := map[string]string{path: text}
		switch {
		case path == "redis.mode":
			set["redis.url"] = odd["redis.url"]
		case path == "redis.url":
			set["redis.mode"] = odd["redis.mode"]
		case strings.HasPrefix(path, "nats.leaf."):
			set["nats.leaf.url"] = odd["nats.leaf.url"]
		case path == "redis.password_file":
			set["redis.url"] = "redis://h"
		case path == "socket.password_file":
			set["socket.tcp"] = odd["socket.tcp"]
		}
		sets = append(sets, set)
	}
	together["redis.url"] = "redis://h"
	for _, set := range sets {
		routes := []StarterRoute{{Prefix: "a:", Schemas: []string{"x y.json"}}, {Prefix: "# 'b\"\n"}, {Prefix: "null"}}
		text, secret, err := Starter{Settings: set, Routes: routes}.Text()
		if err != nil {
			t.Errorf("%v: %v", set, err)
			continue
		}
		if want := strings.Contains(set["redis.url"], "u:p"); secret != want {
			t.Errorf("%v: secret %v, want %v", set, secret, want)
		}
		want, err := Load(Source{Flags: set})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			route := NewRoute(r.Prefix)
			if len(r.Schemas) > 0 {
				route.Schema = r.Schemas[0]
			}
			route.Kinds = map[string]Policy{}
			want.Routes = append(want.Routes, route)
		}
		got := mustLoad(t, text)
		want.File, want.Dir = got.File, got.Dir
		want.resolvePaths()
		if diff := cmp.Diff(want, got, sameConfig); diff != "" {
			t.Errorf("%v: -told +read:\n%s\nfrom\n%s", set, diff, text)
		}
		if set["redis.url"] != "" {
			if err := got.Validate(); err != nil {
				t.Errorf("%v: %v", set, err)
			}
		}
	}
}

// TestStarterRefuses what would not be valid, as mistakes of the flags.
func TestStarterRefuses(t *testing.T) {
	_, _, err := Starter{
		Settings: map[string]string{"redis.url": "127.0.0.1:6379", "limits.clients": "few"},
		Routes:   []StarterRoute{{Prefix: "relay:x"}, {Prefix: "a"}, {Prefix: "a"}},
	}.Text()
	for _, want := range []string{
		"--redis.url: must begin with", "--limits.clients: expected a whole number",
		`routes[0].prefix: "relay:" is reserved`, `routes[2].prefix: "a" is already`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("misses %q in:\n%v", want, err)
		}
	}
}

// TestStarterShowsKeysThatThereAre guards the list of those basics.
func TestStarterShowsKeysThatThereAre(t *testing.T) {
	for _, path := range basics {
		if _, ok := leafAt(path); !ok {
			t.Errorf("there is no key %s", path)
		}
	}
}
