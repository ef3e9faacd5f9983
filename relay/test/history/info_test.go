package history

// XINFO, XREAD from "+" and XADD with options: as Redis has them.

import (
	"reflect"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestXInfoAnswersAsRedis says of a channel's stream what Redis says of the stream, in
// whichever version, type for type. The relay's own words are those of the reference.
func TestXInfoAnswersAsRedis(t *testing.T) {
	t.Run("this version", func(t *testing.T) { compareXInfo(t, redistest.Start(t), nil) })
	t.Run("reference", func(t *testing.T) {
		compareXInfo(t, redistest.Start(t, redistest.Reference()), []string{
			"XINFO HELP", "XINFO STREAM", "XINFO GROUPS", "XINFO CONSUMERS d:4", "XINFO NONSENSE d:1", "XINFO HELP x",
			"XINFO STREAM d:1 FULL x", "XINFO STREAM d:1 FULL COUNT x",
		})
	})
}

// compareXInfo plays commands, and lines, on Redis and on the relay.
func compareXInfo(t *testing.T, redis *redistest.Server, lines []string) {
	t.Helper()
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	for i, line := range []string{
		"XADD history:{d:1} 5-1 payload one", "XADD history:{d:1} 5-2 payload two a b", "XADD history:{d:1} 6-0 payload three",
		"XDEL history:{d:1} 5-2", "XADD history:{d:empty} 1-1 payload m", "XDEL history:{d:empty} 1-1", "SET history:{d:3} x",
		"XADD history:{d:4} 1-1 payload m", "XGROUP CREATE history:{d:4} g 0", "XGROUP CREATE history:{d:4} other $",
		"XREADGROUP GROUP g someone STREAMS history:{d:4} >", "XGROUP CREATECONSUMER history:{d:4} g nobody",
	} {
		if v, err := redis.Do(strings.Fields(line)...); err != nil {
			t.Fatalf("%d: %s: %v %v", i, line, v, err)
		}
	}
	lines = append(lines,
		"XINFO STREAM d:1", "xinfo stream d:1", "XINFO STREAM d:1 FULL", "XINFO STREAM d:1 FULL COUNT 1", "XINFO STREAM d:1 full count 0",
		"XINFO STREAM d:empty", "XINFO STREAM d:empty FULL", "XINFO STREAM d:none", "XINFO STREAM d:3", "XINFO STREAM d:3 FULL",
		"XINFO STREAM d:4", "XINFO STREAM d:4 FULL", "XINFO GROUPS d:1", "XINFO GROUPS d:4", "XINFO GROUPS d:none",
		"XINFO CONSUMERS d:4 none", "XINFO CONSUMERS d:none g", "XINFO",
	)
	for _, proto := range []string{"2", "3"} {
		want, got := redistest.Dial(t, "unix", redis.Socket()), r.Dial()
		want.Do("HELLO", proto)
		got.Do("HELLO", proto)
		for _, line := range lines {
			args := strings.Fields(line)
			g := got.Do(args...)
			if len(args) > 2 && strings.HasPrefix(args[2], "d:") {
				args[2] = "history:{" + args[2] + "}"
			}
			w := want.Do(args...)
			if len(args) > 2 {
				w.Str = strings.ReplaceAll(w.Str, args[2], strings.TrimSuffix(strings.TrimPrefix(args[2], "history:{"), "}"))
			}
			if !reflect.DeepEqual(w, g) {
				t.Errorf("RESP%s %s:\nRedis %c %s\nrelay %c %s", proto, line, w.Type, w, g.Type, g)
			}
		}
		w, g := want.Do("XINFO", "CONSUMERS", "history:{d:4}", "g"), got.Do("XINFO", "CONSUMERS", "d:4", "g")
		if shapeOf(w) != shapeOf(g) || !strings.Contains(g.String(), "someone") { // idle times go on
			t.Errorf("RESP%s XINFO CONSUMERS:\nRedis %s\nrelay %s", proto, w, g)
		}
	}
	for _, line := range []string{"XINFO STREAM other:1", "XINFO GROUPS other:1", "XINFO STREAM relay:events"} {
		if got := r.Dial().Do(strings.Fields(line)...).String(); !strings.HasPrefix(got, "-DENIED ") {
			t.Errorf("%s: %s, want DENIED", line, got)
		}
	}
}

// shapeOf writes a value with 0 for each number.
func shapeOf(v redistest.Value) string {
	if len(v.Elems) == 0 {
		v.Int = 0
		return string(v.Type) + v.String()
	}
	parts := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		parts[i] = shapeOf(e)
	}
	return string(v.Type) + strings.Join(parts, " ")
}

