package access

// A Redis that refuses a command, by an ACL or because it has no such command: the relay
// goes on with what works, and says what is missing, once.

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// missingRight is what becomes of a relay without a command of the list in docs/operations.md. All else
// works.
type missingRight struct {
	fails string // abilities, see abilities
	said  string // in a warning of the relay, once; empty: nothing is missing
}

var missingRights = map[string]missingRight{
	"subscribe":    {"SUBSCRIBE hear BLOCK heal", "no delivery probe; allow +subscribe to this user"},
	"psubscribe":   {"PSUBSCRIBE", "refused a subscription"},
	"ssubscribe":   {"SSUBSCRIBE", "refused a subscription"},
	"unsubscribe":  {"", "does not allow UNSUBSCRIBE: channels that nobody here listens to any more stay subscribed"},
	"punsubscribe": {"", "does not allow PUNSUBSCRIBE: patterns that"},
	"sunsubscribe": {"", "does not allow SUNSUBSCRIBE: shard channels that"},
	"publish":      {"PUBLISH hear XADD", "publish to itself: no delivery probe; allow +publish to this user"},
	"spublish":     {"SPUBLISH", "relays ask each other"},
	"pubsub":       {"CHANNELS NUMSUB", "does not allow PUBSUB: clients get its error for PUBSUB; allow +pubsub to this user"},
	"ping":         {"all", ""},
	"info":         {"", "does not allow INFO: clients are told redis_version 7.0.0; allow +info to this user"},
	"hello":        {"", ""}, // an ACL cannot refuse it
	"client":       {"", "does not allow CLIENT: the relay's connections have no names in CLIENT LIST; allow +client to this user"},
	"evalsha":      {"", "does not allow EVALSHA: scripts are sent whole each time"},
	"eval":         {"XADD BLOCK heal", "does not allow EVAL: "},
	"xadd":         {"XADD", "does not allow XADD: messages with history cannot be published; allow +xadd and ~history:* to this user"},
	"xrange":       {"XRANGE BLOCK heal", "does not allow XRANGE: "},
	"xrevrange":    {"XREVRANGE", "does not allow XREVRANGE: "},
	"xlen":         {"XLEN", "does not allow XLEN: "},
	"xread":        {"XREAD", "does not allow XREAD: "},
	"xinfo":        {"heal", "does not allow XINFO: "},
	"pexpire":      {"", "does not allow PEXPIRE: streams are kept for ever"},
	"hget":         {"", "does not allow HGET: publishes with history whose answer is lost"},
	"hset":         {"", "does not allow HSET: publishes with history whose answer is lost"},
	"time":         {"BLOCK heal", "does not allow TIME: "},
	"scan":         {"", "does not allow SCAN: "},
	"get":          {"", ""}, // there is no cluster
	"set":          {"", ""},
	"xdel":         {"", ""}, // of redis-relay dead alone
}

// abilities tries all that a relay does, and returns what fails. Redis has an entry in
// d:1. The connection to it can be cut.
func abilities(t *testing.T, r *harness.Relay, redis *redistest.Server, proxy *redistest.Proxy) (fails []string) {
	t.Helper()
	check := func(ability string, answers ...redistest.Value) {
		if slices.ContainsFunc(answers, func(v redistest.Value) bool { return v.Type == '-' }) {
			fails = append(fails, ability)
		}
	}
	c, sub := r.Dial(), r.Dial()
	subscribed := sub.Do("SUBSCRIBE", "c:1", "d:1")
	check("SUBSCRIBE", subscribed)
	if subscribed.Type != '-' {
		sub.Expect(t, "[subscribe d:1 2]")
	}
	published := c.Do("PUBLISH", "c:1", "m")
	check("PUBLISH", published)
	if subscribed.Type == '-' || published.Type == '-' {
		fails = append(fails, "hear")
	} else {
		sub.Expect(t, "[message c:1 m]")
	}
	if subscribed.Type != '-' {
		sub.Send("UNSUBSCRIBE", "c:1")
		sub.Expect(t, "[unsubscribe c:1 1]")
	}
	other := r.Dial()
	check("PSUBSCRIBE", other.Do("PSUBSCRIBE", "d:*"))
	check("PUNSUBSCRIBE", other.Do("PUNSUBSCRIBE", "d:*"))
	if redis.Shards() {
		check("SSUBSCRIBE", other.Do("SSUBSCRIBE", "s"))
		check("SUNSUBSCRIBE", other.Do("SUNSUBSCRIBE", "s"))
		check("SPUBLISH", c.Do("SPUBLISH", "s", "m"))
	}
	check("CHANNELS", c.Do("PUBSUB", "CHANNELS"))
	check("NUMSUB", c.Do("PUBSUB", "NUMSUB", "c:1"))
	check("XADD", c.Do("XADD", "d:2", "*", "payload", "m"), c.Do("XADD", "d:2", "*", "payload", "m"))
	check("XRANGE", c.Do("XRANGE", "d:1", "-", "+"))
	check("XREVRANGE", c.Do("XREVRANGE", "d:1", "+", "-"))
	check("XLEN", c.Do("XLEN", "d:1"))
	check("XREAD", c.Do("XREAD", "STREAMS", "d:1", "0"))
	check("BLOCK", c.Do("XREAD", "BLOCK", "0", "STREAMS", "d:1", "0"))
	if subscribed.Type == '-' || !heals(r, sub, redis, proxy) {
		fails = append(fails, "heal")
	}
	return fails
}

