package history

// Reading channels with history: XREAD BLOCK for many, without Redis noticing; from
// any ID; through every restart; and in the words of Redis.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// waiting waits until n readers do.
func waiting(r *harness.Relay, n int) {
	r.T.Helper()
	redistest.Eventually(r.T, redistest.DefaultTimeout, fmt.Sprintf("%d readers wait", n), func() bool {
		return r.Metric("history_readers") == float64(n)
	})
}

// readTo reads on in each channel until it has the entries wanted, at most count at
// a time, and returns their IDs.
func readTo(t *testing.T, c *redistest.Client, channel, after string, count, want int) (ids []string) {
	t.Helper()
	for len(ids) < want {
		v := c.Do("XREAD", "COUNT", strconv.Itoa(count), "BLOCK", "20000", "STREAMS", channel, after)
		if v.Err() != nil || v.Null {
			t.Fatalf("behind %s, %d of %d entries: %s", after, len(ids), want, v)
		}
		entries := v.Elems[0].Elems[1].Elems
		if len(entries) == 0 || len(entries) > count {
			t.Fatalf("COUNT %d: %d entries", count, len(entries))
		}
		for _, e := range entries {
			after = e.Elems[0].Str
			ids = append(ids, after)
		}
	}
	return ids
}

// kept lists the IDs of a stream, in Redis.
func kept(redis *redistest.Server, channel string) (ids []string) {
	for _, e := range redis.MustDo("XRANGE", "history:{"+channel+"}", "-", "+").Elems {
		ids = append(ids, e.Elems[0].Str)
	}
	return ids
}

// TestReadersFarBehind begin at IDs that are no longer in the relay's memory, or not
// even in the stream.
func TestReadersFarBehind(t *testing.T) {
	const messages, cut = 400, 150
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 100_000)))
	live, pub := r.Subscribe("d:1"), r.Dial()
	for i := range messages {
		if i == messages/2 { // what follows is kept in memory, as far as there is room
			readTo(t, r.Dial(), "d:1", "0", 1, 1)
		}
		pub.Send("PUBLISH", "d:1", fmt.Sprintf("%d %s", i, strings.Repeat("x", 100)))
		pub.Expect(t, ":1")
		live.Receive()
	}
	all := kept(redis, "d:1")
	for _, from := range []int{0, 1, messages/2 - 1, messages / 2, messages - 129, messages - 128, messages - 127, messages - 1} {
		after, want := "0", all[from:]
		if from > 0 {
			after = all[from-1]
		}
		for _, count := range []int{1, 7, 10_000} {
			if count == 1 && len(want) > 130 {
				continue
			}
			if got := readTo(t, r.Dial(), "d:1", after, count, len(want)); !slices.Equal(got, want) {
				t.Errorf("from entry %d by %d: got %d entries, want %d", from, count, len(got), len(want))
			}
		}
	}
	checkCountBoundsRedis(t, redis, r)
	redis.MustDo("XTRIM", "history:{d:1}", "MAXLEN", "=", strconv.Itoa(messages-cut))
	if got := readTo(t, r.Dial(), "d:1", all[cut/2], 50, messages-cut); !slices.Equal(got, all[cut:]) {
		t.Errorf("behind an entry that is trimmed: got %d entries, want %d", len(got), messages-cut)
	}
}

// checkCountBoundsRedis reads a little, of which Redis sends little.
func checkCountBoundsRedis(t *testing.T, redis *redistest.Server, r *harness.Relay) {
	t.Helper()
	const most = 10_000 // bytes, of 40,000 in the stream
	sent := func() (n int) {
		_, rest, _ := strings.Cut(redis.MustDo("INFO", "stats").Str, "total_net_output_bytes:")
		n, _ = strconv.Atoi(rest[:strings.IndexByte(rest, '\r')])
		return n
	}
	before := sent()
	between := sent() - before // what asking costs
	readTo(t, r.Dial(), "d:1", "0", 5, 5)
	if n := sent() - before - between; n-between > most {
		t.Errorf("Redis sent %d bytes for 5 entries, want at most %d", n, most)
	}
}

