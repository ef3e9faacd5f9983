package relay

// What a name costs a message from Redis.

import (
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
)

// namedRules are rules with a route chat:, renamed by edit.
func namedRules(t testing.TB, edit func(*config.Config)) *rules {
	t.Helper()
	cfg := config.Default()
	cfg.Schemas.Dir, cfg.Routes, cfg.Unrouted = "", []config.Route{config.NewRoute("chat:")}, config.UnroutedDeny
	edit(&cfg)
	now, err := newRules(&cfg, &cfg, monitor.New("test"))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// delivered is a message as the connection to Redis gives it.
func delivered(t testing.TB, parts ...string) (d resp.Delivery) {
	t.Helper()
	var list [][]byte
	for _, p := range parts[1:] {
		list = append(list, []byte(p))
	}
	frame := resp.AppendMessage(nil, resp.RESP2, parts[0], list...)
	if token, _, err := resp.ScanServer(frame, &d); token != resp.IsDelivery || err != nil {
		t.Fatal(token, err)
	}
	return d
}

func TestLocalize(t *testing.T) {
	m := namedRules(t, func(c *config.Config) { c.Redis.Prefix, c.Routes[0].Rename = "t:", "a:{name}" }).names[0]
	var r renamer
	for _, tt := range []struct{ comes, heard string }{
		{"message t:a:chat:1 m", "message chat:1 m"},
		{"smessage t:a:chat:1 m", "smessage chat:1 m"},
		{"pmessage t:a:chat:* t:a:chat:1 m", "pmessage chat:* chat:1 m"},
		{"pmessage t:* t:a:chat:1 m", ""}, // it comes by another pattern, too
		{"message a:chat:1 m", ""},
		{"message t:chat:1 m", ""},
		{"message t:news m", ""},
		{"message t:relay:seq:a:chat:1 m", "own relay:seq:chat:1"},
		{"message t:relay:seq:chat:1 m", ""},
		{"message t:relay:count m", "own relay:count"},
		{"message relay:count m", ""},
	} {
		d, got := delivered(t, strings.Fields(tt.comes)...), ""
		if r.localize(m, &d) {
			if got = "own " + string(d.Channel); !strings.HasPrefix(string(d.Channel), "relay:") {
				var read resp.Delivery
				if _, n, err := resp.ScanServer(d.Frame, &read); err != nil || n != len(d.Frame) {
					t.Fatal(n, err)
				}
				got = strings.Join(strings.Fields(read.Kind.String()+" "+string(read.Pattern)+" "+string(read.Channel)+" "+
					string(read.Payload)), " ")
				if string(read.Channel) != string(d.Channel) || string(read.Pattern) != string(d.Pattern) {
					t.Errorf("%s: the frame says %s %s", tt.comes, read.Pattern, read.Channel)
				}
			}
		}
		if got != tt.heard {
			t.Errorf("%s is heard as %q, want %q", tt.comes, got, tt.heard)
		}
	}
}

// TestRenamedNeighbours: frames lie side by side, so that a burst is one piece, and memory is used again.
func TestRenamedNeighbours(t *testing.T) {
	m := namedRules(t, func(c *config.Config) { c.Redis.Prefix = "t:" }).names[0]
	var r renamer
	next := func() []byte {
		d := delivered(t, "message", "t:chat:1", strings.Repeat("m", 1000))
		if !r.localize(m, &d) {
			t.Fatal("nobody hears it")
		}
		return d.Frame
	}
	first, second := next(), next()
	if &first[:len(first)+1][len(first)] != &second[0] {
		t.Error("two frames do not lie side by side")
	}
	r.reuse(true)
	if again := next(); &again[0] != &first[0] {
		t.Error("memory that nobody needs is not used again")
	}
	r.reuse(false)
	r.reuse(true)
	if again := next(); &again[0] == &first[0] {
		t.Error("memory that somebody keeps is used again")
	}
}

// BenchmarkLocalize is what a message from Redis costs more where its channel has another name there. Without names it
// is the comparison of one pointer.
func BenchmarkLocalize(b *testing.B) {
	for _, payload := range []int{100, 10_000} {
		for _, kind := range []string{"message", "pmessage"} {
			b.Run(kind+" of "+map[int]string{100: "100 B", 10_000: "10 kB"}[payload], func(b *testing.B) {
				m := namedRules(b, func(c *config.Config) { c.Redis.Prefix, c.Routes[0].Rename = "t:", "a:{name}" }).names[0]
				parts := []string{kind, "t:a:chat:42", strings.Repeat("m", payload)}
				if kind == "pmessage" {
					parts = []string{kind, "t:a:chat:*", "t:a:chat:42", strings.Repeat("m", payload)}
				}
				first := delivered(b, parts...)
				var r renamer
				b.ReportAllocs()
				for b.Loop() {
					d := first
					if !r.localize(m, &d) {
						b.Fatal("nobody hears it")
					}
					r.reuse(true)
				}
			})
		}
	}
}
