package respserver_test

// CLIENT LIST and CLIENT KILL.

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
)

// named connects a client under a name and returns its id.
func named(t *testing.T, s *server, name string) (*redistest.Client, string) {
	t.Helper()
	c := s.dial()
	c.Send("CLIENT", "SETNAME", name)
	c.Expect(t, "+OK")
	return c, strconv.FormatInt(c.Do("CLIENT", "ID").Int, 10)
}

// names are those of the lines of CLIENT LIST, in its order.
func names(t *testing.T, c *redistest.Client, args ...string) string {
	t.Helper()
	v := c.Do(append([]string{"CLIENT", "LIST"}, args...)...)
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile(` name=(\S*) `).FindAllStringSubmatch(v.Str, -1) {
		list = append(list, m[1])
	}
	return strings.Join(list, " ")
}

func TestClientList(t *testing.T) {
	s := serve(t)
	a, aID := named(t, s, "a")
	b, bID := named(t, s, "b")
	c, cID := named(t, s, "c")
	a.Hello3()
	a.Send("SUBSCRIBE", "x", "y")
	a.Expect(t, ">[subscribe x 1]", ">[subscribe y 2]")
	b.Send("PSUBSCRIBE", "p")
	b.Expect(t, "[psubscribe p 1]")
	for _, tt := range []struct{ args, want string }{
		{"", "a b c"},
		{"TYPE pubsub", "a b"},
		{"type NORMAL", "c"},
		{"TYPE replica", ""},
		{"ID " + bID, "b"},
		{"ID " + cID + " " + aID + " 999", "a c"},
		{"ID 999", ""},
	} {
		if got := names(t, c, strings.Fields(tt.args)...); got != tt.want {
			t.Errorf("CLIENT LIST %s: got %q, want %q", tt.args, got, tt.want)
		}
	}
	c.Send("CLIENT", "SETINFO", "lib-name", "lib")
	c.Expect(t, "+OK")
	want := fmt.Sprintf("id=%s addr=%s:0 laddr=%s:0 fd=N name=a age=N idle=N flags=PU db=0 sub=2 psub=0 ssub=0 multi=-1 "+
		"qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=514 events=r cmd=subscribe user=default "+
		"redir=-1 resp=3 lib-name= lib-ver= pid=%d uid=%d", aID, s.path, s.path, os.Getpid(), os.Getuid())
	if got := regexp.MustCompile(`(fd|age|idle)=\d+`).ReplaceAllString(line(t, c, "a"), "$1=N"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	info := c.Do("CLIENT", "INFO").Str
	for _, part := range []string{"id=" + cID + " ", " name=c ", " flags=U ", " cmd=client|info ", " resp=2 ", " lib-name=lib "} {
		if !strings.Contains(info, part) {
			t.Errorf("CLIENT INFO has no %q: %s", part, info)
		}
	}
}

func TestClientKill(t *testing.T) {
	for _, tt := range []struct {
		kill  string // by c; A, B, C stand for ids
		reply string
		left  string
	}{
		{"ID A", ":1", "b c"},
		{"ID 999", ":0", "a b c"},
		{"ID A ID B", ":2", "c"},
		{"ID C", ":0", "a b c"},
		{"ID C SKIPME no", ":1", "a b"},
		{"TYPE pubsub", ":1", "b c"},
		{"TYPE normal", ":1", "a c"},
		{"TYPE normal SKIPME NO", ":2", "a"},
		{"TYPE normal ID A", ":0", "a b c"},
		{"ADDR nowhere", ":0", "a b c"},
		{"ADDR PATH:0", ":2", "c"},
		{"LADDR PATH:0 TYPE pubsub SKIPME yes", ":1", "b c"},
		{"ADDR nowhere:1 LADDR PATH:0", ":0", "a b c"},
		{"LADDR nowhere:1 ADDR PATH:0", ":0", "a b c"},
		{"PATH:0", "+OK", ""},
		{"nowhere:0", "-ERR No such client", "a b c"},
	} {
		t.Run(tt.kill, func(t *testing.T) {
			s := serve(t)
			clients, ids := map[string]*redistest.Client{}, map[string]string{}
			for _, name := range []string{"a", "b", "c"} {
				clients[name], ids[name] = named(t, s, name)
			}
			clients["a"].Send("SUBSCRIBE", "x")
			clients["a"].Expect(t, "[subscribe x 1]")
			kill := strings.NewReplacer("A ", ids["a"]+" ", "B ", ids["b"]+" ", "C ", ids["c"]+" ", "PATH", s.path)
			args := append([]string{"CLIENT", "KILL"}, strings.Fields(kill.Replace(tt.kill+" "))...)
			clients["c"].Send(args...)
			clients["c"].Expect(t, tt.reply)
			left := strings.Fields(tt.left)
			for name, c := range clients {
				if !slices.Contains(left, name) {
					c.Closed()
				}
			}
			s.waitClients(len(left))
			if got := names(t, s.dial()); strings.TrimSpace(got) != tt.left {
				t.Errorf("left are %q, want %q", got, tt.left)
			}
		})
	}
}

// A long list is made in pieces, counts while it is made, and has an end.
func TestLongClientList(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Answer.Store(1 << 20) })
	long := strings.Repeat("x", 512)
	for range 80 {
		c := s.dial()
		for _, command := range [][]string{
			{"CLIENT", "SETNAME", long}, {"CLIENT", "SETINFO", "LIB-NAME", long}, {"CLIENT", "SETINFO", "LIB-VER", long},
		} {
			c.Send(command...)
			c.Expect(t, "+OK")
		}
	}
	for _, proto := range []string{"2", "3"} {
		c := s.dial()
		c.Do("HELLO", proto)
		text := c.Do("CLIENT", "LIST").Str
		if n := strings.Count(text, " name="+long+" "); n != 80 || len(text) < 130<<10 {
			t.Errorf("RESP%s: %d clients in %d bytes", proto, n, len(text))
		}
		c.Send("PING") // nothing is left over
		c.Expect(t, "+PONG")
		c.Send("CLIENT", "REPLY", "SKIP")
		c.Send("CLIENT", "LIST")
		c.Send("PING")
		c.Expect(t, "+PONG")
	}
	s.limits.Answer.Store(100 << 10)
	c := s.dial()
	c.Send("CLIENT", "LIST")
	c.Expect(t, "-TOOLARGE CLIENT LIST: more than 102400 bytes in one answer; ask for some, with ID")
	if n := s.limits.Used(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// A subscription counts as long as the client has it.
func TestSubscriptionsAreCounted(t *testing.T) {
	s := serve(t)
	c := s.dial()
	counted := func(want int64) {
		t.Helper()
		if got := s.limits.Kept(); got != want || s.limits.Used() != want {
			t.Errorf("%d bytes are kept, and %d used, want %d", got, s.limits.Used(), want)
		}
	}
	for _, step := range []struct {
		command string
		replies int
		kept    int64
	}{
		{"SUBSCRIBE a bb a", 3, 1 + 256 + 2 + 256},
		{"SUBSCRIBE a", 1, 1 + 256 + 2 + 256},
		{"PSUBSCRIBE a*", 1, 1 + 256 + 2 + 256 + 2*2 + 768},
		{"SSUBSCRIBE abc closed", 1, 1 + 256 + 2 + 256 + 2*2 + 768}, // refused
		{"SSUBSCRIBE abc", 1, 1 + 256 + 2 + 256 + 2*2 + 768 + 3 + 256},
		{"UNSUBSCRIBE x a x a", 4, 2 + 256 + 2*2 + 768 + 3 + 256},
		{"UNSUBSCRIBE", 1, 2*2 + 768 + 3 + 256},
		{"UNSUBSCRIBE", 1, 2*2 + 768 + 3 + 256},
		{"RESET", 1, 0},
		{"SUBSCRIBE a", 1, 1 + 256},
	} {
		c.Send(strings.Fields(step.command)...)
		for range step.replies {
			c.Receive()
		}
		counted(step.kept)
	}
	c.Close()
	s.waitClients(0)
	counted(0)
}