// TestReadersTogether ask for old entries at once, from different IDs, while new
// ones come.
func TestReadersTogether(t *testing.T) {
	const readers, messages = 50, 400
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 100_000)))
	pub := r.Dial()
	for i := range messages / 2 {
		pub.Send("PUBLISH", "d:1", strconv.Itoa(i))
		pub.Expect(t, ":0")
	}
	var g errgroup.Group
	got := make([][]string, readers)
	for i := range readers {
		c := r.Dial()
		g.Go(func() (err error) {
			got[i], err = follow(c, "d:1", "0", 1+i, messages)
			return err
		})
	}
	for i := range messages / 2 {
		pub.Do("PUBLISH", "d:1", strconv.Itoa(i))
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	want := kept(redis, "d:1")
	for i, ids := range got {
		if !slices.Equal(ids, want) {
			t.Errorf("reader %d got %d entries, want %d in order", i, len(ids), len(want))
		}
	}
}

// TestReadersShareAnAnswer when all of them wait for the same old entries.
func TestReadersShareAnAnswer(t *testing.T) {
	const readers = 50
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	pub := r.Dial()
	for range 10 {
		pub.Do("XADD", "d:1", "*", "payload", "old")
	}
	r.Readable(pub, "d:1")
	asked := func() (n int) {
		for line := range strings.Lines(redis.MustDo("INFO", "commandstats").Str) {
			if rest, ok := strings.CutPrefix(line, "cmdstat_xinfo|stream:calls="); ok {
				n, _ = strconv.Atoi(rest[:strings.IndexByte(rest, ',')])
			}
		}
		return n
	}
	before := asked()
	redis.Stop()
	clients := make([]*redistest.Client, readers)
	for i := range clients {
		clients[i] = r.Dial()
		clients[i].Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "0")
	}
	waiting(r, readers)
	redis.Cont()
	for _, c := range clients {
		if v := c.Receive(); len(v.Elems) != 1 || len(v.Elems[0].Elems[1].Elems) != 11 {
			t.Errorf("a reader got %s", v)
		}
	}
	if n := asked() - before; n > 5 { // some came before the first answer was asked for; and ticks
		t.Errorf("Redis was asked %d times for %d readers", n, readers)
	}
}

// TestReadersOfABusyStream get to one that they are far behind on, too.
func TestReadersOfABusyStream(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)))
	pub, c, live := r.Dial(), r.Dial(), r.Subscribe("d:busy")
	old := pub.Do("XADD", "d:old", "*", "payload", "old").Str
	readTo(t, r.Dial(), "d:old", "0", 10, 1)
	c.Send("XREAD", "BLOCK", "0", "STREAMS", "d:busy", "$")
	waiting(r, 1)
	var busy []string
	for range 3 { // they are in the relay's memory; old is not
		busy = append(busy, pub.Do("XADD", "d:busy", "*", "payload", "busy").Str)
		live.Expect(t, "[message d:busy busy]")
	}
	c.Receive()
	got := c.Do("XREAD", "BLOCK", "0", "STREAMS", "d:busy", "d:old", busy[0], "0").String()
	want := "[[d:busy [[" + busy[1] + " [payload busy]] [" + busy[2] + " [payload busy]]]] [d:old [[" + old + " [payload old]]]]]"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// follow is readTo for a goroutine.
func follow(c *redistest.Client, channel, after string, count, want int) (ids []string, err error) {
	for len(ids) < want {
		v, err := c.TryDo("XREAD", "COUNT", strconv.Itoa(count), "BLOCK", "0", "STREAMS", channel, after)
		if err := errors.Join(err, v.Err()); err != nil {
			return ids, err
		}
		for _, e := range v.Elems[0].Elems[1].Elems {
			after = e.Elems[0].Str
			ids = append(ids, after)
		}
	}
	return ids, nil
}

const readers, streams = 500, 200

// TestManyReaders has 500 clients wait on 200 streams, half of them on two.
func TestManyReaders(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	before := harness.Measured()
	t.Run("wait", func(t *testing.T) { manyReaders(t, redis, r) })
	harness.ReturnsTo(t, before)
	if kept := r.Metric("history_bytes"); kept > 1<<20 {
		t.Errorf("the relay keeps %v bytes of 400 small entries", kept)
	}
}

