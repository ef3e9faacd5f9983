package sampling_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

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

// told returns what lines say that the Sampler wrote by itself: how many lines were left out, and about what.
func told(logged *observer.ObservedLogs) (left uint64, about []string) {
	for _, line := range logged.TakeAll() {
		for _, f := range line.Context {
			switch f.Key {
			case "not_logged":
				left += uint64(f.Integer)
			case "about":
				for _, name := range line.ContextMap()["about"].([]any) {
					about = append(about, name.(string))
				}
			}
		}
	}
	return left, about
}

// TestTheRestIsTold soon, when no more lines come that could tell.
func TestTheRestIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		var s sampling.Sampler
		s.TellRest(zap.New(core), "message refused")
		for range 10 {
			s.Allow("a")
			s.Allow("b")
		}
		s.Allow("quiet")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if lines := logged.Len(); lines != 1 {
			t.Errorf("%d lines about all that was left out, want 1", lines)
		}
		if left, about := told(logged); left != 14 || !slices.Equal(about, []string{"a (7)", "b (7)"}) {
			t.Errorf("%d lines left out, about %q", left, about)
		}
		if fields, ok := s.Allow("a"); !ok || len(fields) > 0 {
			t.Errorf("the next line: %v, %q, though all was told", ok, said(fields))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if logged.Len() > 0 {
			t.Errorf("told again: %v", logged.All())
		}
	})
}

// TestAFloodTellsItself: its lines have the number, and after it the rest is told.
func TestAFloodTellsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		var s sampling.Sampler
		s.TellRest(zap.New(core), "message refused")
		lines, left := 0, 0
		const seconds, each = 10, 100
		for range seconds * each {
			if fields, ok := s.Allow("noisy"); ok {
				lines++
				for _, f := range fields {
					left += int(f.Integer)
				}
			}
			time.Sleep(time.Second / each)
		}
		if logged.Len() > 0 {
			t.Errorf("told beside the lines: %v", logged.All())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if rest, _ := told(logged); lines+left+int(rest) != seconds*each {
			t.Errorf("%d lines, %d in them and %d afterwards, want %d", lines, left, rest, seconds*each)
		}
	})
}

// TestTheRestOfACrowdIsOneLine that names the largest.
func TestTheRestOfACrowdIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		var s sampling.Sampler
		s.TellRest(zap.New(core), "message refused")
		lines := 0
		for i := range 5000 {
			if _, ok := s.Allow("key" + strconv.Itoa(i)); ok {
				lines++
			}
		}
		for range 50 {
			s.Allow("key999")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := logged.Len(); n != 1 {
			t.Errorf("%d lines", n)
		}
		left, about := told(logged)
		if int(left)+lines != 5050 || len(about) != 10 || about[0] != "key999 (51)" {
			t.Errorf("%d lines, %d left out, about %q", lines, left, about)
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
