package policy

// Routes that are for some users only: publishing, listening, reading, counting,
// and a reload that takes a right away.

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// stranger is the user that a test run by root can be as well.
const stranger = 54321

// dialAs connects as a user: the test's own, or, where root runs it, any other.
func dialAs(r *harness.Relay, uid int) *redistest.Client {
	r.T.Helper()
	if uid == os.Getuid() {
		return r.Dial()
	}
	type result struct {
		conn net.Conn
		err  error
	}
	dialed := make(chan result)
	go func() {
		// The user of this thread alone is changed; the thread ends with the goroutine.
		runtime.LockOSThread()
		var res result
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			res.err = fmt.Errorf("become user %d: %w", uid, errno)
		} else {
			res.conn, res.err = net.Dial("unix", r.Socket)
		}
		dialed <- res
	}()
	res := <-dialed
	if res.err != nil {
		r.T.Fatal(res.err)
	}
	return redistest.NewClient(r.T, res.conn)
}

// startForUsers runs a relay whose socket everybody can reach, with routes in a
// file: "mine:" is for the test's own user, "theirs:" for the stranger.
func startForUsers(t *testing.T, redis *redistest.Server) (r *harness.Relay, file string, me int) {
	t.Helper()
	me = os.Getuid()
	list := func(uid int) string {
		return "publish_uids: [" + strconv.Itoa(uid) + "], subscribe_uids: [" + strconv.Itoa(uid) + "]"
	}
	file = harness.WriteFile(t, t.TempDir(), "relay.yaml", `
socket: {mode: "0666"}
routes:
- {prefix: "mine:", history: {length: 10}, `+list(me)+`}
- {prefix: "theirs:", history: {length: 10}, `+list(stranger)+`}
- {prefix: "theirs:open:"}
- {prefix: "both:", history: {length: 10}, subscribe_uids: [`+strconv.Itoa(me)+`, `+strconv.Itoa(stranger)+`]}
- {prefix: "told:", publish_uids: [`+strconv.Itoa(me)+`]}
`)
	r = harness.Start(t, redis, harness.WithFile(t, file))
	if err := os.Chmod(filepath.Dir(r.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	return r, file, me
}

func TestUsersOfARoute(t *testing.T) {
	redis := redistest.Start(t)
	r, _, me := startForUsers(t, redis)
	redis.MustDo("XADD", "history:{mine:1}", "1-1", "payload", "old")
	redis.MustDo("XADD", "history:{theirs:1}", "1-1", "payload", "old")
	no := func(name, prefix, key string, uid int) string {
		return fmt.Sprintf("-DENIED %s: route %q has %s_uids, and your user (uid %d) is not among them", name, prefix, key, uid)
	}
	users := map[int][2]string{me: {"mine:", "theirs:"}} // what is for a user, and what is not
	if me == 0 {
		users[stranger] = [2]string{"theirs:", "mine:"}
	}
	for uid, route := range users {
		own, other := route[0], route[1]
		cannotListen := func(name string) string { return no(name, other, "subscribe", uid) }
		for _, tt := range []struct{ command, want string }{
			{"PUBLISH " + other + "1 m", no(other+"1", other, "publish", uid)},
			{"SPUBLISH " + other + "1 m", no(other+"1", other, "publish", uid)},
			{"XADD " + other + "1 * payload m", no(other+"1", other, "publish", uid)},
			{"SUBSCRIBE " + other + "1", cannotListen(other + "1")},
			{"SUBSCRIBE open " + other + "1", cannotListen(other + "1")},
			{"SSUBSCRIBE " + other + "1", cannotListen(other + "1")},
			{"PSUBSCRIBE " + other + "*", cannotListen(other + "*")},
			{"PSUBSCRIBE " + other[:1] + "*", cannotListen(other[:1] + "*")},
			{"PSUBSCRIBE *", cannotListen("*")},
			{"PSUBSCRIBE ?" + other[1:] + "1", cannotListen("?" + other[1:] + "1")},
			{"PSUBSCRIBE [a-z]*", cannotListen("[a-z]*")},
			{`PSUBSCRIBE \` + other + "?", cannotListen(`\` + other + "?")},
			{"XRANGE " + other + "1 - +", cannotListen(other + "1")},
			{"XREVRANGE " + other + "1 + -", cannotListen(other + "1")},
			{"XLEN " + other + "1", cannotListen(other + "1")},
			{"XREAD STREAMS " + other + "1 0", cannotListen(other + "1")},
			{"XREAD BLOCK 0 STREAMS " + own + "1 " + other + "1 $ $", cannotListen(other + "1")},
			{"PUBSUB NUMSUB " + other + "1", cannotListen(other + "1")},
			{"PUBSUB SHARDNUMSUB " + other + "1", cannotListen(other + "1")},

			{"PUBLISH " + own + "none m", ":0"},
			{"SUBSCRIBE " + own + "1", "[subscribe " + own + "1 1]"},
			{"SSUBSCRIBE " + own + "1", "[ssubscribe " + own + "1 1]"},
			{"PSUBSCRIBE " + own + "*", "[psubscribe " + own + "* 1]"},
			{"PSUBSCRIBE theirs:open:*", "[psubscribe theirs:open:* 1]"},
			{"PSUBSCRIBE both:*", "[psubscribe both:* 1]"},
			{"XRANGE " + own + "1 - +", "[[1-1 [payload old]]]"},
			{"XREAD STREAMS " + own + "1 0", "[[" + own + "1 [[1-1 [payload old]]]]]"},
			{"PUBSUB NUMSUB " + own + "1", "[" + own + "1 0]"},
		} {
			if tt.want == "[ssubscribe "+own+"1 1]" && !redis.Shards() {
				continue
			}
			c := dialAs(r, uid)
			c.Do("AUTH", "root", "secret") // whoever one says to be
			c.Send(strings.Fields(tt.command)...)
			if got := c.Receive().String(); got != tt.want {
				t.Errorf("user %d: %s:\ngot  %s\nwant %s", uid, tt.command, got, tt.want)
			}
			c.Close()
		}
	}
}

// Another user neither hears what it may not, nor learns that it exists.
func TestUsersHearOnlyTheirOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: there is one user only, whom TestUsersOfARoute has as both")
		return
	}
	redis := redistest.Start(t)
	r, _, me := startForUsers(t, redis)
	mine, theirs := dialAs(r, me), dialAs(r, stranger)
	mine.Send("SUBSCRIBE", "mine:1", "both:1")
	mine.Expect(t, "[subscribe mine:1 1]", "[subscribe both:1 2]")
	theirs.Send("SUBSCRIBE", "theirs:1", "both:1")
	theirs.Expect(t, "[subscribe theirs:1 1]", "[subscribe both:1 2]")

	pub := dialAs(r, stranger)
	pub.Send("PUBSUB", "CHANNELS")
	if got := pub.Receive().String(); strings.Contains(got, "mine:1") || !strings.Contains(got, "theirs:1") {
		t.Errorf("PUBSUB CHANNELS: got %s", got)
	}
	pub.Send("PUBLISH", "told:1", "m")
	pub.Expect(t, `-DENIED told:1: route "told:" has publish_uids, and your user (uid 54321) is not among them`)
	pub.Send("PUBLISH", "theirs:1", "secret")
	pub.Expect(t, ":1")
	theirs.Expect(t, "[message theirs:1 secret]")
	pub.Send("PUBLISH", "both:1", "m")
	pub.Expect(t, ":2")
	theirs.Expect(t, "[message both:1 m]")
	mine.Expect(t, "[message both:1 m]")
	pub.Send("SUBSCRIBE", "mine:1")
	if v := pub.Receive(); v.Type != '-' {
		t.Errorf("got %s", v)
	}
	if n := r.Metric("subscriptions_refused_total"); n != 1 {
		t.Errorf("%v refused subscriptions are counted", n)
	}
	said := r.Logs.FilterMessage("client may not listen").All()
	if len(said) != 1 || said[0].ContextMap()["uid"] != uint32(stranger) {
		t.Errorf("the log says %v", said)
	}
	if n := r.Metric(`rejects_total{code="DENIED",direction="outbound",route="told:"}`); n != 1 {
		t.Errorf("%v rejects are counted", n)
	}
}

// A reload takes the right to listen away from connections there are, also from
// those that wait.
func TestReloadTakesRightsAway(t *testing.T) {
	r, file, _ := startForUsers(t, redistest.Start(t))
	listening := map[string]*redistest.Client{
		"idle":    r.Subscribe("mine:1"),
		"pattern": r.Dial(),
		"reading": r.Dial(),
	}
	listening["pattern"].Send("PSUBSCRIBE", "mine:*")
	listening["pattern"].Expect(t, "[psubscribe mine:* 1]")
	listening["reading"].Send("XREAD", "BLOCK", "0", "STREAMS", "both:1", "mine:1", "$", "$")
	redistest.Eventually(t, redistest.DefaultTimeout, "the reader waits", func() bool {
		return r.Metric("history_readers") == 1
	})
	bystander := r.Subscribe("both:1", "theirs:open:1")

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	reload(string(text) + "- {prefix: 'new:', publish_uids: [7]}\n") // nobody who listens is concerned
	for name, c := range listening {
		if name != "reading" {
			c.Send("PING")
			c.Expect(t, `[pong ""]`)
		}
	}
	own := fmt.Sprintf(`"mine:", history: {length: 10}, publish_uids: [%d], subscribe_uids: [%[1]d]`, os.Getuid())
	if !strings.Contains(string(text), own) {
		t.Fatalf("no %s in\n%s", own, text)
	}
	reload(strings.Replace(string(text), own, `"mine:", history: {length: 10}, subscribe_uids: [`+strconv.Itoa(stranger+1)+`]`, 1))
	for name, c := range listening {
		if got := c.Closed(); len(got) > 0 {
			t.Errorf("%s: got %v before the end", name, got)
		}
	}
	if n := r.Metric(`disconnects_total{reason="denied"}`); n != 3 {
		t.Errorf("%v disconnects are counted", n)
	}
	bystander.Send("PING")
	bystander.Expect(t, `[pong ""]`)
	c := r.Dial()
	c.Send("SUBSCRIBE", "mine:1")
	if got := c.Receive().String(); !strings.HasPrefix(got, `-DENIED mine:1: route "mine:" has subscribe_uids`) {
		t.Errorf("got %s", got)
	}
}

// A user cannot disconnect others; root, as which this relay runs, can.
func TestUsersKillOnlyTheirOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: there is one user only, who may kill all of its connections")
		return
	}
	r, _, me := startForUsers(t, redistest.Start(t))
	mine, theirs := r.Subscribe("mine:1"), dialAs(r, stranger)
	theirs.Send("SUBSCRIBE", "theirs:1")
	theirs.Expect(t, "[subscribe theirs:1 1]")
	killer := dialAs(r, stranger)
	killer.Send("CLIENT", "KILL", "TYPE", "pubsub")
	killer.Expect(t, ":1")
	theirs.Closed()
	killer.Send("CLIENT", "KILL", "TYPE", "pubsub")
	killer.Expect(t, ":0")
	mine.Send("PING")
	mine.Expect(t, `[pong ""]`)
	root := dialAs(r, me)
	root.Send("CLIENT", "KILL", "TYPE", "normal")
	root.Expect(t, ":1")
	killer.Closed()
}
