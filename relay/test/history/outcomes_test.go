package history

// What becomes of a channel with history when its stream is tampered with: each
// case has one outcome, for listeners, for readers and for the publisher.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// diaryScene is two relays on one Redis. That of the listeners is behind a proxy,
// and can be deaf while that of the publisher works on.
type diaryScene struct {
	t      *testing.T
	redis  *redistest.Server
	proxy  *redistest.Proxy
	relay  *harness.Relay
	sub    *redistest.Client // listens to d:1
	events *redistest.Client // listens to relay:events
	pub    *redistest.Client // of the other relay

	gaps     int // that were told of on relay:events
	barriers int
}

// newDiaryScene begins with one entry, "first", that came before the listener.
func newDiaryScene(t *testing.T, routes ...config.Route) *diaryScene {
	t.Helper()
	s := &diaryScene{t: t, redis: redistest.Start(t)}
	s.proxy = redistest.NewProxy(t, s.redis.Addr())
	s.relay = harness.Start(t, nil, harness.WithRedis("redis://"+s.proxy.Addr()), harness.WithRoutes(routes...))
	s.pub = harness.Start(t, s.redis, harness.WithRoutes(routes...)).Dial()
	s.add("first")
	s.sub, s.events = s.relay.Subscribe("d:1"), s.relay.Subscribe(relay.EventsChannel)
	s.settled()
	return s
}

// add persists messages on d:1 and returns their IDs.
func (s *diaryScene) add(messages ...string) (ids []string) {
	s.t.Helper()
	for _, m := range messages {
		v := s.pub.Do("XADD", "d:1", "*", "payload", m)
		if v.Type != '$' {
			s.t.Fatalf("XADD of %s: %s", m, v)
		}
		ids = append(ids, v.Str)
	}
	return ids
}

// settled waits until the relay knows where all streams stand that it follows: it
// asks in turn, and this asks for one more.
func (s *diaryScene) settled() {
	s.t.Helper()
	s.barriers++
	name := "d:barrier:" + strconv.Itoa(s.barriers)
	s.pub.Do("XADD", name, "*", "payload", "m")
	c := s.relay.Dial()
	defer c.Close()
	if v := c.Do("XREAD", "BLOCK", "0", "STREAMS", name, "0"); v.Err() != nil {
		s.t.Fatal(v)
	}
}

// hears expects messages on d:1, and nothing else.
func (s *diaryScene) hears(messages ...string) {
	s.t.Helper()
	for _, m := range messages {
		s.sub.Expect(s.t, "[message d:1 "+m+"]")
	}
}

// silent expects that the listener has heard all there is.
func (s *diaryScene) silent() {
	s.t.Helper()
	if v := s.sub.Do("PING"); v.String() != `[pong ""]` {
		s.t.Errorf("the listener got %s, want nothing", v)
	}
}

// deaf does something while the listeners' relay has no Redis. It returns when the
// relay has it again; what is missing is read after that.
func (s *diaryScene) deaf(do func()) {
	s.t.Helper()
	s.proxy.Refuse(true)
	s.proxy.Cut()
	harness.Event(s.t, s.events, "upstream_down")
	s.later()
	do()
	s.proxy.Refuse(false)
	harness.Event(s.t, s.events, "gap")
	harness.Event(s.t, s.events, "upstream_up")
}

// later waits for the next millisecond of Redis: in the same one a stream that is made
// anew may begin with the very ID that the old one ended with.
func (s *diaryScene) later() {
	s.t.Helper()
	now := func() string {
		v := s.redis.MustDo("TIME")
		seconds, micros := v.Elems[0].Str, "00000"+v.Elems[1].Str
		return seconds + micros[len(micros)-6:len(micros)-3]
	}
	begun := now()
	redistest.Eventually(s.t, redistest.DefaultTimeout, "Redis's clock goes on", func() bool { return now() != begun })
}

// gap expects to be told of a gap on d:1.
func (s *diaryScene) gap(after, before string, missing int64, cause string) {
	s.t.Helper()
	s.gaps++
	e := harness.Event(s.t, s.events, "gap")
	if e.Channel != "d:1" || e.After != after || e.Before != before || e.Missing != missing ||
		!strings.Contains(e.Cause, cause) {
		s.t.Errorf("told of a gap on %q after %s before %s, %d missing: %q\nwant d:1 after %s before %s, %d missing: %q",
			e.Channel, e.After, e.Before, e.Missing, e.Cause, after, before, missing, cause)
	}
}

