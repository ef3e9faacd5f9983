package top

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"redis-relay/relay/notice"
	"redis-relay/relay/status"
)

var update = flag.Bool("update", false, "write the texts in testdata")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func newModel(t *testing.T, o Options) *Model {
	t.Helper()
	m, err := NewModel(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// picture is what a terminal shows.
func picture(m *Model, wide, high int, now time.Time) string {
	var b strings.Builder
	for _, l := range m.Lines(wide, high, now) {
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, to be looked at and written by -update:\n%s", file, diff)
	}
}

// TestPictures: each view, as wide as terminals are.
func TestPictures(t *testing.T) {
	for _, wide := range []int{60, 80, 140} {
		for _, name := range Views() {
			m := newModel(t, Options{View: name})
			m.Update(sample(), start)
			golden(t, fmt.Sprintf("%s-%d", name, wide), picture(m, wide, 30, start))
		}
	}
	m := newModel(t, Options{})
	golden(t, "snapshot", m.Snapshot(sample(), 0))
	m.Update(sample(), start)
	m.Key("?")
	golden(t, "help", picture(m, 80, 30, start))
	m = newModel(t, Options{})
	m.Fail(errors.New("no relay answers at relay.sock: no such file or directory\nstart it"), start)
	golden(t, "away", picture(m, 80, 10, start.Add(5*time.Second)))
}

// TestEverySize: no picture is larger than its terminal, and none controls it.
func TestEverySize(t *testing.T) {
	for _, name := range Views() {
		m := newModel(t, Options{View: name})
		m.Update(sample(), start)
		m.Fail(errors.New("away\x1b[31m"), start)
		for wide := range 150 {
			for _, high := range []int{0, 1, 2, 3, 5, 10, 24, 60} {
				lines := m.Lines(wide, high, start)
				if len(lines) != max(1, high) {
					t.Fatalf("%s at %dx%d has %d lines", name, wide, high, len(lines))
				}
				for _, l := range lines {
					if l.Width() > max(1, wide) || Printable(l.String()) != l.String() {
						t.Fatalf("%s at %dx%d: %q takes %d cells", name, wide, high, l, l.Width())
					}
				}
			}
		}
	}
}

func TestASnapshotIsPlain(t *testing.T) {
	for _, name := range Views() {
		text := newModel(t, Options{View: name}).Snapshot(sample(), 0)
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); Printable(line) != line {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

// first is the first row of a view.
func first(m *Model) string {
	t := views[m.view].table(m.shown, m.sorts[m.view])
	if len(t.rows) == 0 {
		return t.none
	}
	return t.rows[0].String()
}

func (m *Model) press(keys ...string) {
	for _, k := range keys {
		m.Key(k)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		keys string // separated by commas
		want string // of the first row
	}{
		{"2", "chat:room-42"},
		{"2,r", "evil"},
		{"2,s,s,s,s", "notifications"},
		{"2,S", "chat:room-42"},
		{"2,/,n,o,t,i", "notifications"},
		{"2,/,n,o,x,backspace,enter,s", "notifications"},
		{"2,/,c,h,a,t,:,*,esc", "chat:room-42"},
		{"2,/,*,語,*,enter", "chat:日本語の部屋"},
		{"2,/,C,H,A,T,enter,q", "chat:room-42"},
		{"2,/,x,y,z,enter", "no channels"},
		{"2,/,x,y,z,enter,esc", "chat:room-42"},
		{"3", "stuck-reader"},
		{"3,r", "worker-1"},
		{"tab,tab,tab", "chat:"},
		{"4,r", "unrouted"},
		{"5", "01:59:00"},
		{"6,?,?", "01:59:00"},
	} {
		m := newModel(t, Options{})
		m.Update(sample(), start)
		m.press(strings.Split(c.keys, ",")...)
		if got := first(m); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: the first row is %q, want %q", c.keys, got, c.want)
		}
	}
}

func TestQuitting(t *testing.T) {
	m := newModel(t, Options{})
	if !m.Key("q") || !m.Key("ctrl-c") {
		t.Error("q and ctrl-c do not quit")
	}
	if m.Key("/"); m.Key("q") || !m.Key("ctrl-c") {
		t.Error("q in a filter quits, or ctrl-c does not")
	}
}

func TestScrolling(t *testing.T) {
	s := sample()
	s.Clients.List = nil
	for i := range 100 {
		s.Clients.List = append(s.Clients.List, status.Client{Who: notice.Who{Name: fmt.Sprintf("c-%02d", i)}})
	}
	m := newModel(t, Options{View: "clients"})
	m.Update(s, start)
	top := func() string {
		text := picture(m, 80, 30, start)
		return text[strings.Index(text, "c-"):][:4]
	}
	for _, c := range []struct{ key, want string }{
		{"down", "c-01"}, {"up", "c-00"}, {"up", "c-00"}, {"pgdn", "c-10"}, {"pgup", "c-00"}, {"home", "c-00"},
	} {
		if m.Key(c.key); top() != c.want {
			t.Errorf("%s: the first row is %s, want %s", c.key, top(), c.want)
		}
	}
	m.Key("end")
	if text := picture(m, 80, 30, start); !strings.Contains(text, "c-99") || strings.Contains(text, "c-00") {
		t.Errorf("the end is not shown:\n%s", text)
	}
}

// TestHowNewThePictureIs: what is shown is never taken for the present if it is not.
func TestHowNewThePictureIs(t *testing.T) {
	m := newModel(t, Options{})
	says := func(at time.Duration, want ...string) {
		t.Helper()
		text := picture(m, 100, 24, start.Add(at))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("after %v it does not say %q:\n%s", at, w, text)
			}
		}
	}
	m.Update(sample(), start)
	says(0, "live", "redis.internal:6379")
	says(5*time.Second, "OLD 5s")
	m.Fail(errors.New("no relay answers"), start.Add(6*time.Second))
	says(6*time.Second, "OLD 6s", "NO ANSWER", "trying again: no relay answers", "stuck-reader")
	m.Update(sample(), start.Add(10*time.Second))
	says(10*time.Second, "live")
	m.Key("p")
	newer := sample()
	newer.Redis.Up, newer.Redis.Missing = false, "no connection: connection refused"
	m.Update(newer, start.Add(20*time.Second))
	says(20*time.Second, "PAUSED", "up  lag 1.2ms")
	m.Key(" ")
	says(20*time.Second, "live", "DOWN", "connection refused")
}

// TestALongInterval: a picture is not old before the next one is late.
func TestALongInterval(t *testing.T) {
	m := newModel(t, Options{Interval: time.Minute})
	m.Update(sample(), start)
	if text := picture(m, 100, 24, start.Add(2*time.Minute)); !strings.Contains(text, "live") {
		t.Errorf("it is taken for old before its time:\n%s", text)
	}
}

func TestOptions(t *testing.T) {
	m := newModel(t, Options{View: "channels", Sort: "name", Filter: "o"})
	m.Update(sample(), start)
	if got := first(m); !strings.HasPrefix(got, "chat:room-42") {
		t.Errorf("the first row is %q", got)
	}
	for _, o := range []Options{{View: "nope"}, {Sort: "nope"}} {
		if _, err := NewModel(o); err == nil || !strings.Contains(err.Error(), "nope") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestManyAlerts(t *testing.T) {
	s := sample()
	for i := range 9 {
		s.Alerts = append(s.Alerts, status.Alert{Kind: "rate", Since: start, Text: fmt.Sprint("number ", i)})
	}
	m := newModel(t, Options{})
	m.Update(s, start)
	text := picture(m, 100, 24, start)
	if !strings.Contains(text, "number 8") || !strings.Contains(text, "and 6 older alerts: press 6") || !strings.Contains(text, "CLIENTS") {
		t.Error(text)
	}
	m.Key("6")
	if text := picture(m, 100, 24, start); !strings.Contains(text, "spike") {
		t.Error(text)
	}
}
