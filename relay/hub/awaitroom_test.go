package hub

// Who must wait while Redis has no room for more names.

import (
	"testing"

	"redis-relay/relay/resp"
)

func TestAwaitRoomForNamesThatRedisIsAskedFor(t *testing.T) {
	g, r := newGroup(t, nil)
	newMember(t, 1<<20).confirmed(g, resp.Message, "a")
	waits := func(names ...string) bool {
		var list [][]byte
		for _, name := range names {
			list = append(list, []byte(name))
		}
		return g.AwaitRoom(resp.Message, list, func() {})
	}
	if waits("b") {
		t.Error("there is room")
	}
	r.full = true
	if waits("a", "local:1") {
		t.Error("Redis is not asked for any of the names")
	}
	if !waits("a", "b") || len(r.roomAwaited) != 1 {
		t.Errorf("Redis is asked for one of the names; %d wait", len(r.roomAwaited))
	}
}
