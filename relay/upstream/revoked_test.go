package upstream

// Subscriptions to shard channels that a node ends of itself.

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// TestRevoked: what a node ends of itself is told, and is never taken for an answer, whatever else is under way.
func TestRevoked(t *testing.T) {
	t.Parallel()
	const gone, pong, moved = ">3\r\n$12\r\nsunsubscribe\r\n$1\r\n%s\r\n:0\r\n", "+PONG\r\n", "-MOVED 1 h:1\r\n"
	for what, c := range map[string]struct {
		answer string
		want   []string
	}{
		"as asked":         {fmt.Sprintf(gone, "x") + pong + ":7\r\n", []string{"-x", "left <nil>", "7 <nil>"}},
		"of itself before": {fmt.Sprintf(gone, "x") + moved + pong + ":7\r\n", []string{"-x", "left MOVED 1 h:1", "7 <nil>"}},
		"of itself behind": {
			fmt.Sprintf(gone, "x") + pong + fmt.Sprintf(gone, "y") + moved, []string{"-x", "left <nil>", "-y", "0 MOVED 1 h:1"},
		},
		"all at once": {
			fmt.Sprintf(gone, "y") + fmt.Sprintf(gone, "x") + moved + pong + ":7\r\n",
			[]string{"-y", "-x", "left MOVED 1 h:1", "7 <nil>"},
		},
	} {
		var got []string
		done := make(chan struct{})
		opts := testOptions("")
		opts.Revoked = func(name string) { got = append(got, "-"+name) }
		k := looped(t, opts)
		peer, ended := k.attach(t)
		k.do(func() {
			k.Unsubscribe(resp.SMessage, []string{"x"}, func(_ bool, refused error) { got = append(got, fmt.Sprint("left ", refused)) })
			_ = k.Publish(0, true, []byte("y"), nil, AnswerFunc(func(v resp.Value, err error) {
				got = append(got, fmt.Sprint(v.Int, " ", err))
				close(done)
			}))
		})
		if _, err := io.WriteString(peer, c.answer); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		case err := <-ended:
			t.Fatalf("%s: the session has ended: %v", what, err)
		case <-time.After(patience):
			t.Fatalf("%s: no answer", what)
		}
		k.do(func() {
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", what, got, c.want)
			}
		})
	}
}
