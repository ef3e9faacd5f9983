package sentinel

import (
	"testing"
	"time"
)

// said is what one of the sentinels a, b and c says; an empty master: it does not answer.
type said struct {
	by, master string
	epoch      int64
}

func TestWhoIsBelieved(t *testing.T) {
	for name, tt := range map[string]struct {
		said []said
		want string
	}{
		"nobody":                       {nil, ""},
		"one":                          {[]said{{"a", "x", 0}}, "x"},
		"the first to know":            {[]said{{"a", "x", 1}, {"b", "x", 1}, {"a", "y", 2}}, "y"},
		"a liar":                       {[]said{{"a", "y", 2}, {"b", "x", 1}, {"c", "x", 1}}, "y"},
		"most, with one epoch":         {[]said{{"a", "x", 0}, {"b", "y", 0}, {"c", "y", 0}}, "y"},
		"the one before, if undecided": {[]said{{"b", "y", 0}, {"a", "x", 0}}, "y"},
		"not who is silent":            {[]said{{"a", "y", 2}, {"b", "x", 1}, {"a", "", 0}}, "x"},
		"the last, if all are silent":  {[]said{{"a", "y", 2}, {"a", "", 0}}, "y"},
		"a setup that begins anew":     {[]said{{"a", "x", 5}, {"b", "x", 5}, {"a", "z", 0}, {"b", "z", 0}}, "z"},
	} {
		var k Known
		for _, s := range tt.said {
			if s.master == "" {
				k.Miss(s.by)
			} else {
				k.Hear(s.by, Answer{Master: s.master, Epoch: s.epoch}, time.Now())
			}
		}
		if got, _ := k.Master(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestNamed: what a minority names may be the master of a part that is cut off.
func TestNamed(t *testing.T) {
	var k Known
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	hear := func(by, master string, second int) { k.Hear(by, Answer{Master: master, Others: 2}, at(second)) }
	expect := func(master string, want time.Time) {
		t.Helper()
		if got := k.Named(master); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", master, got, want)
		}
	}
	expect("x", time.Time{})
	hear("a", "x", 1)
	expect("x", at(1)) // of the only one that is known
	hear("b", "x", 2)
	hear("c", "x", 3)
	expect("x", at(2))
	hear("a", "x", 9)
	expect("x", at(3))
	k.Miss("b")
	k.Miss("c")
	hear("a", "x", 20)
	expect("x", at(3))
	hear("b", "y", 21)
	expect("y", time.Time{})
	hear("c", "y", 22)
	expect("y", at(21))
	if got := (*Known)(nil).Named("x"); !got.IsZero() {
		t.Errorf("without sentinels: %v", got)
	}
}

func TestAwaitOther(t *testing.T) {
	var k Known
	told := make(chan bool)
	go func() { told <- k.AwaitOther("x", nil) }()
	k.Hear("a", Answer{Master: "x"}, time.Now())
	k.Hear("a", Answer{Master: "y"}, time.Now())
	if !<-told {
		t.Error("y was not noticed")
	}
	done := make(chan struct{})
	close(done)
	if k.AwaitOther("y", done) {
		t.Error("y is another one than y")
	}
}
