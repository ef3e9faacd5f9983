package wire

// The wire where the relay is not like the redis-server of wire_test.go: on
// purpose, because a newer one behaves so, or because the answer is the relay's.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestRepliesOfTheRelaysOwn(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil)
	for _, tt := range []struct {
		name  string
		steps [][2]string // a command and the reply's readable form
	}{
		{"any credentials are accepted", [][2]string{
			{"AUTH secret", "+OK"},
			{"AUTH user secret", "+OK"},
			{"HELLO 2 AUTH user secret SETNAME x", ""},
			{"CLIENT GETNAME", "x"},
			{"AUTH a b c", "-ERR syntax error"},
		}},
		{"any database is accepted", [][2]string{
			{"SELECT 16", "+OK"},
			{"SELECT 2147483647", "+OK"},
			{"SELECT -1", "-ERR DB index is out of range"},
		}},
		{"CLIENT SETINFO", [][2]string{
			{"CLIENT SETINFO LIB-NAME go-redis(,go1.26.8)", "+OK"},
			{"CLIENT SETINFO lib-ver 9.23.0", "+OK"},
			{`CLIENT SETINFO LIB-NAME ""`, "+OK"},
			{"CLIENT SETINFO lib-name a\nb", "-ERR lib-name cannot contain spaces, newlines or special characters."},
			{"CLIENT SETINFO LIB-VER é", "-ERR lib-ver cannot contain spaces, newlines or special characters."},
			{"CLIENT SETINFO lib-color x", "-ERR Unrecognized option 'lib-color'"},
			{"CLIENT SETINFO lib-name", "-ERR wrong number of arguments for 'client|setinfo' command"},
		}},
		{"CLIENT NO-TOUCH", [][2]string{
			{"CLIENT NO-TOUCH on", "+OK"},
			{"CLIENT NO-TOUCH maybe", "-ERR syntax error"},
		}},
		{"no blanket OK to CLIENT", [][2]string{
			{"CLIENT TRACKING ON", "-ERR unknown subcommand 'TRACKING'. Try CLIENT HELP."},
			{"CLIENT CACHING YES", "-ERR unknown subcommand 'CACHING'. Try CLIENT HELP."},
			{"CLIENT MAINT_NOTIFICATIONS ON", "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."},
		}},
		{"other commands are named as not served", [][2]string{
			{"GET k", "-ERR unknown command 'GET', with args beginning with: 'k' " +
				"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)"},
			{"MULTI", "-ERR unknown command 'MULTI', with args beginning with: " +
				"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)"},
			{"GET / HTTP/1.1", "-ERR unknown command 'GET', with args beginning with: '/' 'HTTP/1.1' " +
				"(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)"},
		}},
		{"a RESP2 subscriber may not send what the relay does not know", [][2]string{
			{"SUBSCRIBE c", "[subscribe c 1]"},
			{"NONSENSE x", "-ERR Can't execute 'nonsense': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / " +
				"PING / QUIT / RESET are allowed in this context"},
			{"XADD c * f v", "-ERR Can't execute 'xadd': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / " +
				"PING / QUIT / RESET are allowed in this context"},
			{"UNSUBSCRIBE c", "[unsubscribe c 0]"},
		}},
		{"introspection of the commands served", [][2]string{
			{"COMMAND INFO publish nonsense", "[[publish 3 [+loading +stale +pubsub] 0 0 0] (nil)]"},
			{"COMMAND DOCS ECHO", `[echo [summary "Returns the given string." since 1.0.0 group connection]]`},
			{"HELLO 3", ""},
			{"COMMAND DOCS ECHO", `%[echo %[summary "Returns the given string." since 1.0.0 group connection]]`},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.Dial()
			for _, step := range tt.steps {
				c.Send(harness.Words(step[0])...)
				if got := c.Receive().String(); got != step[1] && step[1] != "" {
					t.Errorf("%s: got %s, want %s", step[0], got, step[1])
				}
			}
		})
	}
}

func TestInfoSaysWhatLibrariesLookFor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	server := redis.MustDo("INFO", "server").Str
	version, bits := field(t, server, "redis_version"), field(t, server, "arch_bits")
	c := r.Dial()
	for _, ask := range [][]string{{"INFO"}, {"info", "ALL"}, {"INFO", "everything"}, {"INFO", "server", "persistence"}} {
		text := c.Do(ask...).Str
		if got := field(t, text, "redis_version"); got != version {
			t.Errorf("%q: redis_version is %s, want Redis's own %s", ask, got, version)
		}
		if got := field(t, text, "arch_bits"); got != bits {
			t.Errorf("%q: arch_bits is %s, want %s", ask, got, bits)
		}
		if got := field(t, text, "loading"); got != "0" {
			t.Errorf("%q: loading is %s, want 0", ask, got)
		}
	}
	if got := c.Do("INFO", "nonsense"); got.Type != '$' || got.Str != "" {
		t.Errorf("INFO nonsense: got %s, want an empty string", got)
	}
	if hello := c.Hello3(); !strings.Contains(hello.String(), "version "+version) {
		t.Errorf("HELLO says %s, want version %s", hello, version)
	}
	if got := c.Do("INFO", "replication"); got.Type != '=' || !strings.HasPrefix(got.Str, "txt:# Replication\r\nrole:master") {
		t.Errorf("INFO in RESP3: got %s, want a verbatim string", got)
	}
}

