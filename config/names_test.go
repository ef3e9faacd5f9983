package config

// What is wrong with redis.prefix and rename, and the way out.

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNamesAtRedis(t *testing.T) {
	const closed = "publish: false, subscribe: false"
	for _, tt := range []struct{ name, yaml, want string }{
		{"a prefix", "redis: {url: embedded, prefix: 'acme:'}", ""},
		{
			"a prefix that another one begins with", "redis:\n  url: embedded\n  prefix: acme",
			"relay.yaml:3: redis.prefix: must end with a sign, such as the colon of acme:; else another relay's acme2 would begin with it",
		},
		{
			"the relay's own", "redis:\n  url: embedded\n  prefix: 'relay:x:'",
			`relay.yaml:3: redis.prefix: "relay:" is reserved for the relay's own channels; choose another`,
		},
		{
			"a pattern", "redis:\n  url: embedded\n  prefix: 'acme*:'",
			"relay.yaml:3: redis.prefix: must be plain text: no blanks, no braces, and nothing that is special in a pattern; write it as acme:",
		},
		{
			"long", "redis:\n  url: embedded\n  prefix: '" + strings.Repeat("x", 300) + ":'",
			"relay.yaml:3: redis.prefix: has 301 bytes; at most 256 are allowed",
		},
		{
			"no name", routes("prefix: 'chat:', rename: 'acme:'"),
			"relay.yaml:4: routes[0].rename: must end with {name}, which stands for the whole name of the channel; write it as acme:{name}",
		},
		{
			"a text behind the name", routes("prefix: 'chat:', rename: '{name}:v2'"),
			"relay.yaml:4: routes[0].rename: must end with {name}, which stands for the whole name of the channel; write it as acme:{name}",
		},
		{
			"the name twice", routes("prefix: 'chat:', rename: '{name}{name}'"),
			"relay.yaml:4: routes[0].rename: may have braces in its {name} only, once, at the end; write it as acme:{name}",
		},
		{
			"nothing but the name", routes("prefix: 'chat:', rename: '{name}'"),
			"relay.yaml:4: routes[0].rename: changes nothing; write a text before {name}, as in acme:{name}",
		},
		{
			"a blank", routes("prefix: 'chat:', rename: 'acme {name}'"),
			"relay.yaml:4: routes[0].rename: must have plain text before {name}: no blanks, and nothing that is special in a pattern; " +
				"write it as acme:{name}",
		},
		{"nothing can meet", "unrouted: deny" + routes("prefix: 'chat:', rename: 'acme:{name}'"), ""},
		{
			"a channel that no route covers", routes("prefix: 'chat:', rename: 'acme:{name}'"),
			`relay.yaml:4: routes[0].rename: makes "acme:chat:42" of "chat:42", and so is called a channel that no route covers; ` +
				`choose another text before {name}, write unrouted: deny, or add a route for "acme:" with publish: false and subscribe: false`,
		},
		{
			"an upstream has no channels without a route",
			"upstreams: {eu: {url: embedded}}" + routes("prefix: 'chat:', rename: 'acme:{name}', upstream: eu"), "",
		},
		{
			"channels that no route covers, at a mirror", "upstreams: {eu: {url: embedded}}" +
				routes("prefix: 'chat:', rename: 'acme:{name}', upstream: eu, mirror: {upstream: main, percent: 1}"),
			`relay.yaml:4: routes[0].rename: makes "acme:chat:42" of "chat:42", and so is called a channel that no route covers; ` +
				`choose another text before {name}, write unrouted: deny, or add a route for "acme:" with publish: false and subscribe: false`,
		},
		{
			"the prefix of another upstream", "upstreams:\n  eu: {url: embedded, prefix: acme}\n",
			"relay.yaml:2: upstreams.eu.prefix: must end with a sign, such as the colon of acme:; else another relay's acme2 would begin with it",
		},
		{"the way out", routes("prefix: 'chat:', rename: 'acme:{name}'", "prefix: 'acme:', "+closed), ""},
		{"the same text for all", "unrouted: deny" + routes("prefix: 'chat:', rename: 'a:{name}'", "prefix: 'chat:x', rename: 'a:{name}'"), ""},
		{
			"two renamed routes", "unrouted: deny" + routes("prefix: 'b:c', rename: 'a:{name}'", "prefix: 'c', rename: 'a:b:{name}'"),
			`relay.yaml:5: routes[1].rename: makes "a:b:c42" of "c42", and so is "b:c42" of route "b:c" called at Redis; choose another ` +
				`text before {name}, or let nobody use one of the two: publish: false, subscribe: false, no history`,
		},
		{
			"another route's own names", "unrouted: deny" + routes("prefix: 'chat:', rename: 'acme:{name}'", "prefix: 'acme:'"),
			`relay.yaml:4: routes[0].rename: makes "acme:chat:42" of "chat:42", and so is "acme:chat:42" of route "acme:" called at Redis; ` +
				`choose another text before {name}, or let nobody use one of the two: publish: false, subscribe: false, no history`,
		},
		{
			"a longer prefix takes the names that would meet",
			"unrouted: deny" + routes("prefix: 'chat:', rename: 'acme:{name}'", "prefix: 'acme:'", "prefix: 'acme:chat:', "+closed), "",
		},
		{
			"the relay's own channels", "unrouted: deny" + routes("prefix: 'seq:', rename: 'relay:{name}'"),
			`relay.yaml:4: routes[0].rename: makes "relay:seq:42" of "seq:42", and "relay:" is reserved for the relay's own channels; ` +
				`choose another text before {name}`,
		},
		{
			"nobody uses it, but it is read", "unrouted: deny" + routes("prefix: 'chat:', rename: 'acme:{name}'",
				"prefix: 'acme:', history: {length: 5}, "+closed),
			`relay.yaml:4: routes[0].rename: makes "acme:chat:42" of "chat:42", and so is "acme:chat:42" of route "acme:" called at Redis; ` +
				`choose another text before {name}, or let nobody use one of the two: publish: false, subscribe: false, no history`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yaml := tt.yaml
			if !strings.Contains(yaml, "redis:") {
				yaml += "redis: {url: embedded}\n"
			}
			got := ""
			cfg, err := Load(Source{Path: write(t, yaml), Required: true})
			if err == nil {
				err = cfg.Validate()
			}
			if err != nil {
				_, got, _ = strings.Cut(err.Error(), "relay.yaml:")
				got = "relay.yaml:" + got
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// routes is a list of routes, the first in line 4.
func routes(list ...string) string {
	text := "\n\nroutes:\n"
	for _, r := range list {
		text += "  - {" + r + "}\n"
	}
	return text
}

// TestNamesMeet compares what is refused with all short names, one by one.
func TestNamesMeet(t *testing.T) {
	const letters, longest = "ab", 7
	all := []string{""}
	for i := 0; len(all[i]) < longest; i++ {
		for _, letter := range letters {
			all = append(all, all[i]+string(letter))
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	text := func(shortest int) string {
		n := shortest + random.IntN(3)
		return all[random.IntN(1<<n)+1<<n-1]
	}
	refused := 0
	for range 2000 {
		cfg := Config{Unrouted: UnroutedDeny}
		if random.IntN(3) == 0 {
			cfg.Unrouted = UnroutedAllow
		}
		seen := map[string]bool{}
		for range 1 + random.IntN(4) {
			r := NewRoute(text(1))
			if before := text(0); before != "" && random.IntN(4) > 0 {
				r.Rename = before + namePlace
			}
			if r.Publish = random.IntN(4) > 0; !r.Publish {
				r.Subscribe = false
			}
			if !seen[r.Prefix] {
				cfg.Routes = append(cfg.Routes, r)
			}
			seen[r.Prefix] = true
		}
		v := &validator{mistakes: &mistakes{in: &cfg}, cfg: &cfg}
		v.checkNames()
		if got, want := len(v.list) > 0, meet(v.families(), all); got != want {
			t.Fatalf("refused: %v, two names meet: %v\n%+v\n%v", got, want, v.families(), v.list)
		}
		if len(v.list) > 0 {
			refused++
		}
	}
	if refused < 200 || refused > 1800 {
		t.Errorf("%d of 2000 were refused", refused)
	}
}

// meet reports whether two of the names are one at Redis.
func meet(list families, all []string) bool {
	at := map[string]bool{}
	for _, name := range all {
		f := &list[list.owner(name)]
		if !f.used {
			continue
		}
		if at[f.before+name] {
			return true
		}
		at[f.before+name] = true
	}
	return false
}
