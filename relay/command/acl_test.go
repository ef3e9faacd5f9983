package command

// What the log advises where an ACL of Redis refuses something.

import (
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// TestAdviceIsWhatIsMissing: a command that the user may not run, or a channel.
func TestAdviceIsWhatIsMissing(t *testing.T) {
	t.Parallel()
	if !redistest.Shards(t) {
		t.Skip("without shard channels there is nothing to refuse")
	}
	for name, c := range map[string]struct {
		acl     string
		refused []string // what a client asks for
		says    []string
	}{
		"a command": {
			"+@all -ssubscribe &chat:* &relay:*",
			[]string{"SSUBSCRIBE", "chat:1"},
			[]string{"counted as one listener; allow +ssubscribe to this user", `"allow_to_the_user": "+ssubscribe"`},
		},
		"channels": {
			"+@all &chat:*",
			[]string{"SUBSCRIBE", "other:1"},
			[]string{
				"counted as one listener; allow &relay:* to this user", "no delivery probe; allow &relay:* to this user",
				`"allow_to_the_user": "&other:1"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, redistest.WithACL("app on >secret ~* "+c.acl, "default off"))
			d := newScene(t, nil).start(nil, "--redis.url=redis://app:secret@"+redis.Addr())
			d.awaitReady()
			if reply := d.Dial().Do(c.refused...); !strings.HasPrefix(reply.String(), "-NOPERM") {
				t.Errorf("%q: %s", c.refused, reply)
			}
			for _, text := range c.says {
				d.Says(text)
			}
		})
	}
}
