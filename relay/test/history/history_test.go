package history

// Channels with history: persisted first, broadcast second, read back, healed.

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// dialRedis connects to the Redis behind the relay: redis, or the embedded one.
func dialRedis(r *harness.Relay, redis *redistest.Server) *redistest.Client {
	r.T.Helper()
	if redis != nil {
		return redistest.Dial(r.T, "unix", redis.Socket())
	}
	url, _ := r.Embedded()
	return redistest.Dial(r.T, "tcp", strings.TrimPrefix(url, "redis://"))
}

func TestHistoryIsKeptAndHeard(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
		exact, all := r.Subscribe("d:1"), r.Dial()
		all.Send("PSUBSCRIBE", "d:*", "*")
		all.Expect(t, "[psubscribe d:* 1]", "[psubscribe * 2]")

		pub := r.Dial()
		pub.Send("PUBLISH", "d:1", "one")
		pub.Expect(t, ":3")
		id := pub.Do("XADD", "d:1", "*", "json", "two").Str
		for _, m := range []string{"one", "two"} {
			exact.Expect(t, "[message d:1 "+m+"]")
			got := []string{all.Receive().String(), all.Receive().String()}
			slices.Sort(got) // Redis keeps no order among patterns
			if want := []string{"[pmessage * d:1 " + m + "]", "[pmessage d:* d:1 " + m + "]"}; !slices.Equal(got, want) {
				t.Errorf("patterns heard %v", got)
			}
		}
		pub.Send("XLEN", "d:1")
		pub.Expect(t, ":2")
		list := pub.Do("XRANGE", "d:1", "-", "+").String()
		if !strings.Contains(list, "[payload one]") || !strings.HasSuffix(list, "["+id+" [json two]]]") {
			t.Errorf("XRANGE: %s", list)
		}
		if rev := pub.Do("XREVRANGE", "d:1", "+", "-", "COUNT", "1").String(); rev != "[["+id+" [json two]]]" {
			t.Errorf("XREVRANGE: %s", rev)
		}
		first := pub.Do("XRANGE", "d:1", "-", "+").Elems[0].Elems[0].Str
		for _, args := range [][]string{
			{"XREAD", "STREAMS", "d:1", first},
			{"XREAD", "BLOCK", "0", "STREAMS", "d:1", first},
		} {
			if got := pub.Do(args...).String(); got != "[[d:1 [["+id+" [json two]]]]]" {
				t.Errorf("%v: %s", args, got)
			}
		}
		if got := pub.Do("XREAD", "STREAMS", "d:1", "$").String(); got != "(nil)" {
			t.Errorf("XREAD from $: %s", got)
		}
	})
}

// TestOwnPublishesAreRead though they go to Redis over another connection than what
// reads.
func TestOwnPublishesAreRead(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)))
	c := r.Dial()
	const rounds = 200
	var pipeline []byte
	for range rounds {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "d:1", "m")
		pipeline = redistest.AppendCommand(pipeline, "XLEN", "d:1")
	}
	c.SendRaw(pipeline)
	for i := range rounds {
		c.Expect(t, ":0", ":"+strconv.Itoa(i+1))
	}
}

func TestReadersWaitForEntries(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
		pub, reader, listener := r.Dial(), r.Dial(), r.Subscribe("d:2")
		reader.Hello3()
		reader.Do("XREAD", "BLOCK", "100", "STREAMS", "d:1", "d:2", "$", "$") // the relay knows what is newest
		for i := range 3 {
			reader.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "d:2", "$", "$")
			redistest.Eventually(t, redistest.DefaultTimeout, "the reader waits", func() bool {
				return r.Metric("history_readers") == 1
			})
			id := pub.Do("XADD", "d:2", "*", "payload", "m"+strconv.Itoa(i)).Str
			reader.Expect(t, "%[d:2 [["+id+" [payload m"+strconv.Itoa(i)+"]]]]")
			listener.Expect(t, "[message d:2 m"+strconv.Itoa(i)+"]") // the relay has heard the entry
		}
		began := time.Now()
		reader.Send("XREAD", "BLOCK", "300", "STREAMS", "d:1", "$")
		reader.Expect(t, "(nil)")
		if took := time.Since(began); took < 290*time.Millisecond || took > 5*time.Second {
			t.Errorf("a timeout of 300ms took %v", took)
		}
	})
}

func TestHistoryHealsAfterALoss(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)))
	other := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	pub := other.Dial()
	pub.Do("XADD", "d:0", "*", "payload", "m")
	r.Dial().Do("XREAD", "BLOCK", "0", "STREAMS", "d:0", "0") // the relay knows what time it is at Redis
	exact, all := r.Subscribe("d:1"), r.Dial()
	all.Send("PSUBSCRIBE", "d:*")
	all.Expect(t, "[psubscribe d:* 1]")
	pub.Send("PUBLISH", "d:1", "before")
	pub.Expect(t, ":2")
	exact.Expect(t, "[message d:1 before]")
	all.Expect(t, "[pmessage d:* d:1 before]")

	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, redistest.DefaultTimeout, "the loss is seen, at both ends", func() bool {
		return !r.IsReady() && len(redis.PubSubClients()) == 1 // of other
	})
	for i := range 300 {
		pub.Send("PUBLISH", "d:1", "lost"+strconv.Itoa(i))
		pub.Expect(t, ":0")
	}
	pub.Send("PUBLISH", "d:unheard", "lost")
	pub.Expect(t, ":0")
	proxy.Refuse(false)
	redistest.Eventually(t, redistest.DefaultTimeout, "ready again", r.IsReady)
	pub.Send("PUBLISH", "d:1", "after")
	pub.Expect(t, ":2")
	for i := range 300 {
		exact.Expect(t, "[message d:1 lost"+strconv.Itoa(i)+"]")
	}
	exact.Expect(t, "[message d:1 after]")
	seen := map[string]int{}
	for range 302 {
		seen[all.Receive().String()]++
	}
	if seen["[pmessage d:* d:unheard lost]"] != 1 || seen["[pmessage d:* d:1 lost299]"] != 1 || len(seen) != 302 {
		t.Errorf("the pattern heard %d different messages, want 302", len(seen))
	}
}
