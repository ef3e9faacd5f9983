package stream

// IDs of entries: their text and their order.

import (
	"math"
	"strings"
	"testing"
)

func TestParseID(t *testing.T) {
	const most = math.MaxUint64
	for text, want := range map[string]ID{
		"0":    {0, 9},
		"5":    {5, 9},
		"5-0":  {5, 0},
		"5-1":  {5, 1},
		"0-0":  {},
		"05-1": {5, 1}, // Redis takes it, too
		"18446744073709551615-18446744073709551615": {most, most},
		"18446744073709551615":                      {most, 9},
		"1795479691892-17":                          {1795479691892, 17},
	} {
		if got, err := ParseID([]byte(text), 9); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", "5-", "-5", "-5-1", "5-1-", "5-1-1", "5--1", "x", "5-x", "5.0", "+5", "5-+1", " 5", "5 ", "5-1\n", "$", "*", "5-*",
		"0x5", "5_0", "18446744073709551616", "0-18446744073709551616", "99999999999999999999", strings.Repeat("0", 21),
	} {
		if got, err := ParseID([]byte(text), 9); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, text := range []string{"0-0", "5", "5-1", "18446744073709551615-18446744073709551615", "05-1", "-", "1-2-3"} {
		f.Add([]byte(text), uint64(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, seq uint64) {
		id, err := ParseID(text, seq)
		if err != nil {
			if id != (ID{}) {
				t.Errorf("%q: %v beside an error", text, id)
			}
			return
		}
		again, err := ParseID([]byte(id.String()), 0)
		if err != nil || again != id {
			t.Errorf("%q: %v is written %s and read %v, %v", text, id, id, again, err)
		}
	})
}

func TestOrderOfIDs(t *testing.T) {
	const most = math.MaxUint64
	list := []ID{{}, {0, 1}, {0, most}, {1, 0}, {1, 1}, {1, most}, {2, 0}, {most, 0}, {most, most}}
	for i, a := range list {
		for j, b := range list {
			if got := a.After(b); got != (i > j) {
				t.Errorf("%v after %v: %v", a, b, got)
			}
			if got := a.Compare(b); got != -b.Compare(a) || (got == 0) != (i == j) {
				t.Errorf("%v compared with %v: %d", a, b, got)
			}
		}
		if a.IsZero() != (i == 0) {
			t.Errorf("%v is zero: %v", a, a.IsZero())
		}
		if want := i > 0 && a.Seq != most; a.IsEntry() != want || Before(a.Ms).IsEntry() {
			t.Errorf("%v is an entry: %v, and what is before its time: %v", a, a.IsEntry(), Before(a.Ms).IsEntry())
		}
	}
}

func TestPreviousID(t *testing.T) {
	const most = math.MaxUint64
	for id, want := range map[ID]ID{
		{5, 1}:       {5, 0},
		{5, 0}:       {4, most},
		{1, 0}:       {0, most},
		{0, 1}:       {0, 0},
		{0, 0}:       {0, 0}, // there is none
		{most, most}: {most, most - 1},
	} {
		if got := id.Previous(); got != want {
			t.Errorf("before %v: %v, want %v", id, got, want)
		}
	}
	if got := Before(7); got != (ID{6, most}) {
		t.Errorf("before millisecond 7: %v", got)
	}
}