func manyReaders(t *testing.T, redis *redistest.Server, r *harness.Relay) {
	channel := func(i int) string { return "d:" + strconv.Itoa(i%streams) }
	dial := func() *redistest.Client { return redistest.Dial(t, "unix", r.Socket) }
	pub := dial()
	last := make([]string, streams)
	for i := range streams {
		last[i] = pub.Do("XADD", channel(i), "*", "payload", "first").Str
	}
	connections := strings.Count(redis.MustDo("CLIENT", "LIST").Str, "\n")

	clients := make([]*redistest.Client, readers)
	for i := range clients {
		clients[i] = dial()
		if i%2 == 0 {
			clients[i].Send("XREAD", "BLOCK", "0", "STREAMS", channel(i), last[i%streams])
			continue
		}
		j := (i + 1) % streams
		clients[i].Send("XREAD", "BLOCK", "0", "STREAMS", channel(j), channel(i), last[j], last[i%streams])
	}
	waiting(r, readers)
	r.Readable(pub, "d:barrier")
	checkRedisSeesNobody(t, redis, connections)

	began := time.Now()
	for i := range streams { // odd ones: their readers hear of them and of the next
		if i%2 == 1 {
			last[i] = pub.Do("XADD", channel(i), "*", "payload", "second").Str
		}
	}
	for i, c := range clients {
		if i%2 == 1 {
			c.Expect(t, "[["+channel(i)+" [["+last[i%streams]+" [payload second]]]]]")
		}
	}
	for i := range streams {
		if i%2 == 0 {
			last[i] = pub.Do("XADD", channel(i), "*", "payload", "second").Str
		}
	}
	for i, c := range clients {
		if i%2 == 0 {
			c.Expect(t, "[["+channel(i)+" [["+last[i%streams]+" [payload second]]]]]")
		}
	}
	t.Logf("%d readers had an entry each within %v", readers, time.Since(began))
	waiting(r, 0)

	checkTimeouts(t, clients, last)
	checkRedisSeesNobody(t, redis, connections)
	for i, c := range clients { // gone while they wait
		c.Send("XREAD", "BLOCK", "0", "STREAMS", channel(i), "$")
	}
	waiting(r, readers)
	for _, c := range clients {
		c.Close()
	}
	waiting(r, 0)
}

// checkRedisSeesNobody compares Redis's own figures.
func checkRedisSeesNobody(t *testing.T, redis *redistest.Server, connections int) {
	t.Helper()
	if info := redis.MustDo("INFO", "clients").Str; !strings.Contains(info, "blocked_clients:0\r\n") {
		t.Errorf("Redis has blocked clients:\n%s", info)
	}
	if n := strings.Count(redis.MustDo("CLIENT", "LIST").Str, "\n"); n != connections {
		t.Errorf("Redis has %d connections, want %d as before", n, connections)
	}
}

// checkTimeouts has all clients wait in vain at once. The best of some tries counts,
// since the machine may be busy.
func checkTimeouts(t *testing.T, clients []*redistest.Client, last []string) {
	t.Helper()
	const tries = 5
	late := 50 * time.Millisecond
	if harness.RaceDetector {
		late *= 10
	}
	over := waitInVain(t, clients, last)
	for range tries - 1 {
		if over > late {
			over = waitInVain(t, clients, last)
		}
	}
	if over > late {
		t.Errorf("the last of %d readers waited %v longer than it asked for, want at most %v", len(clients), over, late)
	}
}

