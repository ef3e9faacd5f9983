package writer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// scribe is a Publisher that notes what it is given.
type scribe struct {
	record  string
	calls   []string
	answers []upstream.Answer
	refuse  error
}

func (s *scribe) Record(_ *upstream.Script, key string) { s.record = key }

func (s *scribe) Call(from uint64, _ *upstream.Script, a upstream.Answer, c upstream.Call) error {
	if s.refuse != nil {
		return s.refuse
	}
	s.calls = append(s.calls, fmt.Sprintf("%d %s %s %s %s", from, c.Key, c.Head, c.First, c.Item))
	s.answers = append(s.answers, a)
	return nil
}

func TestWriter(t *testing.T) {
	s := &scribe{}
	w := New(s, "", "life")
	if s.record != "history:calls:life" {
		t.Errorf("recorded under %q", s.record)
	}
	var told []string
	write := func(channel string) error {
		return w.Write(7, Message{
			Channel: []byte(channel), Payload: []byte("m"), Length: 10, TTL: time.Hour,
		}, receipt(func(id string, receivers int64, err error) {
			told = append(told, fmt.Sprintf("%s %d %v %v", id, receivers, err, errors.Is(err, ErrBroadcast)))
		}))
	}
	expect := func(call string) {
		t.Helper()
		if err := write("c"); err != nil {
			t.Fatal(err)
		}
		if got := s.calls[len(s.calls)-1]; got != call {
			t.Errorf("sent %q, want %q", got, call)
		}
	}
	expect("7 history:{c} [10 3600000 payload] life 1 m")
	expect("7 history:{c} [10 0 payload] life 2 m") // the time to live is set
	s.refuse = upstream.ErrBusy
	if err := write("c"); !errors.Is(err, upstream.ErrBusy) {
		t.Errorf("got %v", err)
	}
	s.refuse = nil
	expect("7 history:{c} [10 3600000 payload] life 3 m") // it may not be
	for i, v := range []resp.Value{
		{Type: '$', Str: []byte("5-0 3")},
		{Type: '$', Str: []byte("6-0 NOPERM no")},
		{Type: '-', Str: []byte("WRONGTYPE not a stream")},
	} {
		s.answers[i].Answer(v, nil)
	}
	s.answers[0].Answer(resp.Value{}, upstream.ErrUnknown)
	want := []string{
		"5-0 3 <nil> false", "6-0 0 NOPERM no (persisted as 6-0, but not broadcast) true",
		" 0 WRONGTYPE not a stream false", " 0 " + upstream.ErrUnknown.Error() + " false",
	}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", told, want)
	}
	expect("7 history:{c} [10 3600000 payload] life 4 m")
}

var _ Publisher = (*upstream.Connection)(nil)

type receipt func(id string, receivers int64, err error)

func (r receipt) Persisted(id string, receivers int64, err error) { r(id, receivers, err) }
