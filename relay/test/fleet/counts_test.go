package fleet

// PUBSUB counts the listeners behind all relays, and plain clients of Redis.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/embedded"
	"redis-relay/relay/fleet"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

// numsub asks for the listeners of one name.
func numsub(t testing.TB, c *redistest.Client, word, name string) int64 {
	t.Helper()
	v := c.Do("PUBSUB", word, name)
	if len(v.Elems) != 2 || v.Elems[0].Str != name {
		t.Fatalf("PUBSUB %s %s: %s", word, name, v)
	}
	return v.Elems[1].Int
}

// TestFleetCounts has clients of three relays and of Redis come and go, one after the
// other, and all relays count them, each time.
func TestFleetCounts(t *testing.T) {
	for _, kind := range []struct{ subscribe, unsubscribe, numsub string }{
		{"SUBSCRIBE", "UNSUBSCRIBE", "NUMSUB"},
		{"SSUBSCRIBE", "SUNSUBSCRIBE", "SHARDNUMSUB"},
	} {
		if kind.subscribe == "SSUBSCRIBE" && !redistest.Shards(t) {
			continue
		}
		t.Run(kind.numsub, func(t *testing.T) {
			redis := redistest.Start(t)
			doors := []func() *redistest.Client{func() *redistest.Client { return redistest.Dial(t, "tcp", redis.Addr()) }}
			var ask []*redistest.Client
			for range 3 {
				r := harness.Start(t, redis)
				doors, ask = append(doors, r.Dial), append(ask, r.Dial())
			}
			var clients []*redistest.Client
			var listens []bool
			for i := range 24 {
				clients, listens = append(clients, doors[i%len(doors)]()), append(listens, false)
			}
			want := int64(0)
			for step := range 150 {
				i := rand.IntN(len(clients))
				if listens[i] = !listens[i]; listens[i] {
					clients[i].Send(kind.subscribe, "servers")
					clients[i].Expect(t, "["+strings.ToLower(kind.subscribe)+" servers 1]")
					want++
				} else {
					clients[i].Send(kind.unsubscribe, "servers")
					clients[i].Expect(t, "["+strings.ToLower(kind.unsubscribe)+" servers 0]")
					want--
				}
				if i%len(doors) == 0 {
					redis.MustDo("PING") // what a plain client was told holds for all
				}
				for r, c := range ask {
					if got := numsub(t, c, kind.numsub, "servers"); got != want {
						t.Fatalf("step %d: relay %d counts %d listeners, want %d", step, r, got, want)
					}
				}
			}
			for _, c := range clients {
				c.Close()
			}
			redistest.Eventually(t, redistest.DefaultTimeout, "nobody is counted", func() bool {
				return numsub(t, ask[0], kind.numsub, "servers") == 0
			})
		})
	}
}

// TestFleetCountsNobodyWhoHasLeft another relay, whose Redis is far away and still
// counts it.
func TestFleetCountsNobodyWhoHasLeft(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	a, b := harness.Start(t, redis), harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	asks := a.Dial()
	proxy.Delay(40 * time.Millisecond)
	for range 5 {
		sub := b.Subscribe("servers")
		sub.Close()
		redistest.Eventually(t, redistest.DefaultTimeout, "it has left", func() bool {
			return b.Metric(`subscriptions{kind="channel"}`) == 0
		})
		if got := numsub(t, asks, "NUMSUB", "servers"); got != 0 {
			t.Errorf("%d listeners", got)
		}
	}
}

// TestFleetCountsWhileOthersComeAndGo has listeners that stay, and others that come
// and go all the time: those who stay are always counted.
func TestFleetCountsWhileOthersComeAndGo(t *testing.T) {
	const stay, come = 4, 6
	redis := redistest.Start(t)
	a, b := harness.Start(t, redis), harness.Start(t, redis)
	for range stay {
		a.Subscribe("servers")
	}
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := range come {
		c := b.Dial()
		others.Go(func() {
			// With names that are new at Redis: confirmed, and not yet listened to.
			names := []string{"SUBSCRIBE", "servers", fmt.Sprint("other:", i)}
			for {
				select {
				case <-stop:
					return
				default:
				}
				for range 2 {
					if _, err := c.TryDo(names...); err != nil {
						t.Error(err)
						return
					}
					if _, err := c.TryReceive(); err != nil {
						t.Error(err)
						return
					}
					if names[0] == "SUBSCRIBE" {
						names[0] = "UNSUBSCRIBE"
					} else {
						names[0] = "SUBSCRIBE"
					}
				}
			}
		})
	}
	var ask sync.WaitGroup
	for _, r := range []*harness.Relay{a, b, a, b} {
		c := r.Dial()
		ask.Go(func() {
			for range 500 {
				if got := numsub(t, c, "NUMSUB", "servers"); got < stay || got > stay+come {
					t.Errorf("%d listeners, want %d to %d", got, stay, stay+come)
				}
			}
		})
	}
	ask.Wait()
	close(stop)
	others.Wait()
	for _, r := range []*harness.Relay{a, b} {
		if n := r.Metric("fleet_answers_missing_total"); n != 0 {
			t.Errorf("%v answers were missing", n)
		}
	}
}

