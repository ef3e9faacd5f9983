package process

// What a process writes.

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// Output is what a running process has written so far. The zero Output is empty. It is safe for concurrent use.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write adds to the output. The error is always nil.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns all that has been written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Contains tells whether a text has been written.
func (o *Output) Contains(text string) bool { return strings.Contains(o.String(), text) }

// Shows waits until a text has been written.
func (o *Output) Shows(t testing.TB, within time.Duration, text string) {
	t.Helper()
	redistest.Eventually(t, within, fmt.Sprintf("the output shows %q", text), func() bool { return o.Contains(text) })
}