// counted reports whether streams say how many entries they have ever had, which they do from Redis 7.0 on.
func (s *diaryScene) counted() bool { return s.redis.Shards() }

// trimmed expects the event of a gap whose size and cause Redis's count of entries tells.
func (s *diaryScene) trimmed(after, before string, missing int64, cause string) {
	s.t.Helper()
	if !s.counted() {
		missing, cause = 0, "trimmed past the gap"
	}
	s.gap(after, before, missing, cause)
}

// noGap expects that no other gaps have been found.
func (s *diaryScene) noGap() {
	s.t.Helper()
	s.settled()
	if n := s.relay.Metric("history_gaps_total"); n != float64(s.gaps) {
		s.t.Errorf("%v gaps in history, want %d", n, s.gaps)
	}
}

// compared returns when the relay has just compared its channels with their streams: the next time is 5 s later.
func (s *diaryScene) compared() {
	s.t.Helper()
	other := s.relay.Subscribe("d:compared")
	s.pub.Do("XADD", "d:compared", "*", "payload", "announced")
	other.Expect(s.t, "[message d:compared announced]")
	s.settled()
	s.redis.MustDo("XADD", "history:{d:compared}", "*", "payload", "found")
	other.Expect(s.t, "[message d:compared found]")
}

// announce makes an entry known by hand, as the script of a relay does, and returns
// its ID.
func (s *diaryScene) announce(id, message string, count int) string {
	s.t.Helper()
	return s.announceBehind("", id, message, count)
}

// announceBehind is announce behind other commands, in one step: between them the relay might compare the stream with
// what it has heard.
func (s *diaryScene) announceBehind(commands, id, message string, count int) string {
	s.t.Helper()
	return s.redis.MustDo("EVAL", commands+`
		local id = redis.call('XADD', KEYS[1], ARGV[1], 'payload', ARGV[2])
		redis.call('PUBLISH', 'relay:seq:d:1', id .. ' hand ' .. ARGV[3])
		redis.call('PUBLISH', 'd:1', ARGV[2])
		return id`, "1", "history:{d:1}", id, message, strconv.Itoa(count)).Str
}

// deleted is for announceBehind.
const deleted = "redis.call('DEL', KEYS[1])"

func numbered(word string, n int) (list []string) {
	for i := range n {
		list = append(list, word+strconv.Itoa(i))
	}
	return list
}

func TestTrimmedPastTheGap(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	ids := s.add(numbered("before", 7)...)
	s.hears(numbered("before", 7)...)
	var lost []string
	s.deaf(func() {
		lost = s.add(numbered("lost", 30)...)
		s.redis.MustDo("XTRIM", "history:{d:1}", "MAXLEN", "=", "10")
	})
	s.trimmed(ids[6], lost[20], 20, "trimmed")
	s.hears(numbered("lost", 30)[20:]...)

	after := s.add("after")
	s.hears("after")
	s.deaf(func() { // all of it
		lost = s.add(numbered("more", 3)...)
		s.redis.MustDo("XTRIM", "history:{d:1}", "MAXLEN", "=", "0")
	})
	s.trimmed(after[0], "", 3, "trimmed")
	s.add("at last")
	s.hears(`"at last"`)
	s.silent()
	s.noGap()
}

// TestTrimmedByLength leaves the trimming to history.length.
func TestTrimmedByLength(t *testing.T) {
	const length, node, messages = 100, 100, 1000 // node: entries of a piece that Redis trims as a whole
	s := newDiaryScene(t, harness.Diary("d:", length))
	last := s.add("before")
	s.hears("before")
	var left int64
	s.deaf(func() {
		s.add(numbered("lost", messages)...)
		left = s.redis.MustDo("XLEN", "history:{d:1}").Int
	})
	if left < length || left > length+node {
		t.Errorf("%d entries are kept, want about %d", left, length)
	}
	first := s.redis.MustDo("XRANGE", "history:{d:1}", "-", "+", "COUNT", "1").Elems[0].Elems[0].Str
	s.trimmed(last[0], first, messages-left, "history.length")
	s.hears(numbered("lost", messages)[messages-left:]...)
	s.silent()
}

