package dead

// A Redis that is away, refuses, or is flooded: publishers feel nothing, each letter is kept once, and what is lost is
// counted and told.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const invalidOnly = `
routes: [{prefix: "x:", schema: x.json, invalid: {dead_letter: "dead:x"}}, {prefix: "ok:"}]
`

// publishRefused publishes n different messages that are refused, in pipelines, and returns how long the answers took.
func publishRefused(t *testing.T, c *redistest.Client, from, n, size int) (took time.Duration) {
	t.Helper()
	began := time.Now()
	const atOnce = 200
	for i := from; i < from+n; i += atOnce {
		var b []byte
		for j := i; j < min(i+atOnce, from+n); j++ {
			b = redistest.AppendCommand(b, "PUBLISH", "x:1", fmt.Sprintf(`{"id":%d,"pad":"%s"}`, j, strings.Repeat("x", size)))
		}
		c.SendRaw(b)
		for j := i; j < min(i+atOnce, from+n); j++ {
			if got := c.Receive().String(); !strings.HasPrefix(got, "-INVALID ") {
				t.Fatal(got)
			}
		}
	}
	return time.Since(began)
}

// distinct counts the payloads in dead:x, and those that are there more than once.
func (s *scene) distinct() (n, twice int) {
	s.t.Helper()
	times := map[string]int{}
	for _, entry := range s.entries("dead:x") {
		if times[entry["payload"]]++; times[entry["payload"]] == 2 {
			twice++
		}
	}
	return len(times), twice
}

func TestRedisAway(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, invalidOnly)
	pub := s.Dial()
	publishRefused(t, pub, 0, 10, 0)
	s.awaitLength("dead:x", 10)
	redis.Kill()
	if took := publishRefused(t, pub, 10, 1000, 0); took > 5*time.Second {
		t.Errorf("1000 answers took %v", took)
	}
	redistest.Eventually(t, patience, "they wait", func() bool { return s.Metric("dead_letters_waiting") > 900 })
	redis.Restart()
	s.awaitLength("dead:x", 1000) // Redis has forgotten the first
	if n, twice := s.distinct(); n != 1000 || twice != 0 {
		t.Errorf("%d kept, %d of them twice", n, twice)
	}
	if lost := s.lost(); lost != 0 {
		t.Errorf("%v lost", lost)
	}
}

// lost is what is counted of lost letters.
func (s *scene) lost() float64 {
	s.t.Helper()
	return s.Metric(`dead_letters_lost_total{reason="full"}`) + s.Metric(`dead_letters_lost_total{reason="refused"}`) +
		s.Metric(`dead_letters_lost_total{reason="ended"}`)
}

// TestAnswersLost: a batch whose answer is lost with its connection is sent again, and written once.
func TestAnswersLost(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	s := start(t, redis, "dead_letters: {rate: 1000000}\n"+invalidOnly, harness.WithRedis("redis://"+proxy.Addr()))
	pub := s.Dial()
	const rounds, each = 20, 500
	for i := range rounds {
		publishRefused(t, pub, i*each, each, 100)
		proxy.Cut()
	}
	s.awaitLength("dead:x", rounds*each)
	if n, twice := s.distinct(); n != rounds*each || twice != 0 || s.lost() != 0 {
		t.Errorf("%d kept, %d of them twice, %v lost", n, twice, s.lost())
	}
}

// TestNoRoom: a flood while Redis does not answer takes bounded memory; what is lost is counted, and told.
func TestNoRoom(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, "dead_letters: {length: 1000000, rate: 1000000}\n"+invalidOnly)
	events := s.Subscribe(relay.EventsChannel)
	pub := s.Dial()
	redis.Stop()
	const messages, size = 10_000, 4096
	publishRefused(t, pub, 0, messages, size)
	waiting := s.Metric("dead_letters_waiting")
	if held := waiting * size; held > 16<<20 || held < 8<<20 {
		t.Errorf("%v wait, some %v bytes", waiting, held)
	}
	redis.Cont()
	told := 0.0
	for told == 0 {
		e := struct {
			Event, Cause string
			Messages     float64
		}{}
		harness.Heard(t, events, relay.EventsChannel, &e)
		if e.Event == "alert" && strings.Contains(e.Cause, "dead_letters.rate") {
			told = e.Messages
		}
	}
	redistest.Eventually(t, patience, "the rest is kept", func() bool { return s.Metric("dead_letters_waiting") == 0 })
	written, lost := s.Metric("dead_letters_written_total"), s.lost()
	if lost == 0 || told > lost || written+lost != messages || s.length("dead:x") != int(written) {
		t.Errorf("%v written (%d there), %v lost, %v told", written, s.length("dead:x"), lost, told)
	}
	if n := s.Logs.FilterMessage("refused messages are not kept as dead letters").Len(); n == 0 || n > 5 {
		t.Errorf("%d lines in the log", n)
	}
}

// TestRedisRefusesThem, for good or for a while.
func TestRedisRefusesThem(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, invalidOnly)
	pub := s.Dial()
	redis.MustDo("CONFIG", "SET", "maxmemory", "1")
	publishRefused(t, pub, 0, 10, 0)
	redistest.Eventually(t, patience, "they are tried again", func() bool { return scripts(redis) >= 3 })
	if waiting := s.Metric("dead_letters_waiting"); waiting != 10 {
		t.Errorf("%v wait", waiting)
	}
	redis.MustDo("CONFIG", "SET", "maxmemory", "0")
	s.awaitLength("dead:x", 10)
	if lost := s.lost(); lost != 0 {
		t.Errorf("%v lost", lost)
	}
	redis.MustDo("SET", "dead:x", "no stream")
	publishRefused(t, pub, 10, 7, 0)
	redistest.Eventually(t, patience, "they are lost", func() bool {
		return s.Metric(`dead_letters_lost_total{reason="refused"}`) == 7
	})
	redistest.Eventually(t, patience, "that is told", func() bool {
		told := s.Logs.FilterMessage("refused messages are not kept as dead letters").All()
		return len(told) > 0 && strings.Contains(fmt.Sprint(told[0].ContextMap()), "WRONGTYPE")
	})
	harness.PublishReplies(t, pub, "ok:1", "m", ":0")
}

// scripts counts the calls of scripts.
func scripts(redis *redistest.Server) (n int) {
	for line := range strings.Lines(redis.MustDo("INFO", "commandstats").Str) {
		var calls int
		if name, rest, _ := strings.Cut(line, ":"); name == "cmdstat_eval" || name == "cmdstat_evalsha" {
			if _, err := fmt.Sscanf(rest, "calls=%d", &calls); err == nil {
				n += calls
			}
		}
	}
	return n
}

// TestBoundsOfAStream: its length, and how long it lives.
func TestBoundsOfAStream(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, "dead_letters: {length: 100, ttl: 1h, rate: 1000000}\n"+invalidOnly)
	publishRefused(t, s.Dial(), 0, 5000, 0)
	redistest.Eventually(t, patience, "all are written", func() bool { return s.Metric("dead_letters_written_total") == 5000 })
	if n := s.length("dead:x"); n < 100 || n > 300 { // whole nodes of the stream are trimmed
		t.Errorf("%d entries", n)
	}
	if ttl := redis.MustDo("TTL", "dead:x").Int; ttl < 3500 || ttl > 3600 {
		t.Errorf("lives for %d s", ttl)
	}
	for _, key := range redis.MustDo("KEYS", "*").Elems {
		if ttl := redis.MustDo("TTL", key.Str).Int; ttl <= 0 {
			t.Errorf("%s lives for ever", key.Str)
		}
	}
}

// TestFloodIsPaced: however many messages are refused, Redis gets dead_letters.rate of them, and a batch.
func TestFloodIsPaced(t *testing.T) {
	redis := redistest.Start(t)
	const perSecond = 20 // far fewer than are refused, however slow the machine is
	s := start(t, redis, fmt.Sprintf("dead_letters: {length: 1000000, rate: %d}\n", perSecond)+invalidOnly)
	pub := s.Dial()
	began := time.Now()
	for i := 0; time.Since(began) < 3*time.Second; i++ {
		publishRefused(t, pub, i*1000, 1000, 0)
	}
	refused := s.Metric(`rejects_total{code="INVALID",direction="outbound",route="x:"}`)
	written, took := s.length("dead:x"), time.Since(began)
	t.Logf("%v refused in %v, %d written", refused, took, written)
	if most := int(took.Seconds()*perSecond) + 2*64; written > most || written == 0 || float64(written) > refused/2 {
		t.Errorf("%d written in %v, at most %d are allowed, %v were refused", written, took, most, refused)
	}
}

// TestReloadTakesOver dead_letters, and streams of routes.
func TestReloadTakesOver(t *testing.T) {
	s := start(t, redistest.Start(t), `routes: [{prefix: "x:", schema: x.json}]`)
	pub := s.Dial()
	publishRefused(t, pub, 0, 5, 0)
	s.write(strict, "dead_letters: {length: 7}\n"+invalidOnly)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	publishRefused(t, pub, 5, 5, 0)
	s.awaitLength("dead:x", 5)
	if said := strings.Join(s.Story(), "\n"); strings.Contains(said, "restart needed") {
		t.Errorf("the log says\n%s", said)
	}
}

// TestEndKeepsWhatWaits: a relay that ends sends what it has.
func TestEndKeepsWhatWaits(t *testing.T) {
	redis := redistest.Start(t)
	s := start(t, redis, "dead_letters: {rate: 1}\n"+invalidOnly)
	publishRefused(t, s.Dial(), 0, 300, 0)
	s.Stop()
	if n, twice := s.distinct(); n != 300 || twice != 0 {
		t.Errorf("%d kept, %d twice", n, twice)
	}
}

// TestFewestRights: those that the documentation has are enough, for the relay and for redis-relay dead.
func TestFewestRights(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL(
		"app on >secret &x:* &ok:* &relay:* ~dead:x ~{dead:x}:* -@all +subscribe +psubscribe +ssubscribe +unsubscribe +punsubscribe "+
			"+sunsubscribe +publish +spublish +pubsub +ping +info +hello +client +evalsha +eval +xadd +get +set +pexpire +xrange +xrevrange +xdel"))
	url := "redis://app:secret@" + redis.Addr()
	s := start(t, redis, invalidOnly, harness.WithRedis(url))
	ear := s.Subscribe("x:1")
	publishRefused(t, s.Dial(), 0, 3, 0)
	redis.MustDo("PUBLISH", "x:1", "from elsewhere")
	s.awaitLength("dead:x", 4)
	s.write(loose, invalidOnly)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	out, _ := s.says(1, "replay", "--redis.url="+url)
	if out != "4 looked at, 3 published, 1 kept (1 INVALID)\n" {
		t.Errorf("says %q", out)
	}
	for i := range 3 {
		ear.Expect(t, fmt.Sprintf(`[message x:1 {"id":%d,"pad":""}]`, i))
	}
}

// TestEmbedded: the Redis for development has dead letters, too.
func TestEmbedded(t *testing.T) {
	s := start(t, nil, "redis: {url: embedded}\n"+invalidOnly)
	publishRefused(t, s.Dial(), 0, 3, 0)
	url, _ := s.Embedded()
	redistest.Eventually(t, patience, "they are kept", func() bool { return s.Metric("dead_letters_written_total") == 3 })
	s.write(loose, "redis: {url: embedded}\n"+invalidOnly)
	s.redis = redistest.Start(t) // for the flag that the scene gives, which another one overrides
	if _, told := s.says(1, "list", "--redis.url=embedded"); !strings.Contains(told, "give it with --redis.url") {
		t.Errorf("says %q", told)
	}
	if out, _ := s.says(0, "replay", "--redis.url="+url); out != "3 looked at, 3 published, 0 kept\n" {
		t.Errorf("says %q", out)
	}
}
