package config

// This file tests the upstreams: where their values come from, and every mistake in them.

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestUpstreamsHaveTheDefaultsOfRedis(t *testing.T) {
	cfg := mustLoad(t, "redis: {url: 'redis://h', alert_after: 9}\nupstreams:\n"+
		"  eu: {url: 'redis://eu', password_file: eu.password, tls: {ca: ca.pem}}\n  us: {url: 'redis://us', required: true}\n"+
		"routes: [{prefix: 'a:', upstream: eu}, {prefix: 'b:'}]")
	want := Default().Redis
	want.URL, want.Required = "redis://eu", false
	want.PasswordFile, want.TLS.CA = filepath.Join(cfg.Dir, "eu.password"), filepath.Join(cfg.Dir, "ca.pem")
	if got := cfg.Upstreams["eu"]; !reflect.DeepEqual(got, want) {
		t.Errorf("eu: got %v, want %v", got, want)
	}
	if !cfg.Upstreams["us"].Required || !cfg.Redis.Required || cfg.Redis.AlertAfter != 9 {
		t.Errorf("us: %v, main: %v", cfg.Upstreams["us"], cfg.Redis)
	}
	if got := cfg.UpstreamNames(); !slices.Equal(got, []string{"main", "eu", "us"}) {
		t.Errorf("names: %q", got)
	}
	if cfg.Routes[0].Upstream != "eu" || cfg.Routes[1].Upstream != MainUpstream {
		t.Errorf("routes: %+v", cfg.Routes)
	}
}

// TestMainBelowUpstreams: it is redis.*, also for the environment and the flags.
func TestMainBelowUpstreams(t *testing.T) {
	text := "upstreams:\n  main: {url: 'redis://h', tls: {ca: a.pem}, required: false}\n  eu: {url: 'redis://eu'}"
	cfg := mustLoad(t, text, "RELAY_REDIS_TLS_CERT=c.pem", "RELAY_REDIS_ALERT_AFTER=7")
	r := cfg.Redis
	if r.URL != "redis://h" || r.Required || r.TLS.Cert == "" || r.TLS.CA == "" || r.AlertAfter != 7 || len(cfg.Upstreams) != 1 {
		t.Errorf("got %v and %v", r, cfg.Upstreams)
	}
	again := mustLoad(t, cfg.String())
	if again.Redis.String() != cfg.Redis.String() || len(again.Upstreams) != 1 {
		t.Errorf("printed and read back: %v", again)
	}
}