// TestGapDisconnects has a gap while the connection stands: a count that jumps, and
// entries that are not there any more.
func TestGapDisconnects(t *testing.T) {
	loud, calm := harness.Diary("d:", 1000), harness.Diary("calm:", 1000)
	loud.Policy.OnGap = config.OnGapDisconnect
	s := newDiaryScene(t, loud, calm)
	pattern, bystander := s.relay.Dial(), s.relay.Subscribe("calm:1", "d:2")
	pattern.Send("PSUBSCRIBE", "d:*")
	pattern.Expect(t, "[psubscribe d:* 1]")
	last := s.announce("*", "one", 1)
	s.hears("one")
	pattern.Expect(t, "[pmessage d:* d:1 one]")
	next := s.announceBehind(`redis.call('XADD', KEYS[1], '*', 'payload', 'two') -- which nobody announces
		redis.call('XADD', KEYS[1], '*', 'payload', 'three')
		redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', '0')`, "*", "four", 4)
	s.trimmed(last, next, 2, "trimmed")
	for _, c := range []*redistest.Client{s.sub, pattern} {
		if got := c.Closed(); len(got) > 0 {
			t.Errorf("before its end a listener got %v", got)
		}
	}
	if v := bystander.Do("PING"); v.String() != `[pong ""]` {
		t.Errorf("a listener of other channels got %s", v)
	}
	if n := s.relay.Metric(`disconnects_total{reason="gap"}`); n != 2 {
		t.Errorf("%v clients disconnected for a gap, want 2", n)
	}
}

// TestJumpIsHealed has entries that were announced to nobody while the connection
// stands.
func TestJumpIsHealed(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	s.announce("*", "one", 1)
	s.hears("one")
	for _, m := range []string{"two", "three"} {
		s.redis.MustDo("XADD", "history:{d:1}", "*", "payload", m)
	}
	s.announce("*", "four", 4)
	s.hears("two", "three", "four")
	s.announce("*", "five", 5)
	s.hears("five")
	s.silent()
	s.noGap()
}

func TestStreamDeletedDuringAnOutage(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	last := s.add("before")
	s.hears("before")
	s.deaf(func() {
		s.add(numbered("lost", 3)...)
		s.redis.MustDo("DEL", "history:{d:1}")
	})
	s.gap(last[0], "", 0, "deleted")
	last = s.add("after")
	s.hears("after")

	var anew []string
	s.deaf(func() {
		s.add(numbered("lost", 4)...)
		s.redis.MustDo("DEL", "history:{d:1}")
		anew = s.add(numbered("new", 30)...)
	})
	s.trimmed(last[0], anew[0], 0, "made anew")
	s.hears(numbered("new", 30)...)
	s.silent()
	s.noGap()
}

// TestStreamNeverWritten has nothing to miss.
func TestStreamNeverWritten(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	quiet := s.relay.Subscribe("d:quiet")
	s.settled()
	s.deaf(func() {})
	s.noGap()
	s.pub.Do("PUBLISH", "d:quiet", "m")
	quiet.Expect(t, "[message d:quiet m]")
}

func TestStreamIsOfAnotherType(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	last := s.add("before")
	s.hears("before")
	s.deaf(func() {
		s.add("lost")
		s.redis.MustDo("DEL", "history:{d:1}")
		s.redis.MustDo("SET", "history:{d:1}", "mine")
	})
	s.gap(last[0], "", 0, "WRONGTYPE")

	const wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
	for _, args := range [][]string{
		{"PUBLISH", "d:1", "refused"},
		{"XADD", "d:1", "*", "payload", "refused"},
		{"XRANGE", "d:1", "-", "+"},
		{"XLEN", "d:1"},
		{"XREAD", "STREAMS", "d:1", "0"},
		{"XREAD", "BLOCK", "0", "STREAMS", "d:1", "0"},
	} {
		for _, c := range []*redistest.Client{s.pub, s.relay.Dial()} {
			if got := c.Do(args...).String(); got != "-"+wrong {
				t.Errorf("%v: %s, want %s", args, got, wrong)
			}
		}
	}
	s.silent()
	s.redis.MustDo("DEL", "history:{d:1}")
	s.add("after")
	s.hears("after")
	s.silent()
}

