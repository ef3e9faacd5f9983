// What the tests of the test support share: a testing.TB that records instead of
// failing.

package redistest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// fake is a testing.TB that keeps what it is told. Only the methods below may be
// called on it.
type fake struct {
	testing.TB

	mu       sync.Mutex // guards what follows
	failed   bool
	said     strings.Builder
	cleanups []func()
}

func (f *fake) Helper() {}

func (f *fake) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *fake) Logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(&f.said, format+"\n", args...)
}

func (f *fake) Errorf(format string, args ...any) {
	f.Logf(format, args...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = true
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fake) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

func (f *fake) Cleanup(c func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleanups = append(f.cleanups, c)
}

// outcome runs body as a test would, cleanups included, and returns whether it
// failed and what it said.
func outcome(body func(testing.TB)) (failed bool, said string) {
	f := new(fake)
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(f)
	}()
	<-done
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		last()
	}
	return f.failed, f.said.String()
}

// wantFailure checks that body fails and says each of words.
func wantFailure(t *testing.T, body func(testing.TB), words ...string) {
	t.Helper()
	failed, said := outcome(body)
	if !failed {
		t.Error("did not fail")
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("failed without saying %q:\n%s", w, said)
		}
	}
}