// TestFleetCountsWithoutOneRelay has a relay that is stopped, which is counted as one
// after a bounded time, and then killed, which is not waited for.
func TestFleetCountsWithoutOneRelay(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	other := process.Launch(t, "", "--redis.url="+redis.URL())
	r.Subscribe("servers")
	for range 3 {
		c := other.Dial()
		c.Send("SUBSCRIBE", "servers")
		c.Expect(t, "[subscribe servers 1]")
	}
	ask := r.Dial()
	expect := func(when string, want int64, missing float64) {
		t.Helper()
		before := r.Metric("fleet_answers_missing_total")
		start := time.Now()
		if got := numsub(t, ask, "NUMSUB", "servers"); got != want {
			t.Errorf("%s: %d listeners, want %d", when, got, want)
		}
		took := time.Since(start)
		if n := r.Metric("fleet_answers_missing_total") - before; n != missing {
			t.Errorf("%s: %v answers were missing, want %v", when, n, missing)
		}
		if took > redistest.DefaultTimeout/2 || missing > 0 && took < fleet.Patience {
			t.Errorf("%s: it took %v", when, took)
		}
	}
	expect("all answer", 1+3, 0)
	other.Signal(syscall.SIGSTOP)
	redistest.Eventually(t, redistest.DefaultTimeout, "it stands still", func() bool { return stands(t, other.Cmd.Process.Pid) })
	expect("one is stopped", 1+1, 1)
	other.Signal(syscall.SIGCONT)
	redistest.Eventually(t, redistest.DefaultTimeout, "it answers again", func() bool {
		return numsub(t, ask, "NUMSUB", "servers") == 1+3
	})
	expect("it answers again", 1+3, 0)
	other.Signal(syscall.SIGKILL)
	asked := "SHARDNUMSUB"
	if !redis.Shards() {
		asked = "NUMSUB"
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "Redis has noticed", func() bool {
		return redis.MustDo("PUBSUB", asked, "relay:count").Elems[1].Int == 1
	})
	expect("one is dead", 1, 0)
}

// stands tells whether all threads of a process are stopped by a signal.
func stands(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return runtime.GOOS != "linux"
	}
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		_, state, _ := strings.Cut(string(stat), ") ") // after "pid (name"
		if err == nil && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// TestFleetCountsThroughReconnects has the connection of one relay cut: it answers
// again when it is ready.
func TestFleetCountsThroughReconnects(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	a := harness.Start(t, redis)
	b := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithRoutes(harness.NewRoute("servers", func(r *config.Route) {
		r.Policy.OnGap = config.OnGapNotify
	})))
	for _, r := range []*harness.Relay{a, b, b, b} {
		r.Subscribe("servers")
	}
	for range 3 {
		for _, r := range []*harness.Relay{a, b} {
			if got := numsub(t, r.Dial(), "NUMSUB", "servers"); got != 4 {
				t.Errorf("%d listeners, want 4", got)
			}
		}
		lives := b.Metric("upstream_connections_total")
		proxy.Cut()
		redistest.Eventually(t, redistest.DefaultTimeout, "the relay is back", func() bool {
			return b.Metric("upstream_connections_total") > lives && b.IsReady()
		})
	}
}

func TestCountsWithoutRedis(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Redis.PublishTimeout = 2 * time.Second }) // it is waited for
	r.Subscribe("relay:events")
	ask := r.Dial()
	if got := numsub(t, ask, "NUMSUB", "relay:events"); got != 1 {
		t.Errorf("relay:events has %d listeners, want 1", got)
	}
	redis.Kill()
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay has noticed", func() bool { return !r.IsReady() })
	if got := ask.Do("PUBSUB", "NUMSUB", "servers").String(); !strings.HasPrefix(got, "-UPSTREAMDOWN ") {
		t.Errorf("got %s, want UPSTREAMDOWN", got)
	}
}

// TestCountsWithoutFleet has a Redis user who may not use the relays' own channels.
func TestCountsWithoutFleet(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &servers +@all", "default off"))
	user := harness.WithRedis("redis://app:secret@" + redis.Addr())
	a, b := harness.Start(t, nil, user), harness.Start(t, nil, user)
	for _, r := range []*harness.Relay{a, b, b, b} {
		r.Subscribe("servers")
	}
	for _, r := range []*harness.Relay{a, b} {
		c := r.Dial()
		want := map[*harness.Relay]string{a: "[servers 2 nobody 0]", b: "[servers 4 nobody 0]"}[r]
		for range 2 {
			if got := c.Do("PUBSUB", "NUMSUB", "servers", "nobody").String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if n := strings.Count(strings.Join(r.Story(), "\n"), "every other relay is counted as one listener"); n != 1 {
			t.Errorf("the log says %d times that the fleet cannot be asked, want once", n)
		}
	}
}

func TestEmbeddedRedisCountsFleet(t *testing.T) {
	redis, err := embedded.Start("", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	a, b := harness.Start(t, nil, harness.WithRedis(redis.URL())), harness.Start(t, nil, harness.WithRedis(redis.URL()))
	for _, r := range []*harness.Relay{a, b, b, b} {
		r.Subscribe("servers")
	}
	for _, r := range []*harness.Relay{a, b} {
		if got := r.Dial().Do("PUBSUB", "NUMSUB", "servers", "nobody").String(); got != "[servers 4 nobody 0]" {
			t.Errorf("got %s, want [servers 4 nobody 0]", got)
		}
	}
}