// TestStreamExpired has entries so old that their time to live is over.
func TestStreamExpired(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000)) // kept for an hour
	old := s.announceBehind(deleted, fmt.Sprintf("%d-1", time.Now().Add(-2*time.Hour).UnixMilli()), "old", 1)
	s.hears("old")
	s.deaf(func() { s.redis.MustDo("DEL", "history:{d:1}") })
	s.add("new")
	s.hears("new")
	if s.counted() { // else a gap is told in doubt
		s.noGap()
	}
	if v := s.relay.Dial().Do("XREAD", "STREAMS", "d:1", old).String(); !strings.Contains(v, "payload new") {
		t.Errorf("a reader goes on from the expired entry with %s", v)
	}
}

// TestClockOfRedis has entries from the future, as if the clock had been set back
// since, and then a stream that is made anew with smaller IDs.
func TestClockOfRedis(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	future := fmt.Sprint(time.Now().Add(1000 * time.Hour).UnixMilli())
	last := s.announce(future+"-5", "future", 1)
	s.hears("future")
	if ids := s.add("present"); ids[0] != future+"-6" {
		t.Fatalf("Redis gave %s after %s", ids[0], last)
	}
	s.hears("present")
	s.deaf(func() { s.add(numbered("lost", 3)...) })
	s.hears(numbered("lost", 3)...)
	if v := s.relay.Dial().Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", future+"-6").String(); strings.Count(v, "lost") != 3 {
		t.Errorf("a reader that goes on from the future gets %s", v)
	}

	s.announceBehind(deleted, "5-1", "anew", 2)
	s.hears("anew")
	s.deaf(func() { s.redis.MustDo("XADD", "history:{d:1}", "5-2", "payload", "lost") })
	s.hears("lost")
	s.noGap()
	s.deaf(func() {
		s.redis.MustDo("DEL", "history:{d:1}")
		s.redis.MustDo("XADD", "history:{d:1}", "3-1", "payload", "not heard")
	})
	s.gap("5-2", "", 0, "made anew")
	s.announce("3-2", "heard", 1)
	s.hears("heard")
	s.announce("3-3", "heard, too", 2)
	s.hears(`"heard, too"`)
	s.silent()
}

// TestReadersOfAStreamMadeAnew has readers wait while IDs begin anew below those
// that the relay keeps in memory.
func TestReadersOfAStreamMadeAnew(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	s.relay.Dial().Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", "0") // from now on the relay keeps the entries
	s.add("old", "older")
	s.hears("old", "older")
	s.deaf(func() {
		s.redis.MustDo("DEL", "history:{d:1}")
		s.redis.MustDo("XADD", "history:{d:1}", "3-1", "payload", "lost")
	})
	if e := harness.Event(t, s.events, "gap"); e.Channel != "d:1" {
		t.Fatalf("told of %+v", e)
	}
	newest, from := s.relay.Dial(), s.relay.Dial()
	for i, id := range []string{"3-2", "3-3", "4-1"} {
		newest.Send("XREAD", "BLOCK", "5000", "STREAMS", "d:1", "$")
		from.Send("XREAD", "BLOCK", "5000", "STREAMS", "d:1", "3-"+strconv.Itoa(i+1))
		redistest.Eventually(t, redistest.DefaultTimeout, "both wait", func() bool { return s.relay.Metric("history_readers") == 2 })
		s.announce(id, "new", i+1)
		newest.Expect(t, "[[d:1 [["+id+" [payload new]]]]]")
		from.Expect(t, "[[d:1 [["+id+" [payload new]]]]]")
	}
}

