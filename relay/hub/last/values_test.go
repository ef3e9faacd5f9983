package last

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func ofSize(room int) *Values { return New(func() int { return room }) }

func (v *Values) keep(channel, payload string) {
	v.Keep([]byte(channel), Message{Payload: []byte(payload)})
}

func wantMessage(t *testing.T, v *Values, channel, want string) {
	t.Helper()
	m, known := v.Find(channel)
	if got := string(m.Payload); known != (want != "") || got != want {
		t.Errorf("%s: %q, known %v; want %q", channel, got, known, want)
	}
}

func TestTheNewestIsKept(t *testing.T) {
	v := ofSize(1 << 20)
	v.keep("a", "1")
	v.keep("b", "2")
	v.keep("a", "a longer one")
	wantMessage(t, v, "a", "a longer one")
	v.keep("a", "3")
	wantMessage(t, v, "a", "3")
	wantMessage(t, v, "b", "2")
	wantMessage(t, v, "c", "")
	v.Forget("a")
	v.Forget("c")
	if v.Knows("a") || !v.Knows("b") {
		t.Error("the wrong one is forgotten")
	}
	v.ForgetWhere(func(channel string) bool { return channel == "b" })
	if s := v.Stats(); s != (Stats{}) {
		t.Errorf("left: %+v", s)
	}
}

func TestAllPartsAreCopied(t *testing.T) {
	for _, m := range []Message{
		{Payload: []byte("payload"), Kind: []byte("kind"), Key: []byte("key")},
		{Payload: []byte("payload"), Key: []byte{}},
		{Payload: []byte{}, Kind: []byte{}},
	} {
		v := ofSize(1 << 20)
		given := Message{bytes.Clone(m.Payload), bytes.Clone(m.Kind), bytes.Clone(m.Key)}
		v.Keep([]byte("a"), given)
		for _, b := range [][]byte{given.Payload, given.Kind, given.Key} {
			clear(b)
		}
		got, _ := v.Find("a")
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", m) {
			t.Errorf("got %#v, want %#v", got, m)
		}
	}
}

func TestMemoryOfALargeOneIsGivenBack(t *testing.T) {
	v := ofSize(1 << 20)
	v.keep("a", strings.Repeat("x", 100<<10))
	v.keep("a", "x")
	if n := v.Stats().Bytes; n > 1000 {
		t.Errorf("%d bytes for one", n)
	}
}

func TestOneThatIsTooLargeIsNotKept(t *testing.T) {
	v := ofSize(2000)
	v.keep("a", "1")
	v.keep("b", "2")
	v.keep("a", strings.Repeat("x", 3000))
	if s := v.Stats(); v.Knows("a") || s.Channels != 1 || s.Evicted != 1 {
		t.Errorf("kept: %+v", s)
	}
	wantMessage(t, v, "b", "2")
}

func TestKeepingCostsNoMemory(t *testing.T) {
	v, channel := ofSize(1<<20), []byte("a")
	m := Message{Payload: []byte("payload"), Kind: []byte("kind")}
	v.Keep(channel, m)
	if n := testing.AllocsPerRun(100, func() { v.Keep(channel, m) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTheLeastUsedGoFirst compares with a list of all channels, the one used last at its end.
func TestTheLeastUsedGoFirst(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	const each = overhead + 1 + 1
	room := 5 * each
	v := New(func() int { return room })
	var model []string
	use := func(name string) {
		model = append(slices.DeleteFunc(model, func(other string) bool { return other == name }), name)
	}
	for range 5000 {
		name := string(rune('a' + random.IntN(10)))
		switch random.IntN(4) {
		case 0:
			if v.Forget(name); slices.Contains(model, name) {
				model = slices.DeleteFunc(model, func(other string) bool { return other == name })
			}
		case 1:
			if _, known := v.Find(name); known {
				use(name)
			}
		default:
			room = (1 + random.IntN(6)) * each
			v.keep(name, "x")
			use(name)
			model = model[max(0, len(model)-room/each):]
		}
		var have []string
		for channel := range v.byChannel {
			have = append(have, channel)
		}
		if want := slices.Sorted(slices.Values(model)); !slices.Equal(slices.Sorted(slices.Values(have)), want) {
			t.Fatalf("seed %d: have %q, want %q", seed, have, want)
		}
		if s := v.Stats(); s.Bytes != len(model)*each || v.recent.Len() != len(model) {
			t.Fatalf("seed %d: %+v for %d", seed, s, len(model))
		}
	}
}