// waitInVain returns how much longer a client waited than it had asked for, at most.
func waitInVain(t *testing.T, clients []*redistest.Client, last []string) (over time.Duration) {
	t.Helper()
	const block = 400 * time.Millisecond
	var g errgroup.Group
	var worst atomic.Int64
	for i, c := range clients {
		name, id := "d:"+strconv.Itoa(i%len(last)), last[i%len(last)]
		g.Go(func() error {
			began := time.Now()
			v, err := c.TryDo("XREAD", "BLOCK", strconv.FormatInt(block.Milliseconds(), 10), "STREAMS", name, id)
			took := time.Since(began)
			if err == nil && !v.Null {
				err = fmt.Errorf("got %s, want nothing", v)
			}
			if err == nil && took < block {
				err = fmt.Errorf("waited %v, less than %v", took, block)
			}
			for w := worst.Load(); int64(took) > w && !worst.CompareAndSwap(w, int64(took)); w = worst.Load() {
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	over = time.Duration(worst.Load()) - block
	t.Logf("timeouts of %v came at most %v late", block, over)
	return over
}

// TestReadersWhoGoAway have not yet got what they wait for: an answer of Redis, a
// subscription.
func TestReadersWhoGoAway(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	before := harness.Measured()
	t.Run("wait", func(t *testing.T) { readersGoAway(t, redis, r) })
	harness.ReturnsTo(t, before)
}

func readersGoAway(t *testing.T, redis *redistest.Server, r *harness.Relay) {
	redis.Stop()
	for i := range 100 {
		c := redistest.Dial(t, "unix", r.Socket)
		c.Send("XREAD", "BLOCK", "0", "STREAMS", "d:"+strconv.Itoa(i), "d:same", "0", "$")
		if i%2 == 0 {
			c.Close()
		}
	}
	waiting(r, 50)
	redis.Cont()
	waiting(r, 50)
	r.Stop() // while the others wait
}

// TestReadersMixCommands pipelines commands behind one that waits: they are carried
// out afterwards, in order.
func TestReadersMixCommands(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)))
	c, pub := r.Dial(), r.Dial()
	first := pub.Do("XADD", "d:1", "*", "payload", "one").Str
	var pipeline []byte
	for _, line := range []string{"XREAD BLOCK 0 STREAMS d:1 " + first, "XLEN d:1", "PUBLISH d:1 three", "PING"} {
		pipeline = redistest.AppendCommand(pipeline, strings.Fields(line)...)
	}
	c.SendRaw(pipeline)
	waiting(r, 1)
	second := pub.Do("XADD", "d:1", "*", "payload", "two").Str
	c.Expect(t, "[[d:1 [["+second+" [payload two]]]]]", ":2", ":0", "+PONG")
	c.Send("XREAD", "STREAMS", "d:1", first)
	if v := c.Receive(); len(v.Elems) != 1 || len(v.Elems[0].Elems[1].Elems) != 2 {
		t.Errorf("got %s, want two and three", v)
	}
	// Who waits is served from memory, into which three may be on its way still.
	c.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", first)
	if got := c.Receive().String(); !strings.HasPrefix(got, "[[d:1 [["+second+" [payload two]]") {
		t.Errorf("got %s, want two and perhaps three", got)
	}

	c.Send("SUBSCRIBE", "d:1") // RESP2: no more commands but those of a subscriber
	c.Expect(t, "[subscribe d:1 1]")
	if got := c.Do("XREAD", "STREAMS", "d:1", "0").String(); !strings.HasPrefix(got, "-ERR Can't execute 'xread'") {
		t.Errorf("XREAD of a subscriber: %s", got)
	}
}

// TestReadersAreSubscribersToo has one connection do both, as RESP3 allows. Messages
// wait behind the answer that they came before.
func TestReadersAreSubscribersToo(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)))
	c, pub := r.Dial(), r.Dial()
	first := pub.Do("XADD", "d:1", "*", "payload", "one").Str
	c.Hello3()
	c.Send("SUBSCRIBE", "d:1")
	c.Expect(t, ">[subscribe d:1 1]")
	c.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", first)
	waiting(r, 1)
	id := pub.Do("XADD", "d:1", "*", "payload", "two").Str
	got := []string{c.Receive().String(), c.Receive().String()}
	slices.Sort(got)
	want := []string{"%[d:1 [[" + id + " [payload two]]]]", ">[message d:1 two]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// streamLines are commands on the stream d:1 with entries 5-1, 5-2 and 7-0, on the
// empty d:2, on d:3, which is no stream, and on d:4, d:5 and d:6 with one entry each.
var streamLines = []string{
	"XREAD", "XREAD STREAMS", "XREAD STREAMS d:1", "XREAD STREAMS d:1 0", "xread streams d:1 0-0",
	"XREAD STREAMS d:1 5", "XREAD STREAMS d:1 5-1", "XREAD STREAMS d:1 7-0", "XREAD STREAMS d:1 7-18446744073709551615",
	"XREAD STREAMS d:1 18446744073709551615-18446744073709551615", "XREAD STREAMS d:1 18446744073709551616",
	"XREAD STREAMS d:1 $", "XREAD STREAMS d:2 $", "XREAD STREAMS d:2 0", "XREAD STREAMS d:3 0", "XREAD STREAMS d:3 $",
	"XREAD STREAMS d:1 x", "XREAD STREAMS d:1 5-", "XREAD STREAMS d:1 5-x", "XREAD STREAMS d:1 -", "XREAD STREAMS d:1 5-1-1",
	"XREAD STREAMS d:1 *", `XREAD STREAMS d:1 ""`, "XREAD STREAMS d:1 (5-1",
	"XREAD STREAMS d:1 d:2 0", "XREAD STREAMS d:1 d:2 0 0", "XREAD STREAMS d:2 d:1 0 0", "XREAD STREAMS d:1 d:1 0 5-1",
	"XREAD STREAMS d:1 d:3 0 0", "XREAD STREAMS d:1 d:2 0 x", "XREAD STREAMS d:1 d:2 $ $",
	"XREAD COUNT 1 STREAMS d:1 0", "XREAD COUNT 2 STREAMS d:1 5-1", "XREAD COUNT 0 STREAMS d:1 0",
	"XREAD COUNT -1 STREAMS d:1 0", "XREAD COUNT x STREAMS d:1 0", "XREAD COUNT STREAMS d:1 0",
	"XREAD COUNT 1 COUNT 2 STREAMS d:1 0", "XREAD COUNT 9223372036854775807 STREAMS d:1 0", "XREAD COUNT 9223372036854775808 STREAMS d:1 0",
	"XREAD BLOCK 10 STREAMS d:1 0", "XREAD BLOCK 10 STREAMS d:1 $", "XREAD BLOCK 10 STREAMS d:2 0", "XREAD BLOCK 10 STREAMS d:2 d:1 $ 5-2",
	"XREAD BLOCK 0 COUNT 1 STREAMS d:1 0", "XREAD BLOCK 0 STREAMS d:1 d:4 0 0", "XREAD BLOCK 0 STREAMS d:4 d:2 d:1 0 0 5-2",
	"XREAD BLOCK 0 COUNT 1 STREAMS d:5 d:4 d:1 d:6 0 $ 5-1 0",
	"XREAD BLOCK -1 STREAMS d:1 0", "XREAD BLOCK x STREAMS d:1 0", "XREAD BLOCK 1.5 STREAMS d:1 0", "XREAD BLOCK STREAMS d:1 0",
	"XREAD BLOCK 9223372036854775807 STREAMS d:1 0", "XREAD BLOCK 9223372036854775808 STREAMS d:1 0",
	"XREAD BLOCK 5000 STREAMS d:3 0", "XREAD BLOCK 5000 STREAMS d:2 d:3 0 0", "XREAD BLOCK 10 STREAMS d:1 x", "XREAD BLOCK 10 STREAMS d:1 d:2 0",
	"XREAD NONSENSE STREAMS d:1 0", "XREAD d:1 0 STREAMS", "XREAD BLOCK 0 COUNT 1", "XREAD STREAMS d:1 >",
	"XREAD NOACK STREAMS d:1 0", "XREAD GROUP g c STREAMS d:1 0", "xread count 1 group g c streams d:1 0", "XREAD GROUP g",
	"XREAD BLOCK 10 STREAMS d:1 >",
	"XRANGE d:1 - +", "XRANGE d:1 5 5", "XRANGE d:1 (5-1 +", "XRANGE d:1 - + COUNT 1", "XRANGE d:1 - + COUNT 0",
	"XRANGE d:1 - + COUNT -1", "XRANGE d:1 - + COUNT x", "XRANGE d:1 - + COUNT", "XRANGE d:1 - + x", "XRANGE d:1 x +",
	"XRANGE d:1 + -", "XRANGE d:2 - +", "XRANGE d:3 - +", "XRANGE d:1 -", "XRANGE d:1 - + COUNT 1 COUNT 2",
	"XREVRANGE d:1 + -", "XREVRANGE d:1 + - COUNT 2", "XREVRANGE d:1 - +", "XREVRANGE d:1 (7-0 5", "XREVRANGE d:1 x -",
	"XREVRANGE d:3 + -", "XREVRANGE d:1 +", "XLEN d:1", "XLEN d:2", "XLEN d:3", "XLEN", "XLEN d:1 d:2", "XADD", "XADD d:1", "XADD d:1 *",
	"XADD d:1 * payload",
}

// TestStreamCommandsAnswerAsRedis plays commands on Redis, on keys of the channels'
// names, and on the relay.
func TestStreamCommandsAnswerAsRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	for _, key := range []string{"d:1", "history:{d:1}"} {
		redis.MustDo("XADD", key, "5-1", "payload", "one")
		redis.MustDo("XADD", key, "5-2", "payload", "", "second", "two\r\n")
		redis.MustDo("XADD", key, "7-0", "json", "{}")
	}
	for _, channel := range []string{"d:4", "d:5", "d:6"} {
		redis.MustDo("XADD", channel, "6-0", "payload", channel)
		redis.MustDo("XADD", "history:{"+channel+"}", "6-0", "payload", channel)
	}
	redis.MustDo("SET", "d:3", "x")
	redis.MustDo("SET", "history:{d:3}", "x")
	for _, proto := range []string{"2", "3"} {
		want, got := redistest.Dial(t, "unix", redis.Socket()), r.Dial()
		want.Do("HELLO", proto)
		got.Do("HELLO", proto)
		for _, line := range streamLines {
			args := harness.Words(line)
			w, g := want.Do(args...), got.Do(args...)
			w.Str = strings.Replace(w.Str, "Unbalanced XREAD list", "Unbalanced 'xread' list", 1) // since 7.2
			if !reflect.DeepEqual(w, g) {
				t.Errorf("RESP%s %s:\nRedis %c %s\nrelay %c %s", proto, line, w.Type, w, g.Type, g)
			}
		}
	}
	if n := r.Metric("history_readers"); n != 0 {
		t.Errorf("%v readers wait", n)
	}
}