// TestEntriesFromOutside are those that no relay wrote: they are in the stream, and
// nobody is told of them until something is read.
func TestEntriesFromOutside(t *testing.T) {
	t.Parallel() // it waits
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	last := s.add("before")[0]
	s.hears("before")
	var outside []string
	put := func(fields ...string) {
		outside = append(outside, s.redis.MustDo(append([]string{"XADD", "history:{d:1}", "*"}, fields...)...).Str)
	}
	s.deaf(func() {
		put("payload", "plain")
		put("text", "one field")
		put("a", "1", "payload", "among others", "b", "2")
		put("a", "1", "b", "2")
		s.add("after")
	})
	s.hears("plain", `"one field"`, `"among others"`, "after")
	s.gap(outside[2], "", 1, outside[3]+" was not written by a relay and has no field payload")
	s.silent()

	list := s.relay.Dial().Do("XREAD", "STREAMS", "d:1", last)
	if got := list.String(); !strings.Contains(got, "[a \"1\" b \"2\"]") || len(list.Elems[0].Elems[1].Elems) != 5 {
		t.Errorf("a reader gets %s, want the entries as they are", got)
	}
	s.compared()
	put("payload", "unannounced")
	s.silent()
	if got := s.relay.Dial().Do("XREVRANGE", "d:1", "+", "-", "COUNT", "1").String(); !strings.Contains(got, "unannounced") {
		t.Errorf("XREVRANGE: %s", got)
	}
	s.deaf(func() {})
	s.hears("unannounced")
	s.silent()
}

// TestEntriesFromOutsideAreFound while the connection stands: the relay compares its
// channels with the streams now and then.
func TestEntriesFromOutsideAreFound(t *testing.T) {
	t.Parallel()                    // it waits
	const within = 15 * time.Second // ticks come every 5 s
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	s.sub.SetTimeout(within)
	s.events.SetTimeout(within)
	reader := s.relay.Dial()
	reader.SetTimeout(within)
	last := s.add("before")[0]
	s.hears("before")
	reader.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", last)
	waiting(s.relay, 1)
	id := s.redis.MustDo("XADD", "history:{d:1}", "*", "payload", "outside").Str
	reader.Expect(t, "[[d:1 [["+id+" [payload outside]]]]]")
	s.hears("outside")
	s.noGap()

	s.settled()
	s.redis.MustDo("XADD", "history:{d:1}", "*", "payload", "overlooked")
	s.redis.MustDo("XADD", "history:{d:1}", "*", "payload", "overlooked")
	after := s.add("after")[0]
	s.hears("after")
	if !s.counted() { // nothing shows it
		return
	}
	s.gap("", "", 2, "nobody announced")
	if v := s.relay.Dial().Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", id).String(); strings.Count(v, "overlooked") != 2 {
		t.Errorf("a reader that is told, and reads again, gets %s", v)
	}
	s.redis.MustDo("XADD", "history:{d:1}", "*", "payload", "one more")
	s.hears(`"one more"`)
	if v := s.relay.Dial().Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", after).String(); !strings.Contains(v, "one more") {
		t.Errorf("a reader gets %s", v)
	}
	s.silent()
	s.noGap()
}

// TestLargeEntriesAreHealed a few at a time: all at once would be a larger answer than
// the relay takes.
func TestLargeEntriesAreHealed(t *testing.T) {
	const size, entries = 5 << 20, 16
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) {
		c.Limits.Payload, c.Limits.Queue, c.Limits.Memory = size, 1<<30, 1<<34
		c.Redis.PublishTimeout = redistest.DefaultTimeout // of reading 64 MiB under the race detector
	})
	sub, pub := r.Subscribe("d:1"), r.Dial()
	pub.SetTimeout(30 * time.Second)
	r.Readable(pub, "d:barrier")
	pub.Do("XADD", "d:1", "*", "payload", "first")
	sub.Expect(t, "[message d:1 first]")
	redis.MustDo("XADD", "history:{d:1}", "*", "payload", "small") // and nobody takes the next ones for small, too
	fill(t, redis, "d:1", entries, size)
	redis.KillSubscribers()
	sub.Expect(t, "[message d:1 small]")
	for range entries {
		if m := sub.Receive(); len(m.Elems) != 3 || len(m.Elems[2].Str) != size {
			t.Fatalf("got %.100s, want a message of %d bytes", m, size)
		}
	}
	pub.Do("PUBLISH", "d:1", "after")
	sub.Expect(t, "[message d:1 after]")
}

