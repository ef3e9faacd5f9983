package access

// check --connect: what it says of a Redis is what a relay with that Redis lacks.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"redis-relay/config"
	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// waysToAsk are what a user may lack beside, so that each way of asking is taken.
var waysToAsk = map[string]string{
	"ACL DRYRUN": "", "a transaction": " -acl", "harmless forms": " -acl -multi -config",
}

// neededByHistory are the commands without which what a history promises does not work.
var neededByHistory = []string{"subscribe", "publish", "eval", "xadd", "xrange", "xrevrange", "xread", "time"}

// checkRedis runs the check for a relay with history as a user, and returns its words without the facts.
func checkRedis(t *testing.T, url string, edit ...harness.Option) (problems []string, err error) {
	t.Helper()
	cfg := harness.Shipped(t)
	cfg.Redis.URL = url
	harness.WithRoutes(harness.Diary("d:", 1000))(cfg)
	for _, o := range edit {
		o(cfg)
	}
	var out bytes.Buffer
	err = preflight.CheckRedis(context.Background(), cfg, &out)
	for line := range strings.Lines(out.String()) {
		for _, word := range []string{"fails: ", "warning: ", "to allow what is missing: "} {
			if strings.HasPrefix(line, word) && !strings.Contains(line, ": appendonly: ") {
				problems = append(problems, strings.TrimSpace(line))
			}
		}
	}
	t.Log(out.String(), err)
	return problems, err
}

// TestCheckNamesTheMissingRight takes each documented command away: a running relay says the same (see
// TestEachRightAlone).
func TestCheckNamesTheMissingRight(t *testing.T) {
	t.Parallel()
	for way, less := range waysToAsk {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			var users []string
			for command := range missingRights {
				if hasCommand(t, command) {
					users = append(users, fmt.Sprintf("no_%s on >secret ~* &* +@all%s -%[1]s", command, less))
				}
			}
			redis := redistest.Start(t, redistest.WithACL(users...))
			for command, want := range missingRights {
				if hasCommand(t, command) {
					t.Run(command, func(t *testing.T) { checkWithout(t, redis, command, want) })
				}
			}
		})
	}
}

// hasCommand reports whether Redis has a command: those of shard channels came with 7.0.
func hasCommand(t *testing.T, command string) bool {
	t.Helper()
	return redistest.Shards(t) || !slices.Contains([]string{"ssubscribe", "sunsubscribe", "spublish"}, command)
}

func checkWithout(t *testing.T, redis *redistest.Server, command string, want missingRight) {
	t.Helper()
	problems, err := checkRedis(t, "redis://no_"+command+":secret@"+redis.Addr())
	switch {
	case want.fails == "all":
		if err == nil || !strings.Contains(err.Error(), "Redis does not allow "+strings.ToUpper(command)) {
			t.Errorf("says %v", err)
		}
		return
	case want.fails == "" && want.said == "":
		if problems != nil || err != nil {
			t.Errorf("says %q, %v, where nothing is missing", problems, err)
		}
		return
	}
	advice := fmt.Sprintf("to allow what is missing: ACL SETUSER no_%s +%[1]s", command)
	if len(problems) != 2 || !strings.Contains(problems[0], ": +"+command+": ") || problems[1] != advice {
		t.Errorf("says %q, want +%s alone", problems, command)
		return
	}
	if _, lost, told := strings.Cut(want.said, "does not allow "+strings.ToUpper(command)+": "); told {
		if lost, _, _ = strings.Cut(lost, ";"); !strings.Contains(problems[0], lost) {
			t.Errorf("says %q, and a relay %q", problems[0], lost)
		}
	}
	if fails := slices.Contains(neededByHistory, command); fails != errors.Is(err, preflight.ErrRedisLacks) {
		t.Errorf("fails: %v; the error is %v", fails, err)
	}
}