// TestReadingIsRefused where nothing is kept, or nobody may listen.
func TestReadingIsRefused(t *testing.T) {
	shut := harness.Diary("shut:", 1000)
	shut.Subscribe = false
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000), shut, config.NewRoute("plain:")))
	const closed = `-DENIED shut:1: route "shut:" says subscribe: false`
	const nothing = `-DENIED plain:1: nothing is kept of this channel; give route "plain:" a history in relay.yaml`
	const unrouted = "-DENIED other:1: nothing is kept of this channel, which no route covers; add one with a history to relay.yaml"
	const own = "-DENIED relay:events: nothing is kept of the relay's own channels"
	c := r.Dial()
	for channel, want := range map[string]string{"shut:1": closed, "plain:1": nothing, "other:1": unrouted, "relay:events": own} {
		for _, line := range []string{
			"XRANGE . - +", "XREVRANGE . + -", "XLEN .", "XREAD STREAMS . 0", "XREAD BLOCK 0 STREAMS . $",
			"XREAD BLOCK 0 STREAMS d:1 . 0 0", "XREAD STREAMS . d:1 0 0",
		} {
			line = strings.ReplaceAll(line, ".", channel)
			if got := c.Do(strings.Fields(line)...).String(); got != want {
				t.Errorf("%s: got %s, want %s", line, got, want)
			}
		}
	}
	for channel, want := range map[string]string{
		"plain:1": nothing + ", or PUBLISH the message",
		"other:1": "-DENIED other:1: nothing is kept of this channel, which no route covers; add one with a history to relay.yaml, " +
			"or PUBLISH the message",
	} {
		if got := c.Do("XADD", channel, "*", "payload", "m").String(); got != want {
			t.Errorf("XADD %s: got %s, want %s", channel, got, want)
		}
	}
	c.Send("PUBLISH", "shut:1", "m") // it may be written to all the same
	c.Expect(t, ":0")
	for _, line := range []string{"XGROUP CREATE d:1 g $", "XREADGROUP GROUP g c STREAMS d:1 >", "XDEL d:1 0-1", "XTRIM d:1 MAXLEN 0"} {
		if got := c.Do(strings.Fields(line)...).String(); !strings.HasPrefix(got, "-ERR unknown command") {
			t.Errorf("%s: %s, want an unknown command", line, got)
		}
	}
	waiting(r, 0)
}

