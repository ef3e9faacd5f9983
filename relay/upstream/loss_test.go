package upstream

// What becomes of commands whose connection is lost, at any byte.

import (
	"errors"
	"io"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

// TestLossAtEveryByte of the replies: what Redis has answered in whole is answered, the rest is unknown.
func TestLossAtEveryByte(t *testing.T) {
	t.Parallel()
	replies := []string{":1\r\n", ":1\r\n", "$4\r\necho\r\n", "*1\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n", "+PONG\r\n", ":1\r\n"}
	whole := strings.Join(replies, "")
	opts := testOptions("")
	c := looped(t, opts)
	for cut := range len(whole) + 1 {
		peer, ended := c.attach(t)
		var got []string
		note := func(v resp.Value, err error) {
			switch {
			case err == nil:
				got = append(got, "ok")
			case errors.Is(err, ErrUnknown):
				got = append(got, "unknown")
			default:
				got = append(got, err.Error())
			}
		}
		c.do(func() {
			for _, text := range []string{"1", "2"} {
				_ = c.Publish(1, false, []byte("a"), []byte(text), AnswerFunc(note))
			}
			_ = c.Send(1, AnswerFunc(note), []byte("ECHO"), []byte("echo"))
			_ = c.Call(1, echoed, AnswerFunc(note), Call{Key: []byte("k"), Item: []byte("x")})
			_ = c.Call(1, echoed, AnswerFunc(note), Call{Key: []byte("k"), Item: []byte("y")})
			c.Fence(func(lost bool) {
				if lost {
					note(resp.Value{}, ErrUnknown)
				} else {
					note(resp.Value{}, nil)
				}
			})
			_ = c.Publish(1, false, []byte("a"), []byte("3"), AnswerFunc(note))
		})
		bring := "" // the source is brought to each further connection
		if c.ConnectionsMade() > 1 {
			bring = "*0\r\n"
		}
		if _, err := io.WriteString(peer, bring+whole[:cut]); err != nil {
			t.Fatal(err)
		}
		_ = peer.Close()
		if err := <-ended; err == nil {
			t.Error("ended without a cause")
		}
		c.do(func() { checkCut(t, cut, got, replies) })
	}
}

// checkCut compares what was answered with what came of replies.
func checkCut(t *testing.T, cut int, got, replies []string) {
	t.Helper()
	var want []string
	for _, r := range replies {
		cut -= len(r)
		word := "ok"
		if cut < 0 {
			word = "unknown"
		}
		if want = append(want, word); strings.HasPrefix(r, "*") {
			want = append(want, word)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}
