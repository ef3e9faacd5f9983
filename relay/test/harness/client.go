package harness

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// What raw clients say and expect.

// Expect is Client.Expect for goroutines other than the test's own.
func Expect(c *redistest.Client, want ...string) error {
	for _, w := range want {
		v, err := c.TryReceive()
		if err != nil {
			return err
		}
		if v.String() != w {
			return fmt.Errorf("got %s, want %s", v, w)
		}
	}
	return nil
}

// Exchange sends a command and expects its replies.
func Exchange(c *redistest.Client, command []string, want ...string) error {
	if err := c.TrySend(command...); err != nil {
		return err
	}
	return Expect(c, want...)
}

// PublishReplies publishes and compares the reply's beginning.
func PublishReplies(t *testing.T, c *redistest.Client, channel, payload, want string) {
	t.Helper()
	c.Send("PUBLISH", channel, payload)
	if got := c.Receive().String(); !strings.HasPrefix(got, want) {
		t.Errorf("PUBLISH %s of %d bytes: got %s, want %s", channel, len(payload), got, want)
	}
}

// Words splits at single spaces; "" is an empty word.
func Words(line string) []string {
	list := strings.Split(line, " ")
	for i, w := range list {
		if w == `""` {
			list[i] = ""
		}
	}
	return list
}
