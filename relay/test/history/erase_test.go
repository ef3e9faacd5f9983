package history

// What is deleted from a stream is not to be read from the relay's memory for long.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// erasures are ways in which entries, given by their IDs, leave a stream.
var erasures = []struct {
	name string
	do   func(random *rand.Rand, key string, ids []string) (commands [][]string)
}{
	{"one", func(random *rand.Rand, key string, ids []string) [][]string {
		return [][]string{{"XDEL", key, ids[random.IntN(len(ids))]}}
	}},
	{"several", func(random *rand.Rand, key string, ids []string) (list [][]string) {
		for range 1 + random.IntN(4) {
			list = append(list, []string{"XDEL", key, ids[random.IntN(len(ids))]})
		}
		return list
	}},
	{"an older one behind a newer one", func(random *rand.Rand, key string, ids []string) [][]string {
		at := 1 + random.IntN(len(ids)-1)
		return [][]string{{"XDEL", key, ids[at]}, {"XDEL", key, ids[random.IntN(at)]}}
	}},
	{"the newest", func(_ *rand.Rand, key string, ids []string) [][]string {
		return [][]string{{"XDEL", key, ids[len(ids)-1]}}
	}},
	{"the oldest", func(random *rand.Rand, key string, ids []string) [][]string {
		return [][]string{{"XTRIM", key, "MAXLEN", "=", fmt.Sprint(random.IntN(len(ids)))}}
	}},
	{"all", func(_ *rand.Rand, key string, _ []string) [][]string { return [][]string{{"DEL", key}} }},
	{"all, for something else", func(_ *rand.Rand, key string, _ []string) [][]string {
		return [][]string{{"DEL", key}, {"SET", key, "x"}}
	}},
}

// TestErasedIsNotRead, whichever entries leave a stream: XREAD BLOCK gives what XREAD does
// from every ID that there ever was.
func TestErasedIsNotRead(t *testing.T) {
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
		plain, pub, reader := dialRedis(r, redis), r.Dial(), r.Dial()
		random := rand.New(rand.NewPCG(1, 7))
		var channels []string
		known := map[string][]string{} // IDs of each channel, oldest first
		for round := range 3 {
			for _, e := range erasures {
				channel := fmt.Sprintf("d:%d %s", round, e.name)
				channels = append(channels, channel)
				r.Readable(pub, channel) // from now on entries are kept for readers
				for range 10 {
					known[channel] = append(known[channel], pub.Do("XADD", channel, "*", "payload", "m").Str)
				}
			}
		}
		answers := func(channel, after string) (memory, stream string) {
			args := []string{"STREAMS", channel, after}
			memory = reader.Do(append([]string{"XREAD", "BLOCK", "1"}, args...)...).String()
			return memory, reader.Do(append([]string{"XREAD"}, args...)...).String()
		}
		for i, channel := range channels {
			for _, command := range erasures[i%len(erasures)].do(random, "history:{"+channel+"}", known[channel]) {
				if v := plain.Do(command...); v.Err() != nil {
					t.Fatalf("%v: %s", command, v)
				}
			}
			if i%2 == 0 { // others are added meanwhile
				pub.Do("XADD", channel, "*", "payload", "after")
			}
		}
		began, took := time.Now(), time.Duration(0) // to the last answer that had something erased: asking takes time, too
		for _, channel := range channels {
			for _, after := range known[channel] {
				redistest.Eventually(t, redistest.DefaultTimeout, channel+" is as its stream behind "+after, func() bool {
					memory, stream := answers(channel, after)
					if memory == stream || isNothing(memory) && isNothing(stream) {
						return true
					}
					took = time.Since(began)
					return false
				})
			}
		}
		if took > 10*time.Second {
			t.Errorf("it took %v until what was erased was gone", took)
		}
	})
}

// isNothing tells whether an answer has no entries: a reader waits for what comes, as long as
// it needs no more than that, also where Redis has something else by now.
func isNothing(answer string) bool {
	return answer == "(nil)" || strings.HasPrefix(answer, "-WRONGTYPE ")
}
