package cluster

import "testing"

// TestSlot: those of the specification of Redis Cluster, and of redis-server.
func TestSlot(t *testing.T) {
	for name, want := range map[string]int{
		"123456789": 0x31C3, "foo": 12182, "": 0, "{foo}": 12182, "a{foo}b": 12182, "{foo}{bar}": 12182, "{}foo": Slot([]byte("{}foo")),
		"foo{": Slot([]byte("foo{")), "{user1000}.following": Slot([]byte("user1000")), "foo{{bar}}zap": Slot([]byte("{bar")),
	} {
		if got := Slot([]byte(name)); got != want {
			t.Errorf("%q is in slot %d, want %d", name, got, want)
		}
	}
	if Slot([]byte("{}foo")) == Slot([]byte("foo")) {
		t.Error("an empty tag counts")
	}
}

func TestParseRedirect(t *testing.T) {
	for text, want := range map[string]Redirect{
		"MOVED 3999 10.0.0.1:6381": {3999, "10.0.0.1:6381", false},
		"ASK 16383 host:1":         {16383, "host:1", true},
		"MOVED 1 :7000":            {1, "seed:7000", false},
		"MOVED 1 ?:7000":           {1, "seed:7000", false},
		"MOVED 1 fd00::1:7000":     {1, "[fd00::1]:7000", false},
	} {
		if got, ok := ParseRedirect(text, "seed:6379"); !ok || got != want {
			t.Errorf("%s: got %+v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "MOVED", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "ERR 1 h:1"} {
		if got, ok := ParseRedirect(text, "seed:6379"); ok {
			t.Errorf("%q: got %+v", text, got)
		}
	}
	if !IsPassing("CLUSTERDOWN Hash slot not served") || IsPassing("NOPERM no") {
		t.Error("what passes")
	}
}

// TestTable: the claim with the higher epoch counts, in whatever order views come.
func TestTable(t *testing.T) {
	a := Node{ID: "a", Addr: "a:1", Master: true, Slots: true, Epoch: 1, Ranges: "0-9 20 [5->-b]"}
	b := Node{ID: "b", Addr: "b:1", Master: true, Slots: true, Epoch: 2, Ranges: "10-19"}
	old := View{a, b}
	taken := b
	taken.Epoch, taken.Ranges = 3, "5 10-19"
	without := a
	without.Ranges = "0-4 6-9 20"

	table := &Table{}
	owns := func(slot int, addr string) {
		t.Helper()
		if got := table.Owner(slot); got != addr {
			t.Errorf("slot %d is at %q, want %q", slot, got, addr)
		}
	}
	if !table.Learn(old) || table.Learn(old) {
		t.Error("the first view is news, and once")
	}
	owns(5, "a:1")
	owns(20, "a:1")
	owns(19, "b:1")
	owns(21, "")
	if !table.Learn(View{a, taken}) { // a does not know yet
		t.Error("a claim with a higher epoch is no news")
	}
	owns(5, "b:1")
	if table.Learn(old) || table.Learn(View{without, taken}) {
		t.Error("an old view counts")
	}
	owns(5, "b:1")
	if !table.Moved(20, "c:1") || table.Moved(20, "c:1") {
		t.Error("the word of a node is news, and once")
	}
	table.Learn(View{without, taken, {ID: "c", Addr: "c:1", Master: true}})
	owns(20, "c:1")
	gone := View{taken, {ID: "c", Addr: "c:1", Master: true}, {ID: "d", Addr: "d:1", Master: true, Ranges: "0-4"}}
	if !table.Learn(gone) {
		t.Error("nobody has the slots of a node that has left")
	}
	owns(0, "d:1")
	if !table.Serves("b:1") || table.Serves("c:1") || table.Serves("a:1") {
		t.Error("which nodes have slots")
	}
}

// TestFollow: each view is told, the last one at once.
func TestFollow(t *testing.T) {
	k, n := &Known{}, 0
	k.Learn(nodes)
	k.Follow(func(View) { n++ })
	k.Learn(nodes)
	if n != 2 {
		t.Errorf("%d views told", n)
	}
}
