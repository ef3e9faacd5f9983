package route

import (
	"errors"
	"fmt"
	"testing"
)

func table(t testing.TB, prefixes ...string) *Table {
	t.Helper()
	var routes []*Route
	for _, p := range prefixes {
		routes = append(routes, &Route{Prefix: p, Name: p})
	}
	tab, err := New(routes, &Route{Name: "unrouted"})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestLookupTakesTheLongestPrefix(t *testing.T) {
	tab := table(t, "chat:", "chat:vip:", "c", "user:")
	for channel, want := range map[string]string{
		"chat:42":     "chat:",
		"chat:vip:1":  "chat:vip:",
		"chat:vip":    "chat:",
		"chat":        "c",
		"c":           "c",
		"Chat:42":     "unrouted",
		"":            "unrouted",
		"user:":       "user:",
		"users":       "unrouted",
		"chat:\x00\n": "chat:",
	} {
		if got := tab.Lookup([]byte(channel)).Name; got != want {
			t.Errorf("%q: route %q, want %q", channel, got, want)
		}
	}
}

func TestEmptyPrefixCoversEverything(t *testing.T) {
	tab := table(t, "", "chat:")
	if got := tab.Lookup([]byte("x")); got.Name != "" {
		t.Errorf("route %q", got.Name)
	}
}

func TestNewRefusesTwoRoutesOfOnePrefix(t *testing.T) {
	_, err := New([]*Route{{Prefix: "a"}, {Prefix: "b"}, {Prefix: "a"}}, &Route{})
	if !errors.Is(err, ErrDuplicate) {
		t.Errorf("got %v", err)
	}
}

func TestPolicyOfKind(t *testing.T) {
	r := &Route{Kinds: map[string]*Policy{"typing": {Slow: SlowDrop}}}
	if r.PolicyOf([]byte("typing")).Slow != SlowDrop {
		t.Error("typing: not its own policy")
	}
	for _, kind := range [][]byte{nil, []byte("message"), {}} {
		if r.PolicyOf(kind) != &r.Policy {
			t.Errorf("%q: not the route's policy", kind)
		}
	}
}

func TestRoutesAreListedLongestFirst(t *testing.T) {
	var got []string
	for _, r := range table(t, "b:", "a:", "long:").Routes() {
		got = append(got, r.Name)
	}
	if fmt.Sprint(got) != "[long: a: b: unrouted]" {
		t.Errorf("got %v", got)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	tab, channel := table(t, "chat:", "user:", "document:"), []byte("document:42")
	tab.Lookup(channel).Kinds = map[string]*Policy{"edit": {}}
	kind := []byte("edit")
	if n := testing.AllocsPerRun(100, func() { tab.Lookup(channel).PolicyOf(kind) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	tab, channel := table(b, "chat:", "room:", "user:", "document:"), []byte("chat:42")
	for b.Loop() {
		tab.Lookup(channel)
	}
}

func ExampleTable_Lookup() {
	t, _ := New([]*Route{{Prefix: "chat:", Name: "chat"}, {Prefix: "chat:vip:", Name: "vip"}}, &Route{Name: "unrouted"})
	fmt.Println(t.Lookup([]byte("chat:vip:7")).Name, t.Lookup([]byte("chat:7")).Name, t.Lookup([]byte("news")).Name)
	// Output: vip chat unrouted
}

func TestReachable(t *testing.T) {
	tab := table(t, "a:", "a:b:", "a:b:c:", "ab", "z")
	for prefix, want := range map[string]string{
		"":       "[unrouted a:b:c: a:b: a: ab z]",
		"a":      "[unrouted a:b:c: a:b: a: ab]",
		"a:":     "[a: a:b:c: a:b:]",
		"a:b":    "[a: a:b:c: a:b:]",
		"a:b:":   "[a:b: a:b:c:]",
		"a:b:c:": "[a:b:c:]",
		"a:x":    "[a:]",
		"zz":     "[z]",
		"y":      "[unrouted]",
	} {
		var got []string
		for r := range tab.Reachable([]byte(prefix)) {
			got = append(got, r.Name)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%q: got %v, want %s", prefix, got, want)
		}
	}
	for r := range tab.Reachable(nil) {
		if r.Name != "unrouted" {
			t.Errorf("went on to %s", r.Name)
		}
		break
	}
}

func TestUsersAdmit(t *testing.T) {
	for _, tt := range []struct {
		users Users
		uid   uint32
		known bool
		want  bool
	}{
		{nil, 5, true, true},
		{nil, 0, false, true},
		{Users{0}, 0, false, false}, // an unknown user is not root
		{Users{0}, 0, true, true},
		{Users{1, 5}, 5, true, true},
		{Users{1, 5}, 0, true, false}, // and root is a user like others
	} {
		if got := tt.users.Admit(tt.uid, tt.known); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}
