package config

// This file tests what is said of valid configurations, and of the files beside one that is not.

import (
	"errors"
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // how each begins
	}{
		"none":            {"routes: [{prefix: 'a:'}]", nil},
		"NATS is off":     {"routes: [{prefix: 'a:'}, {prefix: 'b:', nats: true}]", []string{"routes[1].nats: has no effect"}},
		"NATS listens":    {"nats: {listen: '127.0.0.1:1'}\nroutes: [{prefix: 'b:', nats: true}]", nil},
		"NATS is a leaf":  {"nats: {leaf: {url: 'nats://h'}}\nroutes: [{prefix: 'b:', nats: true}]", nil},
		"a pattern":       {"routes: [{prefix: 'a:*'}]", []string{`routes[0].prefix: "a:*" is plain text`}},
		"queue too small": {"limits: {payload: 2MiB, queue: 1MiB}", []string{"limits.payload: is 2MiB, more than limits.queue (1MiB)"}},
		"memory too small": {
			"limits: {payload: 2MiB, queue: 1MiB, memory: 1MiB}",
			[]string{"limits.payload: is 2MiB, more than limits.queue", "limits.payload: is 2MiB, more than limits.memory (1MiB)"},
		},
	} {
		cfg, err := Read(Source{Path: write(t, c.text), Env: []string{"RELAY_REDIS_URL=redis://h"}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := cfg.Warnings()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: %q, want %q", name, got[i], want)
			}
		}
	}
}

// TestOthersAreAskedBesideMistakes, and not heard about what is wrong already.
func TestOthersAreAskedBesideMistakes(t *testing.T) {
	others := errors.Join(errors.New("redis.password_file: gone"), errors.Join(errors.New("redis.url: says who"),
		errors.New(`load "a.json": broken`)))
	asked := 0
	read := func(text string) error {
		src := Source{Path: write(t, text), Others: func(*Config) error { asked++; return others }}
		_, err := Read(src)
		return err
	}
	err := read("redis: {url: 'http://h', password_file: p}\nlimits: {payload: 0}\n")
	for _, want := range []string{":1: redis.password_file: gone\n", ":1: redis.url: must begin", ":2: limits.payload: is 0B", `load "a.json": broken`} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("%q is not said:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "says who") {
		t.Errorf("redis.url is said to be wrong twice:\n%v", err)
	}
	if asked = 0; read("redis: {url: 'redis://h'}") != nil || asked > 0 {
		t.Error("asked, though there are no mistakes")
	}
	if err := read("redis: [\n"); err == nil || asked > 0 {
		t.Errorf("asked about a file that cannot be read: %v", err)
	}
}

func TestPorts(t *testing.T) {
	for url, good := range map[string]bool{
		"redis://h": true, "redis://h:1": true, "redis://h:65535": true, "redis://[::1]:6379/2": true,
		"redis://h:0": false, "redis://h:65536": false, "rediss://h:99999": false,
	} {
		_, err := Read(Source{Env: []string{"RELAY_REDIS_URL=" + url}})
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "redis.url: has the port") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for addr, good := range map[string]bool{"h:1": true, "h:99999": false, "h:0": false, "h:x": false} {
		_, err := Read(Source{Env: []string{"RELAY_REDIS_MODE=sentinel", "RELAY_REDIS_URL=redis://h?master_name=m&addr=" + addr}})
		if (err == nil) != good {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