// TestXReadFromLast is what Redis has known since 7.4, of whichever Redis.
func TestXReadFromLast(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
		plain, c, pub := dialRedis(r, redis), r.Dial(), r.Dial()
		for _, line := range []string{
			"XADD history:{d:1} 5-1 payload one", "XADD history:{d:1} 6-0 payload two", "XADD history:{d:2} 7-3 payload other",
			"XADD history:{d:gone} 7-1 payload first", "XADD history:{d:gone} 7-2 payload m", "XDEL history:{d:gone} 7-2",
			"XADD history:{d:all} 7-2 payload m", "XDEL history:{d:all} 7-2",
		} {
			if v := plain.Do(strings.Fields(line)...); v.Err() != nil {
				t.Fatalf("%s: %s", line, v)
			}
		}
		for _, tt := range []struct{ line, want string }{
			{"XREAD STREAMS d:1 +", "[[d:1 [[6-0 [payload two]]]]]"},
			{"XREAD COUNT 5 STREAMS d:1 +", "[[d:1 [[6-0 [payload two]]]]]"},
			{"XREAD BLOCK 0 STREAMS d:1 +", "[[d:1 [[6-0 [payload two]]]]]"},
			{"XREAD STREAMS d:2 d:1 + 5-1", "[[d:2 [[7-3 [payload other]]]] [d:1 [[6-0 [payload two]]]]]"},
			{"XREAD STREAMS d:1 d:2 + $", "[[d:1 [[6-0 [payload two]]]]]"},
			{"XREAD BLOCK 0 STREAMS d:none d:2 + +", "[[d:2 [[7-3 [payload other]]]]]"},
			{"XREAD STREAMS d:gone +", "[[d:gone [[7-1 [payload first]]]]]"},
			{"XREAD STREAMS d:none +", "(nil)"},
			{"XREAD STREAMS d:all +", "(nil)"},
			{"XREAD BLOCK 10 STREAMS d:none +", "(nil)"},
		} {
			if got := c.Do(strings.Fields(tt.line)...).String(); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
			}
		}
		c.Send("XREAD", "BLOCK", "0", "STREAMS", "d:none", "d:all", "+", "+")
		waiting(r, 1)
		id := pub.Do("XADD", "d:none", "*", "payload", "new").Str
		c.Expect(t, "[[d:none [["+id+" [payload new]]]]]")
	})
}

// TestXAddOptions are read as Redis reads them, and leave it to the route how much is
// kept.
func TestXAddOptions(t *testing.T) {
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	c, plain := r.Dial(), redistest.Dial(t, "unix", redis.Socket())
	c.Do("XADD", "d:1", "*", "payload", "one")
	plain.Do("XADD", "k", "*", "payload", "one")
	redis.MustDo("SET", "history:{d:3}", "x")
	added := int64(1)
	for _, options := range []string{
		"MAXLEN 0", "MAXLEN ~ 0", "MAXLEN = 0", "maxlen ~ 5 limit 100", "MINID 9999999999999-0", "MINID ~ 9999999999999 LIMIT 0",
		"NOMKSTREAM", "NOMKSTREAM MAXLEN ~ 3", "MAXLEN 3 NOMKSTREAM", "nomkstream nomkstream",
	} {
		if v := c.Do(harness.Words("XADD d:1 " + options + " * payload more")...); v.Type != '$' || v.Null {
			t.Errorf("%s: %s", options, v)
		}
		if added++; c.Do("XLEN", "d:1").Int != added {
			t.Errorf("%s: %s entries are kept, want %d", options, c.Do("XLEN", "d:1"), added)
		}
	}
	for _, rest := range []string{
		"LIMIT 5 * a b", "MAXLEN 5 LIMIT 3 * a b", "MAXLEN = 5 LIMIT 3 * a b", "MAXLEN ~ 5 LIMIT -1 * a b", "MAXLEN ~ 5 LIMIT x * a b",
		"MAXLEN -1 * a b", "MAXLEN x * a b", "MAXLEN ~ x * a b", "MAXLEN 1 MINID 0 * a b", "MAXLEN 1 MAXLEN 1 * a b", "MINID x * a b",
		"MINID ~ 5-x * a b", "MAXLEN ~ * a b", "MAXLEN * a b", "MAXLEN 5 * a", "NOMKSTREAM * a", "MAXLEN 5", "NOMKSTREAM a", "MAXLEN 5 6 7",
		"* a b c", "MAXLEN 5 * a b c",
	} {
		w, g := plain.Do(harness.Words("XADD k "+rest)...), c.Do(harness.Words("XADD d:1 "+rest)...)
		if w.Type != '-' || !reflect.DeepEqual(w, g) {
			t.Errorf("XADD k %s:\nRedis %s\nrelay %s", rest, w, g)
		}
	}
	for _, proto := range []string{"2", "3"} {
		c.Do("HELLO", proto)
		plain.Do("HELLO", proto)
		w, g := plain.Do("XADD", "none", "NOMKSTREAM", "*", "a", "b"), c.Do("XADD", "d:none", "NOMKSTREAM", "*", "a", "b")
		if !reflect.DeepEqual(w, g) || redis.MustDo("EXISTS", "history:{d:none}").Int != 0 {
			t.Errorf("NOMKSTREAM without a stream: Redis %c%s, relay %c%s", w.Type, w, g.Type, g)
		}
	}
	for rest, want := range map[string]string{
		"5-5 a b":              `-ERR d:1: XADD takes "*" for the ID: Redis gives the IDs`,
		"MAXLEN 5 5-* a b":     `-ERR d:1: XADD takes "*" for the ID: Redis gives the IDs`,
		"MAXLEN ~ 9 * a b c d": "-ERR d:1: XADD takes one field, whose value is the message, and traceparent beside it",
	} {
		if got := c.Do(harness.Words("XADD d:1 " + rest)...).String(); got != want {
			t.Errorf("XADD d:1 %s: got %s, want %s", rest, got, want)
		}
	}
	if got := c.Do("XADD", "d:3", "NOMKSTREAM", "*", "a", "b").String(); !strings.HasPrefix(got, "-WRONGTYPE ") {
		t.Errorf("NOMKSTREAM of something else: %s", got)
	}
	if got := c.Do("XLEN", "d:1").Int; got != added {
		t.Errorf("%d entries, want %d", got, added)
	}
}
