package history

// Reading much at once: it costs nobody else, and is had as far as it may wait for who
// asks.

import (
	"fmt"
	"regexp"
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

// fill adds entries of so many bytes to the stream of a channel by hand, and returns
// their IDs.
func fill(t *testing.T, redis *redistest.Server, channel string, entries, size int) (ids []string) {
	t.Helper()
	v := redis.MustDo("EVAL", `local ids = {}
		for i = 1, ARGV[1] do
			ids[i] = redis.call('XADD', KEYS[1], '*', 'payload', string.rep('x', ARGV[2]))
		end
		return ids`, "1", "history:{"+channel+"}", strconv.Itoa(entries), strconv.Itoa(size))
	for _, id := range v.Elems {
		ids = append(ids, id.Str)
	}
	return ids
}

// asking tells which connection asks.
func asking(redis *redistest.Server) (id string) {
	for line := range strings.Lines(redis.MustDo("CLIENT", "LIST").Str) {
		if strings.Contains(line, ":read ") {
			id, _, _ = strings.Cut(line, " ")
		}
	}
	return id
}

// idsOf takes the entries' IDs out of the answer to a stream command, and fails if an
// entry is not of so many bytes.
func idsOf(t *testing.T, v redistest.Value, size int) (ids []string) {
	t.Helper()
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	if len(v.Elems) == 1 && len(v.Elems[0].Elems) == 2 && v.Elems[0].Elems[1].Type == '*' && v.Elems[0].Elems[0].Str == "d:1" {
		v = v.Elems[0].Elems[1] // XREAD
	}
	for _, e := range v.Elems {
		ids = append(ids, e.Elems[0].Str)
		if n := len(e.Elems[1].Elems[1].Str); n != size {
			t.Fatalf("entry %s has %d bytes, want %d", ids[len(ids)-1], n, size)
		}
	}
	return ids
}

// TestLargeReadCostsNobody reads more than fits into one answer of Redis, which is had
// if it may wait, while others go on reading over the same connection.
func TestLargeReadCostsNobody(t *testing.T) {
	const entries, size = 16, 5 << 20
	redis := redistest.Start(t)
	ids := fill(t, redis, "d:1", entries, size) // before anybody has to wait for that
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) {
		c.Limits.Queue, c.Limits.Memory = 128<<20, 1<<30
		c.Redis.PublishTimeout = redistest.DefaultTimeout // for a page, on a busy machine
	})
	large, small := r.Dial(), r.Dial()
	large.SetTimeout(time.Minute)
	small.Do("XADD", "d:2", "*", "payload", "small")
	small.Do("XRANGE", "d:2", "-", "+") // over the connection that asks
	backwards := slices.Clone(ids)
	slices.Reverse(backwards)
	before := asking(redis)
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"XRANGE d:1 - +", ids},
		{"XREVRANGE d:1 + -", backwards},
		{"XREAD STREAMS d:1 0", ids},
		{"XRANGE d:1 - + COUNT 3", ids[:3]},
	} {
		large.Send(strings.Fields(tt.line)...)
		answered := make(chan redistest.Value, 1)
		go func() {
			v, _ := large.TryReceive()
			answered <- v
		}()
		for waiting := true; waiting; {
			if got := small.Do("XLEN", "d:2").String(); got != ":1" {
				t.Fatalf("%s, and another reader gets %s", tt.line, got)
			}
			select {
			case v := <-answered:
				waiting = false
				if got := idsOf(t, v, size); !slices.Equal(got, tt.want) {
					t.Errorf("%s: got %v, want %v", tt.line, got, tt.want)
				}
			default:
			}
		}
	}
	if now := asking(redis); now != before {
		t.Errorf("the connection that asks was %s and is %s", before, now)
	}
}