// TestReaderOutlivesTheEmbeddedRedis: with no other Redis than the relay's own, a reader
// that resumes by its last ID misses nothing of what came before the relay ended.
func TestReaderOutlivesTheEmbeddedRedis(t *testing.T) {
	socket := ""
	at := func(c *config.Config) {
		if socket != "" {
			c.Socket.Path = socket
		}
	}
	r := harness.Start(t, nil, harness.WithRoutes(harness.Diary("d:", 1000)), at)
	socket = r.Socket
	pub := r.Dial()
	first := pub.Do("XADD", "d:1", "*", "payload", "first").Str
	ids := readTo(t, r.Dial(), "d:1", "0", 10, 1)
	for range 3 {
		pub.Do("PUBLISH", "d:1", "unread")
	}
	r.Stop()
	r = harness.Start(t, nil, harness.WithRoutes(harness.Diary("d:", 1000)), at)
	r.Dial().Do("PUBLISH", "d:1", "after")
	ids = append(ids, readTo(t, r.Dial(), "d:1", first, 10, 4)...)
	var kept []string
	for _, e := range r.Dial().Do("XRANGE", "d:1", "-", "+").Elems {
		kept = append(kept, e.Elems[0].Str)
	}
	if ids[0] != first || !slices.Equal(ids, kept) {
		t.Errorf("read %v of %v", ids, kept)
	}
}