// heals tells whether a listener of d:1 gets what was published while the relay had no
// connection; else it is told of a gap.
func heals(r *harness.Relay, sub *redistest.Client, redis *redistest.Server, proxy *redistest.Proxy) bool {
	r.T.Helper()
	gaps := r.Metric("history_gaps_total")
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(r.T, redistest.DefaultTimeout, "the loss is seen", func() bool { return !r.IsReady() })
	redis.MustDo("XADD", "history:{d:1}", "*", "payload", "missed")
	proxy.Refuse(false)
	var healed bool
	redistest.Eventually(r.T, redistest.DefaultTimeout, "it is healed, or a gap is told", func() bool {
		healed = r.Metric("history_healed_total") > 0
		return healed || r.Metric("history_gaps_total") > gaps
	})
	if healed {
		sub.Expect(r.T, "[message d:1 missed]")
	}
	return healed
}

// withoutRight starts a relay whose user may not use a command.
func withoutRight(t *testing.T, command string, start ...redistest.Option) {
	t.Helper()
	redis := redistest.Start(t, start...)
	redis.MustDo("XADD", "history:{d:1}", "*", "payload", "first")
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.New(t, nil, harness.WithRedis("redis://app:secret@"+proxy.Addr()), harness.WithRoutes(harness.Diary("d:", 1000)),
		func(c *config.Config) { c.Redis.AlertAfter = 1000 })
	want := missingRights[command]
	if len(start) > 1 { // it is renamed: no ACL would help
		said, _, _ := strings.Cut(want.said, "; allow ")
		if want.said = said; strings.Contains(missingRights[command].said, "; allow ") {
			want.said += "; it has no such command, or has renamed it"
		}
	}
	if want.fails == "all" {
		redistest.Eventually(t, redistest.DefaultTimeout, "the relay says why it is not ready", func() bool {
			ready, missing := r.Ready()
			return !ready && strings.Contains(missing, "Redis does not allow "+strings.ToUpper(command))
		})
		return
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay is ready", r.IsReady)
	fails := abilities(t, r, redis, proxy)
	expected := strings.Fields(want.fails)
	slices.Sort(fails)
	if slices.Sort(expected); !slices.Equal(fails, expected) {
		t.Errorf("%v do not work, want %v", fails, expected)
	}
	if redistest.Eventually(t, redistest.DefaultTimeout, "ready again", r.IsReady); want.said == "" {
		return
	}
	said := func() (n int) {
		for _, e := range r.Logs.All() {
			if e.Level >= zap.WarnLevel && strings.Contains(e.Message, want.said) {
				n++
			}
		}
		return n
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "it is said", func() bool { return said() > 0 })
	if n := said(); n > 1 && strings.Contains(want.said, "does not allow") {
		t.Errorf("it is said %d times", n)
	}
}

// TestEachRightAlone takes each command that docs/operations.md names for an ACL away.
func TestEachRightAlone(t *testing.T) {
	t.Parallel()
	commands := documentedACL(t)
	if len(commands) != len(missingRights) {
		t.Errorf("docs/operations.md names %d commands, and %d are tried", len(commands), len(missingRights))
	}
	for _, word := range commands {
		command := word[1:]
		t.Run(command, func(t *testing.T) {
			t.Parallel() // it waits
			if slices.Contains([]string{"ssubscribe", "sunsubscribe", "spublish"}, command) && !redistest.Shards(t) {
				return // there are no shard channels
			}
			withoutRight(t, command, redistest.WithACL("app on >secret ~* &* +@all -"+command))
		})
	}
}

// TestRenamedCommands are those that a hardened redis.conf takes from everybody.
func TestRenamedCommands(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"client", "info", "pubsub", "evalsha", "scan"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel() // it waits
			withoutRight(t, command, redistest.WithArgs("--rename-command", command, ""),
				redistest.WithACL("app on >secret ~* &* +@all"))
		})
	}
}

// TestHelloMustNotBeRenamed: without it there is no connection that subscribes and publishes,
// and the relay says so.
func TestHelloMustNotBeRenamed(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithArgs("--rename-command", "hello", ""),
		redistest.WithACL("app on >secret ~* &* +@all"))
	r := harness.New(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()))
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay says why it is not ready", func() bool {
		ready, missing := r.Ready()
		return !ready && strings.Contains(missing, "unknown command") && // and the name in quotes of that Redis
			strings.Contains(missing, "HELLO") && strings.Contains(missing, "RESP3")
	})
}
