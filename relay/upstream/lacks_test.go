package upstream_test

// What managed services say of commands that they have taken away.

import (
	"errors"
	"testing"

	"redis-relay/relay/upstream"
)

func TestLacks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ERR unknown command 'psubscribe', with args beginning with: 'a*' ":                       true, // 7.0, ElastiCache Serverless
		"ERR unknown command `CLIENT`, with args beginning with: `SETNAME`, ":                     true, // 6.2
		"ERR Unknown subcommand or wrong number of arguments for 'SHARDNUMSUB'. Try PUBSUB HELP.": true, // 6.2
		"ERR unknown subcommand 'kill'. Try CLIENT HELP.":                                         true, // 7.0
		"ERR Lua scripts without any input keys are not supported.":                               true, // ElastiCache Serverless
		"ERR PUBSUB SHARDNUMSUB is not supported in non cluster mode":                             true, // Dragonfly
		"ERR command eval not support for your account":                                           true,
		"ERR not allowed": true, // Redis Software
		"NOPERM this user has no permissions to run the 'xadd' command": false,
		"ERR wrong number of arguments for 'psubscribe' command":        false,
		"ERR value is not an integer or out of range":                   false,
		"CROSSSLOT Keys in request don't hash to the same slot":         false,
		"OOM command not allowed when used memory > 'maxmemory'":        false,
	} {
		if got := upstream.Lacks(upstream.ReplyError(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if upstream.Lacks(nil) || upstream.SplitsKeys(nil) || upstream.SplitsKeys(errors.New("ERR unknown command")) {
		t.Error("something is lacking where nothing is")
	}
	for _, text := range []string{
		"CROSSSLOT Keys in request don't hash to the same slot",
		"ERR Script attempted to access keys that do not hash to the same slot script: ae, on @user_script:1.",
	} {
		if !upstream.SplitsKeys(upstream.ReplyError(text)) {
			t.Errorf("%s: not told", text)
		}
	}
}