func TestMistakesInUpstreams(t *testing.T) {
	const redis = "redis: {url: 'redis://h'}\n"
	many := redis + "upstreams:\n"
	for i := range 16 {
		many += "  u" + string(rune('a'+i)) + ": {url: 'redis://h'}\n"
	}
	for _, c := range []struct{ text, want string }{
		{redis + "upstreams:\n  main: {url: 'redis://h'}", ":3: upstreams.main: is redis, which the file has, too; move"},
		{redis + "upstreams:\n  eu:\n    url: 'http://h'", ":4: upstreams.eu.url: must begin with redis://"},
		{redis + "upstreams:\n  eu: {}", ":3: upstreams.eu.url: is not set; write the address"},
		{redis + "upstreams:\n  eu:", ":3: upstreams.eu.url: is not set; write the address"},
		{redis + "upstreams:\n  eu: {url: 'redis://h', mode: cluster}\nroutes:\n- {prefix: a, upstream: eu, history: {length: 5}}", ":5: routes[0].history: history on a Redis Cluster is not supported by this version yet; take"},
		{redis + "upstreams:\n  eu: {url: 'redis://h', mode: sentinel}", ":3: upstreams.eu.url: must name the master"},
		{redis + "upstreams:\n  eu: {url: 'redis://h', tls: {ca: a}}", ":3: upstreams.eu.tls: has no effect without TLS; write rediss:// in upstreams.eu.url"},
		{redis + "upstreams:\n  eu: {url: 'rediss://h', tls: {cert: a}}", ":3: upstreams.eu.tls: cert and key go together"},
		{redis + "upstreams:\n  eu: {url: 'redis://h', publish_timeout: 0s}", ":3: upstreams.eu.publish_timeout: is 0s; must be more"},
		{redis + "upstreams:\n  eu: {url: 'redis://h', uri: x}", ":3: upstreams.eu.uri: unknown key; did you mean url?"},
		{redis + "upstreams:\n  eu: redis://h", ":3: upstreams.eu: expected a mapping, found text; write keys below it"},
		{redis + "upstreams: [eu]", ":2: upstreams: expected a mapping, found a list"},
		{redis + "upstreams:\n  'e u': {url: 'redis://h'}", `:3: upstreams["e u"]: is no name of an upstream; write`},
		{redis + "upstreams:\n  5: {url: 'redis://h'}", ":3: upstreams: expected names in text"},
		{many, ": upstreams: has 17 upstreams with main; the relay connects to at most 16"},
		{redis + "routes:\n- {prefix: 'a:', upstream: eu}", `:3: routes[0].upstream: "eu" is no upstream: there is only main; write`},
		{redis + "upstreams: {europe: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', upstream: europa}", ":4: routes[0].upstream: \"europa\" is no upstream: did you mean europe?"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', upstream: zzzz}", "known are main, eu; write"},
		{redis + "routes:\n- {prefix: 'a:', upstream: ''}", `:3: routes[0].upstream: names no upstream; known are main`},
		{redis + "routes:\n- {prefix: 'a:', last: always}", ":3: routes[0].last: expected true or false"},
		{redis + "routes:\n- prefix: 'a:'\n  deliver: one\n  last: true", ":5: routes[0].last: does not go with deliver: one"},
		{redis + "routes:\n- {prefix: 'a:', also_subscribe: [main]}", ":3: routes[0].also_subscribe[0]: is the upstream of the route itself"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', also_subscribe: [eu, eu]}", ":4: routes[0].also_subscribe[1]: \"eu\" is there twice"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', also_subscribe: [ue]}", ":4: routes[0].also_subscribe[0]: \"ue\" is no upstream"},
		{redis + "routes:\n- {prefix: 'a:', also_subscribe: eu}", ":3: routes[0].also_subscribe: expected a list, found text"},
		{redis + "routes:\n- {prefix: 'a:', mirror: {upstream: main, percent: 1}}", ":3: routes[0].mirror.upstream: is the upstream of the route itself"},
		{redis + "routes:\n- {prefix: 'a:', mirror: {upstream: ue, percent: 1}}", ":3: routes[0].mirror.upstream: \"ue\" is no upstream: there is only main"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', mirror: {upstream: eu}}", ":4: routes[0].mirror.percent: is 0; must be more than 0, and at most 100"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', mirror: {upstream: eu, percent: 101}}", "mirror.percent: is 101; must be"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', mirror: eu}", ":4: routes[0].mirror: expected a mapping, found text; write keys"},
		{redis + "upstreams: {eu: {url: 'redis://h'}}\nroutes:\n- {prefix: 'a:', also_subscribe: [eu], mirror: {upstream: eu, percent: 5}}", "mirror.upstream: is in also_subscribe, too: listeners would get messages twice"},
		{"upstreams:\n  main: {url: 'http://h'}", ":2: upstreams.main.url: must begin with redis://"},
		{"upstreams:\n  eu: {url: 'redis://h'}", "redis.url: is not set"},
	} {
		_, err := Read(Source{Path: write(t, c.text), Required: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
	_, err := Read(Source{
		Path: write(t, "upstreams:\n  main: {url: 'redis://h'}"), Required: true, Env: []string{"RELAY_REDIS_URL=http://h"},
	})
	if err == nil || !strings.HasPrefix(err.Error(), "RELAY_REDIS_URL: redis.url: must begin") {
		t.Errorf("got %v", err)
	}
}

func TestUpstreamsAreComparedAndShownWithoutPasswords(t *testing.T) {
	const redis = "redis: {url: 'redis://h'}\n"
	was := mustLoad(t, redis+"upstreams: {eu: {url: 'redis://u:secret@h'}, us: {url: 'redis://h'}}\nroutes: [{prefix: a, upstream: eu}]")
	is := mustLoad(t, redis+"upstreams: {eu: {url: 'redis://u:secret2@h', mode: sentinel}, ap: {url: 'redis://h'}}\nroutes: [{prefix: a, upstream: ap}]")
	want := []string{"upstreams.ap", "upstreams.eu.mode", "upstreams.eu.url", "upstreams.us"}
	got := Restart(was, is)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("restart: %q, want %q", got, want)
	}
	if changes := Changes(was, is); !slices.Contains(changes, "upstreams.eu.url") || !slices.Contains(changes, `route "a": upstream`) {
		t.Errorf("changes: %q", changes)
	}
	if text := was.String(); strings.Contains(text, "secret") || !strings.Contains(text, "xxxxx@h") {
		t.Errorf("printed:\n%s", text)
	}
	if list := was.Warnings(); len(list) != 1 || !strings.HasPrefix(list[0], "upstreams.us: no route uses it; say upstream: us") {
		t.Errorf("warnings: %q", list)
	}
}

func TestUpstreamsThatAreOneRedisAreWarnedOf(t *testing.T) {
	const begin = "redis: {url: 'redis://h'}\nupstreams: {eu: {url: 'redis://h'}, us: {url: 'redis://h', prefix: 'us:'}}\nroutes:\n" +
		"- {prefix: 'other:', upstream: us}\n- {prefix: 'a:', upstream: "
	for rest, want := range map[string]string{
		"eu}":                         "",
		"eu, also_subscribe: [us]}":   "",
		"eu, also_subscribe: [main]}": "routes[1]: its upstreams eu and main are one Redis",
		"main, mirror: {upstream: eu, percent: 5}}": "routes[1]: its upstreams main and eu are one Redis",
	} {
		list := mustLoad(t, begin+rest).Warnings()
		if want == "" && len(list) > 0 || want != "" && (len(list) != 1 || !strings.HasPrefix(list[0], want)) {
			t.Errorf("%s: warnings %q, want %q", rest, list, want)
		}
	}
}