// TestReadingWithoutRedis is answered in time, and in words that help.
func TestReadingWithoutRedis(t *testing.T) {
	t.Parallel() // it waits
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) { c.Redis.PublishTimeout = 200 * time.Millisecond })
	readTo(t, r.Dial(), "d:1", "0", 1, 0)
	redis.Stop()
	for range 3 {
		for _, line := range []string{"XRANGE d:1 - +", "XREVRANGE d:1 + -", "XLEN d:1", "XREAD STREAMS d:1 0", "PUBSUB NUMSUB d:1"} {
			const want = ": Redis does not answer; try again"
			if got := r.Dial().Do(strings.Fields(line)...).String(); !strings.HasPrefix(got, "-UPSTREAMDOWN ") || !strings.HasSuffix(got, want) {
				t.Errorf("%s: %s, want UPSTREAMDOWN, and%s", line, got, want)
			}
		}
	}
	c := r.Dial()
	c.Send("XREAD", "BLOCK", "50", "STREAMS", "d:1", "0")
	c.Expect(t, "(nil)")
	redis.Cont()
}

// TestReaderOfASlowRedis gets what there is, though its time is over before Redis has
// said so.
func TestReaderOfASlowRedis(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	for _, m := range []string{"one", "two"} {
		redis.MustDo("XADD", "history:{d:1}", "*", "payload", m)
	}
	c := r.Dial()
	redis.Stop()
	time.AfterFunc(200*time.Millisecond, redis.Cont)
	c.Send("XREAD", "BLOCK", "10", "STREAMS", "d:1", "d:2", "0", "0")
	if got := c.Receive(); strings.Count(got.String(), "payload") != 2 {
		t.Errorf("got %s, want two entries", got)
	}
	c.Send("XREAD", "BLOCK", "10", "STREAMS", "d:2", "0")
	c.Expect(t, "(nil)")
}

// readerApp reads channels on from the last IDs it has seen. Those are on its disk,
// as it were: it loses its connections, not them; and a crash may come before they
// are written, so that it reads some entries twice.
type readerApp struct {
	random *rand.Rand
	socket func() string // of the relay there is now
	last   map[string]string
	seen   map[string][]string // IDs in the order of the first sight
	twice  int
}

// readUntil goes on until done and everything is read.
func (a *readerApp) readUntil(done *atomic.Bool, t testing.TB) error {
	for {
		over := done.Load()
		n, err := a.life(t, over)
		if err != nil {
			return err
		}
		if over && n == 0 {
			return nil
		}
	}
}

// life is one connection, which ends at random or with its relay. With last set it
// ends when nothing is left to read.
func (a *readerApp) life(t testing.TB, last bool) (entries int, err error) {
	conn, err := net.Dial("unix", a.socket())
	if err != nil {
		time.Sleep(5 * time.Millisecond) // the relay is being restarted; libraries wait, too
		return 1, nil
	}
	c := redistest.NewClient(t, conn)
	defer c.Close()
	for round := a.random.IntN(30); round >= 0 || last; round-- {
		names := make([]string, 0, len(a.last))
		for name := range a.last {
			names = append(names, name)
		}
		slices.Sort(names)
		args := []string{"XREAD", "COUNT", strconv.Itoa(1 + a.random.IntN(100)), "BLOCK", "300", "STREAMS"}
		args = append(args, names...)
		for _, name := range names {
			args = append(args, a.last[name])
		}
		v, err := c.TryDo(args...)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrUnexpectedEOF):
			return entries + 1, nil
		case err != nil:
			return entries, err
		case v.Err() != nil:
			return entries, v.Err()
		case v.Null && last:
			return entries, nil
		}
		entries += a.take(v, a.random.IntN(10) == 0)
	}
	return entries, nil
}

// take notes what was read; with crash, it does not get to writing the IDs down.
func (a *readerApp) take(v redistest.Value, crash bool) (entries int) {
	for _, stream := range v.Elems {
		name := stream.Elems[0].Str
		for _, e := range stream.Elems[1].Elems {
			id := e.Elems[0].Str
			entries++
			if seen := a.seen[name]; slices.Contains(seen[max(0, len(seen)-200):], id) {
				a.twice++
			} else {
				a.seen[name] = append(seen, id)
			}
			if !crash {
				a.last[name] = id
			}
		}
	}
	return entries
}