// TestReadOverTheLimit is refused with the way out; one entry is had, however large.
func TestReadOverTheLimit(t *testing.T) {
	const size, queue = 300 << 10, 1 << 20
	redis := redistest.Start(t)
	ids := fill(t, redis, "d:1", 400, size) // over 64 MiB
	large := fill(t, redis, "d:2", 1, 2*queue)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) {
		c.Limits.Queue, c.Limits.Memory, c.Limits.Payload = queue, 4*queue, queue/2
		c.Redis.PublishTimeout = redistest.DefaultTimeout
	})
	c := r.Dial()
	for _, line := range []string{
		"XRANGE d:1 - +", "XRANGE d:1 - + COUNT 4", "XREVRANGE d:1 + -", "XREAD STREAMS d:1 0", "XREAD COUNT 2 STREAMS d:1 d:1 0 0",
	} {
		want := fmt.Sprintf("-TOOLARGE d:1: more than %d bytes in one answer; read less at a time, with COUNT", queue)
		if got := c.Do(strings.Fields(line)...).String(); got != want {
			t.Errorf("%s: got %.200s, want %s", line, got, want)
		}
	}
	for _, line := range []string{"XRANGE d:1 - + COUNT 3", "XREAD COUNT 3 STREAMS d:1 0"} {
		if got := idsOf(t, c.Do(strings.Fields(line)...), size); !slices.Equal(got, ids[:3]) {
			t.Errorf("%s: got %v, want %v", line, got, ids[:3])
		}
	}
	if got := idsOf(t, c.Do("XRANGE", "d:2", "-", "+"), 2*queue); !slices.Equal(got, large) {
		t.Errorf("an entry larger than the queue: got %v, want %v", got, large)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "nothing waits", func() bool { return r.Metric("queued_bytes") == 0 })
}

// TestLargeEntryConcernsItsChannel: one that nobody can read is told of by its ID. After
// a loss other channels are healed, and its own goes on behind it; who reads its stream
// is told where it is.
func TestLargeEntryConcernsItsChannel(t *testing.T) {
	const size = 70 << 20
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) {
		c.Redis.PublishTimeout = redistest.DefaultTimeout // Redis takes a second to copy it
		c.Redis.AlertAfter = 1000
	})
	sub, events, pub := r.Subscribe("d:1", "d:2"), r.Subscribe(relay.EventsChannel), r.Dial()
	r.Readable(pub, "d:barrier")
	before := pub.Do("XADD", "d:1", "*", "payload", "before").Str
	sub.Expect(t, "[message d:1 before]")
	proxy.Refuse(true)
	proxy.Cut()
	harness.Event(t, events, "upstream_down")
	large := fill(t, redis, "d:1", 1, size)[0]
	redis.MustDo("XADD", "history:{d:1}", "*", "payload", "behind")
	redis.MustDo("XADD", "history:{d:2}", "*", "payload", "missed")
	proxy.Refuse(false)
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	heard := []string{sub.Receive().String(), sub.Receive().String()}
	if slices.Sort(heard); !slices.Equal(heard, []string{"[message d:1 behind]", "[message d:2 missed]"}) {
		t.Errorf("heard %v", heard)
	}
	e := harness.Event(t, events, "gap")
	if e.Channel != "d:1" || e.After != before || e.Missing != 1 || e.Entry != large || e.Size != size+int64(len("payload")) ||
		e.Cause != fmt.Sprintf("entry %s of %d bytes is over limits.payload (%d)", large, e.Size, 1<<20) {
		t.Errorf("told of %+v", e)
	}
	harness.PublishReplies(t, pub, "d:1", "after", ":1")
	sub.Expect(t, "[message d:1 after]")

	reader := r.Dial()
	reader.Do("XRANGE", "d:2", "-", "+") // after a loss the connection that asks is made when it is needed
	asks := asking(redis)
	refused := fmt.Sprintf("-TOOLARGE d:1: entry %s, of %d bytes in 1 field, is too large to be read; "+
		"read up to it and behind it, or XDEL history:{d:1} %[1]s on Redis", large, size+len("payload"))
	for _, tt := range []struct{ line, want string }{
		{"XRANGE d:1 - +", refused},
		{"XRANGE d:1 " + large + " + COUNT 1", refused},
		{"XREVRANGE d:1 + -", refused},
		{"XREAD STREAMS d:1 0", refused},
		{"XREAD STREAMS d:2 d:1 0 0", refused},
		{"XREAD BLOCK 0 STREAMS d:1 " + before, refused},
		{"XREAD BLOCK 0 STREAMS d:2 d:1 0 " + before, refused},
		{"XREAD BLOCK 0 STREAMS d:1 0", "before"},
		{"XREAD COUNT 1 STREAMS d:1 0", "before"},
		{"XRANGE d:1 - (" + large, "before"},
		{"XRANGE d:1 (" + large + " +", "behind after"},
		{"XREVRANGE d:1 + (" + large, "after behind"},
		{"XREAD STREAMS d:1 " + large, "behind after"},
		{"XREAD BLOCK 0 STREAMS d:1 " + large, "behind after"},
	} {
		got := reader.Do(strings.Fields(tt.line)...).String()
		if !strings.HasPrefix(got, "-") {
			got = strings.Join(payloads.FindAllString(got, -1), " ")
		}
		if got != tt.want {
			t.Errorf("%s: got %.300s, want %s", tt.line, got, tt.want)
		}
	}
	if now := asking(redis); now != asks {
		t.Errorf("the connection that asks was %s and is %s", asks, now)
	}
}

