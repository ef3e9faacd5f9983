package events

import (
	"testing"

	"redis-relay/relay/resp"
)

func TestAre(t *testing.T) {
	for name, want := range map[string]bool{
		"__keyevent@0__:expired": true, "__keyspace@0__:k": true, "__key:mine": false, "chat:1": false, "": false,
	} {
		if got := Are(resp.Message, name); got != want {
			t.Errorf("channel %q: got %v", name, got)
		}
		if Are(resp.SMessage, name) {
			t.Errorf("shard channel %q: Redis tells no events there", name)
		}
	}
	for pattern, want := range map[string]bool{
		"__keyevent@*": true, "__key*__:*": true, "__keyspace@0__:[ab]*": true, "*": false, "_*": false, "chat:*": false,
	} {
		if got := Are(resp.PMessage, pattern); got != want {
			t.Errorf("pattern %q: got %v", pattern, got)
		}
	}
}