// TestReaderSeesEveryEntry restarts the reader and its relay at random, and Redis
// once. What was acknowledged is seen, and what is seen has no gap.
func TestReaderSeesEveryEntry(t *testing.T) {
	const channels, restarts = 3, 8
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	redis := redistest.Start(t, redistest.WithAppendOnly())
	other := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1_000_000)))

	var socket atomic.Pointer[string]
	app := readerApp{
		random: rand.New(rand.NewPCG(seed, 2)), last: map[string]string{}, seen: map[string][]string{},
		socket: func() string { return *socket.Load() },
	}
	acked := make([][]string, channels)
	var published, done atomic.Bool
	var publishers errgroup.Group
	for i := range channels {
		name := "d:" + strconv.Itoa(i)
		app.last[name] = "0"
		c := other.Dial()
		publishers.Go(func() (err error) {
			acked[i], err = writeUntil(c, name, &published)
			return err
		})
	}
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1_000_000)))
	socket.Store(&r.Socket)
	var reader errgroup.Group
	reader.Go(func() error { return app.readUntil(&done, t) })
	for i := range restarts {
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // how long this relay lives
		if i == restarts/2 {
			redis.Restart()
			continue
		}
		r.Stop()
		r = harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1_000_000)))
		socket.Store(&r.Socket)
	}
	published.Store(true)
	if err := publishers.Wait(); err != nil {
		t.Fatal(err)
	}
	done.Store(true)
	if err := reader.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, ids := range acked {
		name := "d:" + strconv.Itoa(i)
		inRedis := kept(redis, name)
		if len(ids) == 0 {
			t.Errorf("%s: nothing was acknowledged", name)
		}
		for _, id := range ids {
			if _, found := slices.BinarySearchFunc(inRedis, id, compareIDs); !found {
				t.Fatalf("%s: %s was acknowledged and is not in Redis", name, id)
			}
		}
		if got := app.seen[name]; !slices.Equal(got, inRedis) {
			t.Errorf("%s: the reader saw %d entries, want %d in order", name, len(got), len(inRedis))
		}
		t.Logf("%s: %d entries, %d acknowledged", name, len(inRedis), len(ids))
	}
	t.Logf("%d entries were read twice", app.twice)
}

// writeUntil persists messages, and returns the IDs of those that were acknowledged.
func writeUntil(c *redistest.Client, channel string, done *atomic.Bool) (ids []string, err error) {
	for !done.Load() {
		v, err := c.TryDo("XADD", channel, "*", "payload", "message")
		switch {
		case err != nil:
			return ids, err
		case v.Type == '$':
			ids = append(ids, v.Str)
		case !strings.HasPrefix(v.Str, "UPSTREAMDOWN "):
			return ids, v.Err()
		}
		time.Sleep(200 * time.Microsecond) // a pace, not a wait
	}
	return ids, nil
}

func compareIDs(a, b string) int {
	parse := func(s string) (ms, seq int) {
		_, _ = fmt.Sscanf(s, "%d-%d", &ms, &seq) // they are Redis's
		return ms, seq
	}
	ams, aseq := parse(a)
	bms, bseq := parse(b)
	if ams != bms {
		return ams - bms
	}
	return aseq - bseq
}

// TestPublishersDoNotWaitForReaders that have left, or have sent more than is read ahead:
// what they have unread is not about to be carried out.
func TestPublishersDoNotWaitForReaders(t *testing.T) {
	const late = 200 * time.Millisecond // a publish that waits for a connection takes 250
	for name, do := range map[string]func(t *testing.T, reader *redistest.Client){
		"closed": func(_ *testing.T, reader *redistest.Client) { reader.Close() },
		"half closed": func(t *testing.T, reader *redistest.Client) {
			if err := reader.NetConn().(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		},
		"much behind it": func(_ *testing.T, reader *redistest.Client) {
			reader.SendRaw(bytes.Repeat([]byte("PING\r\n"), 20_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)))
			pub, quickest := r.Dial(), time.Hour
			for range 5 {
				reader := r.Dial()
				reader.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "$")
				redistest.Eventually(t, redistest.DefaultTimeout, "the reader waits", func() bool {
					return r.Metric("history_readers") >= 1
				})
				do(t, reader)
				begin := time.Now()
				pub.Do("PUBLISH", "plain", "m")
				quickest = min(quickest, time.Since(begin))
			}
			if quickest > late {
				t.Errorf("the quickest publish took %v", quickest)
			}
		})
	}
}
