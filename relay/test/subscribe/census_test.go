package subscribe

// What PUBSUB answers to who asks right behind what others sent, on connections of their
// own: Redis carries out first what was sent first.

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// question shows whether somebody listens.
type question struct {
	subscribe, name, unsubscribe string
	ask                          string
	nobody, one                  string // the answers
}

var allQuestions = []question{
	{"SUBSCRIBE", "counted:1", "UNSUBSCRIBE", "PUBSUB NUMSUB counted:1", "[counted:1 0]", "[counted:1 1]"},
	{"SUBSCRIBE", "counted:1", "UNSUBSCRIBE", "PUBSUB CHANNELS", "[]", "[counted:1]"},
	{"SUBSCRIBE", "counted:1", "UNSUBSCRIBE", "PUBSUB CHANNELS c*1", "[]", "[counted:1]"},
	{"PSUBSCRIBE", "counted:*", "PUNSUBSCRIBE", "PUBSUB NUMPAT", ":0", ":1"},
	{"SSUBSCRIBE", "counted:1", "SUNSUBSCRIBE", "PUBSUB SHARDNUMSUB counted:1", "[counted:1 0]", "[counted:1 1]"},
	{"SSUBSCRIBE", "counted:1", "SUNSUBSCRIBE", "PUBSUB SHARDCHANNELS", "[]", "[counted:1]"},
}

// questions are those that Redis can answer.
func questions(t *testing.T) []question {
	if redistest.Shards(t) {
		return allQuestions
	}
	return slices.DeleteFunc(slices.Clone(allQuestions), func(q question) bool { return q.subscribe == "SSUBSCRIBE" })
}

// TestCountsFollowWhatWasSentBefore has somebody come and go, and does not wait for the
// answers. Redis is near, and then far away.
func TestCountsFollowWhatWasSentBefore(t *testing.T) {
	const rounds = 20 // of three ends; about half of the counts were wrong
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	asks := r.Dial()
	for _, delay := range []time.Duration{0, time.Millisecond} {
		proxy.Delay(delay)
		for _, q := range questions(t) {
			t.Run(q.ask+" after "+delay.String(), func(t *testing.T) {
				come := "[" + strings.ToLower(q.subscribe) + " " + q.name + " 1]"
				count := func(want string) {
					t.Helper()
					asks.Send(strings.Fields(q.ask)...)
					asks.Expect(t, want)
				}
				for range rounds {
					sub := r.Dial()
					sub.Do("PING") // it is accepted
					sub.Send(q.subscribe, q.name)
					count(q.one)
					sub.Expect(t, come)
					sub.Send(q.unsubscribe)
					count(q.nobody)
					sub.Expect(t, "["+strings.ToLower(q.unsubscribe)+" "+q.name+" 0]")
					sub.Do(q.subscribe, q.name)
					sub.Send("RESET")
					count(q.nobody)
					sub.Expect(t, "+RESET")
					sub.Do(q.subscribe, q.name)
					sub.Close()
					count(q.nobody)
				}
			})
		}
	}
}

// TestCountsFollowTheResetOfAll kinds of subscriptions at once.
func TestCountsFollowTheResetOfAll(t *testing.T) {
	const rounds = 50
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	proxy.Delay(time.Millisecond)
	sub, asks := r.Dial(), r.Dial()
	for range rounds {
		for _, q := range questions(t) {
			sub.Do(q.subscribe, q.name)
		}
		sub.Send("RESET")
		for _, q := range questions(t) {
			asks.Send(strings.Fields(q.ask)...)
			asks.Expect(t, q.nobody)
		}
		sub.Expect(t, "+RESET")
	}
}

// TestCountsFollowAKill on the same connection: in Redis the killed one is gone by then.
func TestCountsFollowAKill(t *testing.T) {
	const rounds = 100 // one in four counts was wrong
	r := harness.Start(t, redistest.Start(t))
	kills, asked := r.Dial(), questions(t)
	for i := range rounds {
		q := asked[i%len(asked)]
		sub := r.Dial()
		id := sub.Do("CLIENT", "ID").String()[1:]
		sub.Do(q.subscribe, q.name)
		kills.Do("CLIENT", "KILL", "ID", id)
		if i%2 == 0 {
			kills.Send("PUBLISH", "counted:1", "too-late")
			kills.Expect(t, ":0")
		}
		kills.Send(strings.Fields(q.ask)...)
		kills.Expect(t, q.nobody)
	}
}

// TestCountsWaitForNoQuestions of others who have the next one on its way already.
func TestCountsWaitForNoQuestions(t *testing.T) {
	const clients, questions = 2, 300 // in 50 ms; when they waited for each other, 40 s
	r := harness.Start(t, redistest.Start(t))
	start := time.Now()
	var all sync.WaitGroup
	for range clients {
		c := r.Dial()
		all.Go(func() {
			for i := range questions {
				if err := c.TrySend("PUBSUB", "NUMSUB", "counted:1"); err != nil {
					t.Error(err)
				}
				if i == 0 {
					continue
				}
				if _, err := c.TryReceive(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}
