package sampling_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"redis-relay/relay/sampling"
)

// said is what a line says about others, as "not_logged=3".
func said(fields []zapcore.Field) string {
	var list []string
	for _, f := range fields {
		list = append(list, f.Key+"="+strconv.FormatInt(f.Integer, 10))
	}
	return strings.Join(list, " ")
}

func TestAKeyDoesNotHideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sampling.Sampler
		lines := 0
		for range 10_000 {
			if _, ok := s.Allow("noisy"); ok {
				lines++
			}
		}
		if lines != 3 {
			t.Errorf("%d lines at once about one key, want 3", lines)
		}
		if fields, ok := s.Allow("quiet"); !ok || len(fields) > 0 {
			t.Errorf("a line about another key: %v, %q", ok, said(fields))
		}
		time.Sleep(time.Second)
		if fields, ok := s.Allow("noisy"); !ok || said(fields) != "not_logged=9997" {
			t.Errorf("a second later: %v, %q", ok, said(fields))
		}
	})
}

func TestManyKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sampling.Sampler
		lines := 0
		flood := func(n int) {
			for i := range n {
				if _, ok := s.Allow("key" + strconv.Itoa(i)); ok {
					lines++
				}
			}
		}
		flood(100_000)
		if lines != 50 {
			t.Errorf("%d lines at once about all keys, want 50", lines)
		}
		lines = 0
		for range 10 {
			time.Sleep(time.Second)
			flood(1000)
		}
		if lines != 200 {
			t.Errorf("%d lines in 10 s about all keys, want 200", lines)
		}
		time.Sleep(10 * time.Second)
		flood(1) // one of those that are forgotten by now
		for range 2 {
			time.Sleep(time.Second)
			s.Allow("new")
		}
		if n := testing.AllocsPerRun(100, func() { s.Allow("new") }); n > 0 {
			t.Errorf("%v allocations for a line that is left out", n)
		}
	})
}

// What was left out is told, if not by a line about its own key, then by another.
func TestNothingIsLeftOutWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sampling.Sampler
		total, logged, told := 0, 0, 0
		allow := func(name string) {
			total++
			fields, ok := s.Allow(name)
			if !ok {
				return
			}
			logged++
			for _, f := range fields {
				told += int(f.Integer)
			}
		}
		for round := range 20 {
			for i := range 3000 {
				allow("key" + strconv.Itoa(round) + "-" + strconv.Itoa(i))
			}
			time.Sleep(6 * time.Second)
		}
		for range 100 {
			time.Sleep(6 * time.Second)
			allow("a" + strconv.Itoa(total))
			allow("")
		}
		if left := total - logged - told; left > 1000 {
			t.Errorf("%d of %d lines are neither logged nor told of", left, total)
		}
	})
}