// TestCheckNamesChannelsAndKeys takes channels and keys away, and tries what does not work on a running relay.
func TestCheckNamesChannelsAndKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules   string
		missing string   // the end of the advice
		refused []string // a command of a client; nil: it only shows in the log
		said    string   // in the log
	}{
		"nothing":     {"~history:* &d:* &relay:* &relay:seq:d:*", "&*", nil, ""},
		"the route":   {"~history:* &relay:* &relay:seq:d:*", "&* &d:*", []string{"SUBSCRIBE", "d:1"}, ""},
		"relay:":      {"~history:* &d:* &relay:seq:d:*", "&* &relay:*", nil, "allow &relay:* to this user"},
		"the pattern": {"~history:* &d:* &relay:*", "&* &relay:seq:d:*", []string{"PSUBSCRIBE", "d:*"}, ""},
		"keys":        {"&d:* &relay:* &relay:seq:d:*", "&* ~history:*", []string{"XADD", "d:1", "*", "f", "v"}, "allow ~history:* to this user"},
	} {
		for way, less := range waysToAsk {
			t.Run(name+" by "+way, func(t *testing.T) {
				t.Parallel()
				redis := redistest.Start(t, redistest.WithACL("app on >secret +@all"+less+" "+c.rules))
				url := "redis://app:secret@" + redis.Addr()
				problems, _ := checkRedis(t, url)
				advice := "to allow what is missing: ACL SETUSER app " + c.missing
				if len(problems) == 0 || problems[len(problems)-1] != advice {
					t.Errorf("says %q, want %q", problems, advice)
				}
				r := harness.Start(t, nil, harness.WithRedis(url), harness.WithRoutes(harness.Diary("d:", 1000)))
				if c.refused != nil {
					if v := r.Dial().Do(c.refused...); !strings.HasPrefix(v.Str, "NOPERM") && !strings.Contains(v.Str, "ACL failure") && !strings.Contains(v.Str, "No permissions") {
						t.Errorf("%q: %s", c.refused, v)
					}
				}
				redistest.Eventually(t, redistest.DefaultTimeout, "the log says it", func() bool {
					return c.said == "" || slices.ContainsFunc(r.Logs.All(), func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, c.said) })
				})
			})
		}
	}
}

// TestCheckOfDocumentedRights: they are enough, also for asking.
func TestCheckOfDocumentedRights(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off",
		"app on >secret ~history:* &* "+strings.Join(documentedACL(t), " ")))
	if problems, err := checkRedis(t, "redis://app:secret@"+redis.Addr()); problems != nil || err != nil {
		t.Errorf("says %q, %v", problems, err)
	}
}

// TestCheckOfSettings: what Redis is set to, and what follows.
func TestCheckOfSettings(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithArgs("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"))
	redis.MustDo("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
	problems, err := checkRedis(t, redis.URL())
	if len(problems) != 2 || err != nil || !strings.HasPrefix(problems[0], "warning: client-output-buffer-limit: ") ||
		!strings.HasPrefix(problems[1], "warning: maxmemory-policy: at allkeys-lru ") {
		t.Errorf("says %q, %v", problems, err)
	}
	if problems, err = checkRedis(t, redis.URL(), harness.WithRoutes(), func(c *config.Config) { c.Limits.Payload = 1000 }); problems != nil || err != nil {
		t.Errorf("without history it says %q, %v", problems, err)
	}
}

// TestCheckChangesNothing: neither a key nor a message.
func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &* +@all -acl"))
	all := redistest.Dial(t, "tcp", redis.Addr())
	all.Send("PSUBSCRIBE", "*")
	all.Expect(t, "[psubscribe * 1]")
	if problems, err := checkRedis(t, "redis://app:secret@"+redis.Addr()); problems != nil || err != nil {
		t.Errorf("says %q, %v", problems, err)
	}
	redis.MustDo("PUBLISH", "end", "m")
	all.Expect(t, "[pmessage * end m]")
	if n := redis.MustDo("DBSIZE").Int; n != 0 {
		t.Errorf("it left %d keys", n)
	}
}

// TestCheckWithoutRedis: each reason is told, within the time that is promised.
func TestCheckWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("default off", "app on >secret +@all"))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for url, want := range map[string]string{
		"redis://127.0.0.1:1":                  "no Redis listens there",
		"redis://" + redis.Addr():              "Redis wants a password",
		"redis://app:wrong@" + redis.Addr():    "the user or the password in redis.url is not one of Redis's",
		"redis://" + silent.Addr().String():    "timeout",
		"rediss://app:secret@" + redis.Addr():  "write redis:// in redis.url",
		"redis://app:secret@no-such-host:6379": "no-such-host",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			if _, err := checkRedis(t, url); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("says %v, want %q", err, want)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