// TestRedisRefusesToPersist has the publisher told, and nobody else hear of it.
func TestRedisRefusesToPersist(t *testing.T) {
	for name, tt := range map[string]struct{ begin, end, code string }{
		"out of memory": {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "-OOM "},
		"a replica":     {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "-READONLY "},
	} {
		t.Run(name, func(t *testing.T) {
			mixed := harness.Diary("mixed:", 1000)
			plain := mixed.Policy
			plain.History = nil
			mixed.Kinds = map[string]config.Policy{"typing": plain}
			s := newDiaryScene(t, harness.Diary("d:", 1000), mixed)
			live := s.relay.Subscribe("mixed:1")
			s.redis.MustDo(strings.Fields(tt.begin)...)
			for _, args := range [][]string{{"PUBLISH", "d:1", "refused"}, {"XADD", "d:1", "*", "payload", "refused"}} {
				if got := s.pub.Do(args...).String(); !strings.HasPrefix(got, tt.code) {
					t.Errorf("%v: %s, want %s", args, got, tt.code)
				}
			}
			s.pub.Send("PUBLISH", "mixed:1", `{"type":"typing"}`) // what is not kept flies on
			s.pub.Expect(t, ":1")
			live.Expect(t, `[message mixed:1 {"type":"typing"}]`)
			if got := s.relay.Dial().Do("XLEN", "d:1").String(); got != ":1" {
				t.Errorf("XLEN is %s while Redis refuses", got)
			}
			s.redis.MustDo(strings.Fields(tt.end)...)
			s.add("accepted")
			s.hears("accepted")
			s.silent()
			s.noGap()
		})
	}
}

// TestScriptFlushKeepsOrder has Redis forget the scripts between bursts that are
// larger than one call of them.
func TestScriptFlushKeepsOrder(t *testing.T) {
	const burst = 500
	s := newDiaryScene(t, harness.Diary("d:", 100_000))
	for round := range 10 {
		s.redis.MustDo("SCRIPT", "FLUSH")
		var pipeline []byte
		for i := range burst {
			pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "d:1", fmt.Sprintf("m%d-%d", round, i))
		}
		s.pub.SendRaw(pipeline)
		var got, want []string
		for i := range burst {
			s.pub.Expect(t, ":1")
			got = append(got, s.sub.Receive().Elems[2].Str)
			want = append(want, fmt.Sprintf("m%d-%d", round, i))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d came as %v", round, got)
		}
	}
	s.noGap()
}

// TestACLWithoutAnnouncements has a user that Redis lets use the channel and its
// stream, and not what the relay needs besides.
func TestACLWithoutAnnouncements(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* +@all resetchannels &d:* &relay:probe:* &relay:fence:*"))
	r := harness.Start(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)))
	plain := redistest.Dial(t, "tcp", redis.Addr())
	plain.Send("SUBSCRIBE", "d:1")
	plain.Expect(t, "[subscribe d:1 1]")
	refused := func(got, name string) {
		t.Helper()
		right := fmt.Sprintf("(the relay announces the history of %s on relay:seq:%[1]s: allow its user on Redis &relay:seq:%[1]s)", name)
		if !strings.HasPrefix(got, "-NOPERM ") || !strings.HasSuffix(got, right) {
			t.Errorf("%s, want NOPERM and %q: there is no history without announcements", got, right)
		}
	}
	refused(r.Dial().Do("SUBSCRIBE", "d:1").String(), "d:1")
	refused(r.Dial().Do("PSUBSCRIBE", "d:*").String(), "d:*")
	pub := r.Dial()
	for n, args := range [][]string{{"PUBLISH", "d:1", "m"}, {"XADD", "d:1", "*", "payload", "m"}} {
		got := pub.Do(args...).String()
		if !strings.HasPrefix(got, "-") || !strings.Contains(got, "not broadcast") || !strings.Contains(got, "channel") {
			t.Errorf("%v: %s, want to be told that it is persisted and not broadcast, and why", args, got)
		}
		if v := pub.Do("XLEN", "d:1").Int; v != int64(n+1) {
			t.Errorf("XLEN is %d after %d publishes", v, n+1)
		}
	}
	if v := plain.Do("PING"); v.String() != `[pong ""]` {
		t.Errorf("a plain subscriber got %s", v)
	}
	reader := r.Dial()
	if got := reader.Do("XREAD", "STREAMS", "d:1", "0").String(); strings.Count(got, "payload m") != 2 {
		t.Errorf("XREAD: %s", got)
	}
	for range 2 {
		refused(reader.Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", "$").String(), "d:1") // it would wait for ever
	}
}

