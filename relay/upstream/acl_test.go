package upstream_test

// What Redis says when an ACL refuses, and what an ACL must allow then.

import (
	"errors"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream"
)

// TestMissingIsWhatRedisRefused: with what is advised, Redis does not refuse the same again.
func TestMissingIsWhatRedisRefused(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.MustDo("ACL", "SETUSER", "app", "on", ">s", "resetchannels", "+@all", "-xadd", "-psubscribe", "-client")
	for _, c := range []struct {
		rule, want string
		command    []string
	}{
		{"~k*", "+xadd", []string{"XADD", "k", "*", "f", "v"}},
		{"~k*", "~k*", []string{"XADD", "k", "*", "f", "v"}}, // now that it may
		{"&relay:*", "&relay:*", []string{"SUBSCRIBE", "relay:a"}},
		{"&b*", "+psubscribe", []string{"PSUBSCRIBE", "b*"}},
		{"&b*", "&b*", []string{"PSUBSCRIBE", "b*"}},
		{"&c", "&c", []string{"PUBLISH", "c", "m"}},
		{"~g", "~g", []string{"EVAL", "return redis.call('GET', 'g')", "0"}},
		{"&d", "&d", []string{"EVAL", "return redis.call('PUBLISH', 'd', 'm')", "0"}},
	} {
		reply := redistest.Dial(t, "tcp", redis.Addr())
		reply.Do("AUTH", "app", "s")
		v := reply.Do(c.command...)
		missing := upstream.MissingRule(upstream.ReplyError(v.Str), c.rule)
		if v.Type != '-' || missing != c.want {
			t.Errorf("%q: %s: %q is missing, want %q", c.command, v, missing, c.want)
			continue
		}
		redis.MustDo("ACL", "SETUSER", "app", missing)
	}
}

func TestMissingOfEachVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"NOPERM this user has no permissions to run the 'xadd' command or its subcommand":             "+xadd", // 6.2
		"NOPERM this user has no permissions to run the 'client|list' command":                        "+client|list",
		"NOPERM User app has no permissions to run the 'ssubscribe' command":                          "+ssubscribe", // 8.2
		"NOPERM this user has no permissions to access one of the channels used as arguments":         "&a",
		"NOPERM No permissions to access a channel":                                                   "&a",
		"ERR ACL failure in script: No permissions to access a channel script: 10, on @user_script:1": "&a",
		"ERR ACL failure in script: User app has no permissions to run the 'xadd' command script: ae": "+xadd",
		"ERR The user executing the script can't publish to the channel mentioned in the command":     "&a",
		"ERR The user executing the script can't run this command or subcommand script: ae":           "",
		"ERR unknown command 'client', with args beginning with: ":                                    "",
		"OOM command not allowed when used memory > 'maxmemory'":                                      "",
	} {
		if got := upstream.MissingRule(errors.New(text), "&a"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if upstream.MissingRule(nil, "&a") != "" || upstream.Advice(nil, "&a") != "" {
		t.Error("advice about nothing")
	}
	if got := upstream.Advice(errors.New("NOPERM No permissions to access a channel"), "&a"); got != "; allow &a to this user" {
		t.Errorf("the advice is %q", got)
	}
}