// payloads finds those of the test above.
var payloads = regexp.MustCompile(`\b(before|behind|after)\b`)

// TestEntriesOverThePayloadAreTold, each by its ID, where they were missed; the others
// are healed, in order.
func TestEntriesOverThePayloadAreTold(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) { c.Limits.Payload = 1000 })
		plain := dialRedis(r, redis)
		sub, events, pub := r.Subscribe("d:1"), r.Subscribe(relay.EventsChannel), r.Dial()
		r.Readable(pub, "d:1")
		sub.Expect(t, "[message d:1 m]")
		var over, want []string
		for i, size := range []int{999, 1000, 1001, 500_000, 1, 3_000_000, 1000} {
			id := plain.Do("XADD", "history:{d:1}", "*", "payload", strings.Repeat(string(rune(97+i)), size)).Str
			if size > 1000 {
				over = append(over, id)
			} else {
				want = append(want, "[message d:1 "+strings.Repeat(string(rune(97+i)), size)+"]")
			}
		}
		plain.Do("CLIENT", "KILL", "TYPE", "pubsub")
		harness.Event(t, events, "upstream_down")
		harness.Event(t, events, "gap")
		harness.Event(t, events, "upstream_up")
		sub.Expect(t, want...)
		for _, id := range over {
			if e := harness.Event(t, events, "gap"); e.Entry != id || e.Missing != 1 || e.Size <= 1000 {
				t.Errorf("told of %+v, want %s", e, id)
			}
		}
		harness.PublishReplies(t, pub, "d:1", "after", ":1")
		sub.Expect(t, "[message d:1 after]")
	})
}

// TestReadsWhileRedisTakesNothing are refused when too much waits to be sent: each of their channels is subscribed.
func TestReadsWhileRedisTakesNothing(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	const reads, channels = 40, 1000
	redis.Stop()
	for i := range reads {
		command := []string{"XREAD", "BLOCK", "0", "STREAMS"}
		for j := range channels {
			command = append(command, fmt.Sprintf("d:%d:%d:%s", i, j, strings.Repeat("x", 900)))
		}
		r.Dial().Send(append(command, strings.Fields(strings.Repeat("$ ", channels))...)...)
	}
	c := r.Dial()
	redistest.Eventually(t, redistest.DefaultTimeout, "one more is refused", func() bool {
		return strings.HasPrefix(c.Do("XREAD", "BLOCK", "1", "STREAMS", "d:1", "$").String(), "-BUSY d:1: ")
	})
	redis.Cont()
}
