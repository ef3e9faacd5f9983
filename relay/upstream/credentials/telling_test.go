package credentials

import (
	"errors"
	"testing"
	"time"
)

// A success while a failure is being told is told after it: else the alert would stand for ever.
func TestTellingInOrder(t *testing.T) {
	t.Parallel()
	_, k := newVault(t)
	l := Login{Number: 1, Password: "p"}
	works := make(chan struct{})
	k.Follow(Follower{
		Failed: func(State) {
			k.adopt(l)
			go k.Taken(l)
			select {
			case <-works:
				t.Error("the success was told before the failure")
			case <-time.After(100 * time.Millisecond):
			}
		},
		Works: func(State) { close(works) },
	})
	k.fail(errors.New("no luck"))
	<-works
}
