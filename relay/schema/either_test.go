package schema

import (
	"errors"
	"strings"
	"testing"
)

// TestEither has a schema, an older one, and one that is left to examinations.
func TestEither(t *testing.T) {
	const two, one = `{"required":["b"],"properties":{"a":{"type":"integer"}}}`, `{"properties":{"a":{"type":"string"}}}`
	v2, v1, slow := loadText(t, two), loadText(t, one), loadText(t, notCompiled)
	for _, tt := range []struct {
		schemas []*Checker
		text    string
		decided bool // by the scan
		match   int  // -1: none
		words   string
	}{
		{[]*Checker{v2, v1}, `{"type":"k","a":1,"b":2}`, true, 0, ""},
		{[]*Checker{v2, v1}, `{"type":"k","a":"x","b":2}`, true, 1, ""},
		{[]*Checker{v2, v1}, `{"type":"k","a":"x"}`, true, 1, ""},
		{[]*Checker{v2, v1}, `{"type":"k","b":1,"a":null}`, false, -1, "/a: expected integer, but got null"},
		{[]*Checker{v1, v2}, `{"type":"k","b":1,"a":null}`, false, -1, "/a: expected string, but got null"},
		{[]*Checker{slow, v1}, `{"type":"k","a":"x"}`, false, 0, ""}, // both accept it: the first is asked first
		{[]*Checker{v1, slow}, `{"type":"k","a":"x"}`, true, 0, ""},
		{[]*Checker{v2, slow}, `{"type":"k"}`, false, 1, ""},
	} {
		matches := []int{}
		e := NewEither(tt.schemas, func(i int) { matches = append(matches, i) })
		kind, _, decided, err := e.Scan([]byte(tt.text))
		if string(kind) != "k" || decided != tt.decided || err != nil {
			t.Errorf("%s: kind %q, decided %v, %v", tt.text, kind, decided, err)
		}
		if !decided {
			briefly, said := e.Brief([]byte(tt.text))
			if at := len(matches); briefly && said == nil {
				matches = matches[:at-1] // Validate is asked, too, and says the same
			}
			err = e.Validate([]byte(tt.text), nil)
			if !briefly || (said == nil) != (err == nil) {
				t.Errorf("%s: Brief says %v %v, Validate %v", tt.text, briefly, said, err)
			}
		}
		if (err == nil) != (tt.words == "") || err != nil && err.Error() != tt.words {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.words)
		}
		if (tt.match < 0) != (len(matches) == 0) || len(matches) > 0 && (len(matches) > 1 || matches[0] != tt.match) {
			t.Errorf("%s: matches %v, want %d", tt.text, matches, tt.match)
		}
	}
}

func TestEitherRefusesWhatTheGuardDoes(t *testing.T) {
	e := NewEither([]*Checker{loadText(t, `true`), loadText(t, `{}`)}, nil)
	if _, _, decided, err := e.Scan([]byte(`{"a":1,"a":2}`)); !decided || err == nil {
		t.Errorf("%v, %v", decided, err)
	}
}

func TestEitherStops(t *testing.T) {
	e := NewEither([]*Checker{loadText(t, notCompiled), loadText(t, notCompiled)}, nil)
	text := []byte("[" + strings.Repeat("[],", 100_000) + "1]")
	if err := e.Validate(text, func() bool { return true }); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}