// TestAnnouncementsRefused: Redis lets the relay have a pattern again after a loss,
// and not its announcements, since of a pattern it wants the very words. Who listens
// is let go, and nobody gets in before both are allowed.
func TestAnnouncementsRefused(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* +@all &*"))
	r := harness.Start(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)))
	listener := r.Dial()
	listener.Send("PSUBSCRIBE", "d:*")
	listener.Expect(t, "[psubscribe d:* 1]")
	redis.MustDo("ACL", "SETUSER", "app", "resetchannels", "&d:*", "&relay:*")
	redis.KillSubscribers()
	listener.Closed()
	for range 5 {
		one, other := r.Dial(), r.Dial()
		one.Send("PSUBSCRIBE", "d:*")
		other.Send("PSUBSCRIBE", "d:*")
		for _, c := range []*redistest.Client{one, other} {
			if got := c.Receive().String(); !strings.HasPrefix(got, "-NOPERM ") {
				t.Fatalf("got %s, want NOPERM: there is no history without announcements", got)
			}
		}
	}
	redis.MustDo("ACL", "SETUSER", "app", "allchannels")
	again := r.Dial()
	again.Send("PSUBSCRIBE", "d:*")
	again.Expect(t, "[psubscribe d:* 1]")
	harness.PublishReplies(t, r.Dial(), "d:1", "m", ":1")
	again.Expect(t, "[pmessage d:* d:1 m]")
}

// TestTimeToLive reads the stream's own, in Redis.
func TestTimeToLive(t *testing.T) {
	t.Parallel()                 // it waits
	const ttl = 20 * time.Second // of which a tenth is time enough for a publish and a question on a busy machine
	short, forever := harness.Diary("short:", 1000), harness.Diary("ever:", 1000)
	short.Policy.History.TTL, forever.Policy.History.TTL = ttl, 0
	redis := redistest.Start(t)
	pub := harness.Start(t, redis, harness.WithRoutes(short, forever)).Dial()
	left := func() time.Duration {
		return time.Duration(redis.MustDo("PTTL", "history:{short:1}").Int) * time.Millisecond
	}
	publish := func(channel string) {
		pub.Send("PUBLISH", channel, "m")
		pub.Expect(t, ":0")
	}
	publish("ever:1")
	if v := redis.MustDo("PTTL", "history:{ever:1}").Int; v != -1 {
		t.Errorf("a stream that is kept for ever has a PTTL of %d", v)
	}
	publish("short:1")
	set := left()
	if set < ttl*9/10 || set > ttl {
		t.Fatalf("PTTL is %v, want about %v", set, ttl)
	}
	publish("short:1")
	if again := left(); again > set {
		t.Errorf("PTTL rose from %v to %v: it was renewed too early", set, again)
	}
	redistest.Eventually(t, ttl, "a quarter has gone by", func() bool { return left() < ttl*7/10 })
	publish("short:1")
	if renewed := left(); renewed < ttl*9/10 {
		t.Errorf("PTTL is %v after a quarter and a message, want about %v", renewed, ttl)
	}
}

// TestPatternsHealChannelsNeverHeard has a listener by pattern alone: what was
// published before it came it does not hear, after a loss either.
func TestPatternsHealChannelsNeverHeard(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	for _, c := range []string{"d:old", "d:both"} {
		s.pub.Do("XADD", c, "*", "payload", "old")
	}
	alone := harness.Start(t, nil, harness.WithRedis("redis://"+s.proxy.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)))
	pattern, events := alone.Dial(), alone.Subscribe(relay.EventsChannel)
	pattern.Send("PSUBSCRIBE", "d:*")
	pattern.Expect(t, "[psubscribe d:* 1]")
	alone.Readable(s.pub, "d:barrier")
	pattern.Expect(t, "[pmessage d:* d:barrier m]")
	s.deaf(func() {
		for _, c := range []string{"d:new", "d:both"} {
			s.pub.Do("XADD", c, "*", "payload", "lost")
		}
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "ready again", alone.IsReady)
	harness.Event(t, events, "upstream_down")
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	got := []string{pattern.Receive().String(), pattern.Receive().String()}
	slices.Sort(got)
	if want := []string{"[pmessage d:* d:both lost]", "[pmessage d:* d:new lost]"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.pub.Do("PUBLISH", "d:end", "end")
	pattern.Expect(t, "[pmessage d:* d:end end]")
	if n := alone.Metric("history_gaps_total"); n != 0 {
		t.Errorf("%v gaps, want none", n)
	}
}
