package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDeadLetterMistakes: each is refused with its line and the way out.
func TestDeadLetterMistakes(t *testing.T) {
	for keys, want := range map[string]string{
		`schema: a.json, invalid: {reject: false, dead_letter: "dead:x"}`:      `routes[0].invalid.dead_letter: has no effect with reject: false, since the message is not held back; write reject: true or take it out`,
		`invalid: {dead_letter: "dead:x"}`:                                     `routes[0].invalid.dead_letter: has no effect without schema; name one, or take it out`,
		`invalid: {reject: yes please}`:                                        `routes[0].invalid.reject: expected true or false, found text "yes please"`,
		`invalid: {deadletter: "dead:x"}`:                                      `routes[0].invalid.deadletter: unknown key; did you mean dead_letter?`,
		`invalid: [reject]`:                                                    `routes[0].invalid: expected text, found a list`,
		`invalid: drop`:                                                        `routes[0].invalid: "drop" is not known; write reject or log`,
		`too_large: "dead:x"`:                                                  `routes[0].too_large: expected a mapping, found text; write keys below it, each with a space behind its colon, or all in a line, as in too_large: {dead_letter: 'dead:chat'}`,
		`too_large: {dead_letter: "history:{x}"}`:                              `routes[0].too_large.dead_letter: begins like the relay's own keys (history:, relay:); choose another, such as dead:chat`,
		`too_large: {dead_letter: "relay:x"}`:                                  `routes[0].too_large.dead_letter: begins like the relay's own keys (history:, relay:); choose another, such as dead:chat`,
		`redis_refused: {dead_letter: "dead letters"}`:                         `routes[0].redis_refused.dead_letter: is no plain key; write letters, digits and :._-/ only, as in dead:chat`,
		`redis_refused: {dead_letter: "dead:*"}`:                               `routes[0].redis_refused.dead_letter: is no plain key; write letters, digits and :._-/ only, as in dead:chat`,
		`publish: false, redis_refused: {dead_letter: "dead:x"}`:               `routes[0].redis_refused.dead_letter: has no effect with publish: false; take one of the two out`,
		`publish: false, subscribe: false, too_large: {dead_letter: "dead:x"}`: `routes[0].too_large.dead_letter: has no effect with publish: false and subscribe: false, since no message comes; take it out`,
		`rate: {dead_letter: "dead:x"}`:                                        `routes[0].rate.dead_letter: has no effect without rate.limit`,
		`rate: {limit: 1, dead_letter: "{x}"}`:                                 `routes[0].rate.dead_letter: is no plain key; write letters, digits and :._-/ only, as in dead:chat`,
		`kinds: {k: {rate: {limit: 1, dead_letter: "a b"}}}`:                   `routes[0].kinds.k.rate.dead_letter: is no plain key; write letters, digits and :._-/ only, as in dead:chat`,
		`too_large: {dead_letter: "` + strings.Repeat("x", 257) + `"}`:         `routes[0].too_large.dead_letter: is longer than 256 bytes; choose a shorter key, such as dead:chat`,
	} {
		path := write(t, "redis: {url: embedded}\nroutes:\n- {prefix: 'a:', "+keys+"}\n")
		_, err := Read(Source{Path: path})
		if err == nil || err.Error() != path+":3: "+want {
			t.Errorf("%s: got\n%v, want\n%s", keys, err, want)
		}
	}
	for keys, want := range map[string]string{
		"length: 0": "dead_letters.length: is 0; must be more than 0",
		"ttl: -1s":  "dead_letters.ttl: is -1s; must not be negative",
		"rate: 0": "dead_letters.rate: is 0; must be more than 0 and at most 1000000. To keep nothing, take dead_letter out " +
			"of the routes",
		"rate: .nan": "dead_letters.rate: is NaN; must be more than 0 and at most 1000000. To keep nothing, take dead_letter " +
			"out of the routes",
		"size: 5": "dead_letters.size: unknown key; known here: length, ttl, rate",
	} {
		path := write(t, "redis: {url: embedded}\ndead_letters:\n  "+keys+"\n")
		_, err := Read(Source{Path: path})
		if err == nil || err.Error() != path+":3: "+want {
			t.Errorf("%s: got\n%v, want\n%s", keys, err, want)
		}
	}
}

// TestDeadLettersAreRead, and come back as they are printed.
func TestDeadLettersAreRead(t *testing.T) {
	path := write(t, `redis: {url: embedded}
routes:
- &a {prefix: 'a:', schema: a.json, invalid: &i {dead_letter: "dead:i"}, rate: {limit: 5, dead_letter: "dead:r"}, kinds: {k: {rate: {limit: 0}}, l: {rate: {burst: 2}}}}
- {prefix: 'b:', schema: b.json, invalid: *i, too_large: {dead_letter: "dead:t"}, redis_refused: {dead_letter: "dead:f"}}
- {<<: *a, prefix: 'c:', invalid: log}
- {prefix: 'd:', invalid: {reject: false}}
- {prefix: 'e:', invalid: {reject: }}
`)
	cfg, err := Read(Source{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := cfg.Routes[0], cfg.Routes[1], cfg.Routes[2]
	if a.Invalid != InvalidReject || a.InvalidDead != "dead:i" || a.Policy.Rate.DeadLetter != "dead:r" ||
		a.Kinds["k"].Rate.DeadLetter != "" || a.Kinds["l"].Rate.DeadLetter != "dead:r" {
		t.Errorf("got %+v", a)
	}
	if b.InvalidDead != "dead:i" || b.TooLarge.Stream != "dead:t" || b.Refused.Stream != "dead:f" {
		t.Errorf("got %+v", b)
	}
	if c.Invalid != InvalidLog || c.InvalidDead != "" || cfg.Routes[3].Invalid != InvalidLog ||
		cfg.Routes[4].Invalid != InvalidReject {
		t.Errorf("got %+v", cfg.Routes)
	}
	again, err := Read(Source{Path: write(t, cfg.String())})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cfg.Routes, again.Routes, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-printed +read:\n%s", diff)
	}
	other := *cfg
	other.Routes = append([]Route{}, cfg.Routes...)
	other.Routes[1].InvalidDead = "dead:j"
	if got := Changes(cfg, &other); len(got) != 1 || got[0] != `route "b:": invalid` {
		t.Errorf("changes: %q", got)
	}
}
