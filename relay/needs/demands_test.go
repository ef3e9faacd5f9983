package needs

import (
	"errors"
	"slices"
	"testing"

	"redis-relay/relay/upstream"
)

// Rules of a route with history are those that docs/operations.md has, and no other ones.
func TestRules(t *testing.T) {
	got := Rules(Demands(&Config{Routes: []Route{{Prefix: "d:", Publish: true, Subscribe: true, History: true}}}))
	for _, rule := range []string{"+subscribe", "+publish", "+xadd", "+eval", "&d:*", "&relay:*", "&relay:seq:d:*", "~history:*"} {
		if !slices.Contains(got, rule) {
			t.Errorf("%s is missing in %v", rule, got)
		}
	}
	got = Rules(Demands(&Config{Routes: []Route{{Prefix: "d:", Publish: true}}}))
	for _, rule := range []string{"+xadd", "~history:*", "+get", "+psubscribe"} {
		if slices.Contains(got, rule) {
			t.Errorf("%s is asked for in vain: %v", rule, got)
		}
	}
}

// A Redis that is only heard must allow no publishing, and one that only gets copies no reading.
func TestRulesOfOneDirection(t *testing.T) {
	for _, c := range []struct {
		route Route
		want  []string
		vain  []string
	}{
		{
			Route{Prefix: "d:", Subscribe: true, History: true},
			[]string{"+subscribe", "+xrange", "+xread", "+time", "~history:*", "&relay:seq:d:*"},
			[]string{"+xadd", "+hset", "+pexpire"},
		},
		{
			Route{Prefix: "d:", Publish: true, History: true, Mirror: true},
			[]string{"+publish", "+xadd", "+pexpire", "+hset", "~history:*"},
			[]string{"+xrange", "+xread", "+time", "+scan", "&relay:seq:d:*"},
		},
	} {
		got := Rules(Demands(&Config{Routes: []Route{c.route}}))
		for _, rule := range c.want {
			if !slices.Contains(got, rule) {
				t.Errorf("%+v: %s is missing in %v", c.route, rule, got)
			}
		}
		for _, rule := range c.vain {
			if slices.Contains(got, rule) {
				t.Errorf("%+v: %s is asked for in vain: %v", c.route, rule, got)
			}
		}
	}
}

// Dead letters ask for their stream and the keys beside it, each once, and nothing of history.
func TestRulesOfDeadLetters(t *testing.T) {
	c := &Config{Routes: []Route{{Prefix: "a:", DeadLetters: []string{"dead:a"}}, {Prefix: "b:", DeadLetters: []string{"dead:a"}}}}
	got := Rules(Demands(c))
	for _, rule := range []string{"+xadd", "+get", "+set", "+pexpire", "+xrange", "+xrevrange", "+xdel", "+eval", "~dead:a", "~{dead:a}:*"} {
		if !slices.Contains(got, rule) {
			t.Errorf("%s is missing in %v", rule, got)
		}
	}
	if slices.Contains(got, "~history:*") || slices.Contains(got, "+xread") {
		t.Errorf("asks for the rights of history: %v", got)
	}
	for _, d := range Demands(c) {
		if d.Name() == "EVAL" && !d.Vital {
			t.Error("EVAL is not vital")
		}
	}
	c.Prefix = "acme:"
	for _, rule := range []string{"~acme:dead:a", "~acme:{acme:dead:a}:*"} {
		if got := Rules(Demands(c)); !slices.Contains(got, rule) {
			t.Errorf("with a prefix, %s is missing in %v", rule, got)
		}
	}
}

// A command that is refused hides its channel: that is asked for, unless it is known to be allowed.
func TestLacking(t *testing.T) {
	publish := Demand{Command: []string{"PUBLISH", "a:1", ""}, Rule: "&a:*", Lost: "x", Vital: true}
	subscribe := Demand{Command: []string{"SUBSCRIBE", "a:1"}, Rule: "&a:*", Lost: "y"}
	refused := upstream.ReplyError("NOPERM this user has no permissions to run the 'publish' command")
	for _, c := range []struct {
		other error
		want  []string
	}{
		{nil, []string{"+publish"}},
		{upstream.ReplyError("NOPERM this user has no permissions to access one of the channels"), []string{"+publish", "&a:*"}},
		{errors.New("ERR unknown command 'SUBSCRIBE'"), []string{"+publish", "&a:*"}},
	} {
		l := &lacking{allowed: map[string]bool{}}
		l.note(&publish, refused)
		l.note(&subscribe, c.other)
		if got := l.rules(); !slices.Equal(got, c.want) {
			t.Errorf("%v: asks for %v, want %v", c.other, got, c.want)
		}
		if problems := l.problems(); !problems[0].Fails || problems[0].What != "+publish" {
			t.Errorf("%v: %+v", c.other, problems)
		}
	}
}