// field is the value of a line "name:value".
func field(t *testing.T, info, name string) string {
	t.Helper()
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %s in %q", name, info)
	return ""
}

func TestCommandTableIsConsistent(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, nil).Dial()
	count := c.Do("COMMAND", "COUNT").Int
	for _, ask := range [][]string{{"COMMAND"}, {"COMMAND", "INFO"}, {"COMMAND", "LIST"}} {
		if got := len(c.Do(ask...).Elems); int64(got) != count {
			t.Errorf("%q has %d entries, COMMAND COUNT says %d", ask, got, count)
		}
	}
	if got := len(c.Do("COMMAND", "DOCS").Elems); int64(got) != 2*count {
		t.Errorf("COMMAND DOCS has %d keys and values, want %d", got, 2*count)
	}
	for _, name := range c.Do("COMMAND", "LIST").Elems {
		if v := c.Do("COMMAND", "INFO", name.Str); v.Elems[0].Elems[0].Str != name.Str {
			t.Errorf("COMMAND INFO %s: got %s", name.Str, v)
		}
	}
}

func TestUnsubscribeFromManyCountsDown(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	c := r.Dial()
	want := map[string]bool{}
	for i := range 100 {
		name := fmt.Sprint("c", i)
		want[name] = true
		c.Send("SUBSCRIBE", name)
		c.Expect(t, fmt.Sprintf("[subscribe %s %d]", name, i+1))
	}
	c.Send("UNSUBSCRIBE")
	got := map[string]bool{}
	for left := int64(99); left >= 0; left-- {
		v := c.Receive()
		if v.Elems[0].Str != "unsubscribe" || v.Elems[2].Int != left {
			t.Fatalf("got %s, want a count of %d", v, left)
		}
		got[v.Elems[1].Str] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("confirmed %v", slices.Sorted(maps.Keys(got)))
	}
	c.Send("PING")
	c.Expect(t, "+PONG")
}

// As in Redis from 7.2 on: the reply, then the message.
func TestOwnMessageComesAfterTheReply(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	c := r.Dial()
	c.Hello3()
	c.Send("SUBSCRIBE", "c")
	c.Expect(t, ">[subscribe c 1]")
	for i := range 1000 {
		payload := fmt.Sprint("m", i)
		c.Send("PUBLISH", "c", payload)
		c.Expect(t, ":1", ">[message c "+payload+"]")
	}
}

// The order of the replies is that of the commands, whatever comes in between.
func TestPipelinedPublishesAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	c := r.Dial()
	c.Hello3()
	c.Send("PSUBSCRIBE", "c*")
	c.Expect(t, ">[psubscribe c* 1]")
	const rounds = 500
	var pipeline []byte
	for i := range rounds {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "c"+strconv.Itoa(i%7), strconv.Itoa(i))
		pipeline = redistest.AppendCommand(pipeline, "ECHO", strconv.Itoa(i))
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "c", "") // and one that is heard too
	}
	c.SendRaw(pipeline)
	var replies, messages []string
	for len(replies) < 3*rounds || len(messages) < 2*rounds {
		if v := c.Receive(); v.Type == '>' {
			messages = append(messages, v.Elems[3].Str)
		} else {
			replies = append(replies, v.String())
		}
	}
	for i := range rounds {
		want := []string{":1", strconv.Quote(strconv.Itoa(i)), ":1"}
		if got := replies[3*i : 3*i+3]; !slices.Equal(got, want) {
			t.Fatalf("replies of round %d: got %q, want %q", i, got, want)
		}
		if got := messages[2*i]; got != strconv.Itoa(i) {
			t.Fatalf("message %d: got %q, want %d", 2*i, got, i)
		}
	}
}

// redis-server leaves these connections open, deaf for ever.
func TestSilentConnectionsAreClosedToo(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil)
	for input, want := range map[string]string{
		"QUIT\r\n": "",
		"POST\r\n": "",
		"*x\r\n":   "-ERR Protocol error: invalid multibulk length\r\n",
	} {
		if got := answer(t, r.Socket, "CLIENT REPLY OFF\r\nPING\r\n"+input); got != want {
			t.Errorf("%q: got %q, want %q", input, got, want)
		}
	}
}

func TestPubsubChannelsOfMany(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	a, b := r.Dial(), r.Dial()
	a.Send("SUBSCRIBE", "x", "y", "relay:events")
	a.Expect(t, "[subscribe x 1]", "[subscribe y 2]", "[subscribe relay:events 3]")
	a.Send("PSUBSCRIBE", "p*")
	a.Expect(t, "[psubscribe p* 4]")
	for pattern, want := range map[string][]string{"": {"x", "y"}, "*": {"x", "y"}, "y": {"y"}, "p*": nil, "relay:*": nil} {
		ask := []string{"PUBSUB", "CHANNELS"}
		if pattern != "" {
			ask = append(ask, pattern)
		}
		var got []string
		for _, v := range b.Do(ask...).Elems {
			got = append(got, v.Str)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", ask, got, want)
		}
	}
}
