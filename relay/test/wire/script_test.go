package wire

// Scripts of clients that only publish: Laravel broadcasts by one.

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// broadcast is what Laravel sends.
const broadcast = "for i = 2, #ARGV do\n  redis.call('publish', ARGV[i], ARGV[1])\nend"

// TestScriptsAnswerAsRedis: what a script answers, and what listeners hear of it.
func TestScriptsAnswerAsRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis, harness.WithRoutes())
	sum := sha1.Sum([]byte(broadcast))
	sha := hex.EncodeToString(sum[:])
	lines := [][]string{
		{"EVAL", broadcast, "0", "m", "c:1", "c:2", "c:1", "nobody"},
		{"EVAL", broadcast, "0", "m"},
		{"eval", strings.ReplaceAll(broadcast, "'publish'", `"PUBLISH"`), "1", "k", "m", "c:2"},
		{"EVAL", "return redis.call('publish', KEYS[1], ARGV[1])", "1", "c:1", "m"},
		{"EVAL", "return redis.call('publish', KEYS[1], ARGV[1])", "1", "nobody", "m"},
		{"EVAL", "for _, c in ipairs(KEYS) do redis.call('publish', c, ARGV[1]) end return 1", "2", "c:1", "c:2", "m"},
		{"EVAL", "redis.call('publish', KEYS[1], ARGV[1]) return nil", "1", "c:1", ""},
		{"EVALSHA", sha, "0", "m", "c:1"},
		{"EVALSHA", strings.ToUpper(sha), "0", "m", "c:1"},
		{"SCRIPT", "EXISTS", sha, "x", strings.ToUpper(sha)},
		{"SCRIPT", "FLUSH"},
		{"EVALSHA", sha, "0", "m", "c:1"},
		{"SCRIPT", "EXISTS", sha},
		{"SCRIPT", "LOAD", broadcast},
		{"SCRIPT", "EXISTS", sha},
		{"EVALSHA", sha, "0", "m", "c:2"},
		{"SCRIPT", "FLUSH", "ASYNC"},
		{"SCRIPT", "FLUSH", "x"},
		{"SCRIPT", "FLUSH", "SYNC", "x"},
		{"EVALSHA", "x", "0"},
		{"EVAL"},
		{"EVAL", broadcast},
		{"EVAL", broadcast, "x"},
		{"EVAL", broadcast, "-1"},
		{"EVAL", broadcast, "2", "a"},
		{"EVALSHA", sha},
		{"EVALSHA", sha, "x"},
		{"SCRIPT"},
		{"SCRIPT", "LOAD"},
		{"SCRIPT", "EXISTS"},
		{"SCRIPT", "NONSENSE"},
	}
	for _, proto := range []string{"2", "3"} {
		want, got := redistest.Dial(t, "unix", redis.Socket()), r.Dial()
		wantSub, gotSub := redistest.Dial(t, "unix", redis.Socket()), r.Dial()
		for _, c := range []*redistest.Client{want, got, wantSub, gotSub} {
			c.Do("HELLO", proto)
		}
		for _, line := range lines {
			// One after the other: a message of either is for both.
			heardBy := func(c, sub *redistest.Client) (answer redistest.Value, heard []string) {
				sub.Do("SUBSCRIBE", "c:1")
				sub.Do("SUBSCRIBE", "c:2")
				answer = c.Do(line...)
				sub.Send("UNSUBSCRIBE", "c:1", "c:2")
				for {
					m := sub.Receive()
					if m.Elems[0].Str == "unsubscribe" {
						sub.Receive()
						return answer, heard
					}
					heard = append(heard, m.String())
				}
			}
			w, wHeard := heardBy(want, wantSub)
			g, gHeard := heardBy(got, gotSub)
			if !reflect.DeepEqual(w, g) || !reflect.DeepEqual(wHeard, gHeard) {
				t.Errorf("RESP%s %q:\nRedis %c %s, heard %q\nrelay %c %s, heard %q", proto, line, w.Type, w, wHeard, g.Type, g, gHeard)
			}
		}
	}
}

// TestScriptsArePublishes: each message is checked, kept and counted as that of a PUBLISH,
// in the order of the connection.
func TestScriptsArePublishes(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		shut := config.NewRoute("shut:")
		shut.Publish = false
		chat := config.NewRoute("chat:")
		chat.Schema = "chat.json"
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000), shut, chat), func(c *config.Config) { c.Limits.PublishWindow = 3 })
		c, sub := r.Dial(), r.Subscribe("d:1", "plain", "chat:1")
		const denied = `-DENIED shut:1: route "shut:" says publish: false`
		for _, tt := range []struct {
			line  []string
			want  string
			heard string
		}{
			{[]string{"EVAL", broadcast, "0", "m", "d:1", "plain"}, "(nil)", "d:1 plain"},
			{[]string{"EVAL", broadcast, "0", "m", "d:1", "shut:1", "plain"}, denied, "d:1"},
			{[]string{"EVAL", strings.ReplaceAll(broadcast, ".call", ".pcall"), "0", "m", "d:1", "shut:1", "plain"}, "(nil)", "d:1 plain"},
			{[]string{"EVAL", broadcast, "0", "m", "plain", "chat:1"}, "-INVALID chat:1 ", "plain"},
			{[]string{"EVAL", broadcast, "0", "m", "relay:events"}, "-DENIED relay:events: ", ""},
			{[]string{"EVAL", broadcast, "0", `{"type":"typing","userId":"ann","roomId":"1"}`, "chat:1"}, "(nil)", "chat:1"},
			{[]string{"EVAL", broadcast, "0", "m", "plain", "plain", "plain", "plain", "plain", "d:1"}, "(nil)", "plain plain plain plain plain d:1"},
			{[]string{"EVAL", "return redis.call('get', KEYS[1])", "1", "k"}, "-ERR the relay runs no Lua", ""},
			{[]string{"SCRIPT", "LOAD", "return 1"}, "-ERR the relay runs no Lua", ""},
		} {
			c.Send(tt.line...)
			c.Send("PING") // behind it, and not answered before it
			if got := c.Receive().String(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%q: got %s, want %s", tt.line, got, tt.want)
			}
			c.Expect(t, "+PONG")
			for channel := range strings.FieldsSeq(tt.heard) {
				if m := sub.Receive(); m.Elems[1].Str != channel {
					t.Errorf("%q: heard %s, want %s", tt.line, m, channel)
				}
			}
		}
		if got := c.Do("XLEN", "d:1").Int; got != 4 {
			t.Errorf("%d messages are kept, want 4", got)
		}
		if n := r.Metric(`messages_published_total{route="d:"}`); n != 4 {
			t.Errorf("%v messages are counted, want 4", n)
		}
		var pipeline []byte
		const many = 200
		for i := range many {
			pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "plain", fmt.Sprint("p", i))
			pipeline = redistest.AppendCommand(pipeline, "EVAL", broadcast, "0", fmt.Sprint("s", i), "plain")
		}
		c.SendRaw(pipeline)
		for i := range many {
			c.Expect(t, ":1", "(nil)")
			sub.Expect(t, fmt.Sprintf("[message plain p%d]", i), fmt.Sprintf("[message plain s%d]", i))
		}
	})
}
