package cluster

import (
	"slices"
	"testing"
)

// text is an answer to CLUSTER NODES, of Redis 6.2 and 7.0.
const text = `id1 10.0.0.1:6379@16379,one.internal myself,master - 0 0 1 connected 0-5460
id2 10.0.0.2:6379@16379 master,fail? - 0 0 2 connected 5461-10922 [93-<-id1]
id3 :6379@16379 master - 0 0 3 connected
id4 fd00::4:6379@16379 slave,fail id1 0 0 1 disconnected
id5 :0@0 master,noaddr - 0 0 5 disconnected
id6 10.0.0.6:6379@16379 handshake - 0 0 0 connected

`

func TestParseNodes(t *testing.T) {
	v, err := ParseNodes(text, "seed")
	want := View{
		{ID: "id1", Addr: "10.0.0.1:6379", Master: true, Slots: true, Epoch: 1, Ranges: "0-5460"},
		{
			ID: "id2", Addr: "10.0.0.2:6379", Master: true, Slots: true, Doubt: true, Epoch: 2,
			Ranges: "5461-10922 [93-<-id1]",
		},
		{ID: "id3", Addr: "seed:6379", Master: true, Epoch: 3},
		{ID: "id4", Addr: "[fd00::4]:6379", Failed: true, Doubt: true, Epoch: 1},
	}
	if err != nil || !slices.Equal(v, want) {
		t.Fatalf("got %+v, %v", v, err)
	}
	if v.SeesMost() {
		t.Error("one of two masters with slots is most of them")
	}
	v.Prefer([]any{
		[]any{int64(0), int64(5460), []any{"one.internal", int64(1), "id1", []any{}}, []any{nil, int64(2), "id4"}},
		[]any{int64(5461), int64(10922), []any{"?", int64(3), "id2"}, []any{"x"}, "y"},
		"z",
	}, "seed")
	for id, addr := range map[string]string{"id1": "one.internal:1", "id2": "10.0.0.2:6379", "id4": "seed:2"} {
		if n, ok := v.Find(id); !ok || n.Addr != addr {
			t.Errorf("%s is at %s, want %s", id, n.Addr, addr)
		}
	}
	if _, err := ParseNodes("nonsense\n", ""); err == nil {
		t.Error("nonsense is a view")
	}
}

// TestChoose: a master that is up, and not the one that was of no use last.
func TestChoose(t *testing.T) {
	v := View{
		{ID: "1", Addr: "a", Master: true, Slots: true},
		{ID: "2", Addr: "b", Master: true, Slots: true},
		{ID: "3", Addr: "c"},
		{ID: "4", Addr: "d", Master: true, Slots: true, Doubt: true},
	}
	k := &Known{}
	k.Learn(v)
	chosen := map[string]bool{}
	for range 100 {
		n, _ := k.Choose(v)
		chosen[n.Addr] = true
	}
	if len(chosen) != 2 || !chosen["a"] || !chosen["b"] {
		t.Errorf("chosen are %v", chosen)
	}
	k.Failed("a")
	k.Failed("b")
	if n, _ := k.Choose(v); n.Addr != "a" {
		t.Errorf("%s, not the one that failed longer ago", n.Addr)
	}
	if n, ok := k.Choose(v[3:]); !ok || n.Addr != "d" {
		t.Error("the last master is not tried")
	}
	if _, ok := k.Choose(v[2:3]); ok {
		t.Error("a replica is chosen")
	}
	list := k.Addresses([]string{"seed", "a"})
	if len(list) != 5 || list[4] != "seed" || list[3] != "b" {
		t.Errorf("asked are %v", list)
	}
}
