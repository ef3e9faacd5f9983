package respserver_test

// Subscriptions that Redis refuses, while later commands that have counted on them are on their way.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var errNoPerm = errors.New("NOPERM No permissions to access a channel")

// subscriber is a client of Redis, where names that begin with "no" are refused.
type subscriber map[string]map[string]bool // by the kind's prefix of commands

// run returns what Redis answers.
func (s subscriber) run(command string) (replies []string) {
	words := strings.Fields(command)
	verb, names := words[0], words[1:]
	prefix, ends := strings.CutSuffix(verb, "UNSUBSCRIBE")
	if !ends {
		prefix = strings.TrimSuffix(verb, "SUBSCRIBE")
		for _, name := range names {
			if strings.HasPrefix(name, "no") {
				return []string{"-" + errNoPerm.Error()}
			}
		}
	}
	for _, name := range names {
		if ends {
			delete(s[prefix], name)
		} else {
			s[prefix][name] = true
		}
		replies = append(replies, fmt.Sprintf(">[%s %s %d]", strings.ToLower(verb), name, s.count(prefix)))
	}
	return replies
}

func (s subscriber) count(prefix string) int {
	if prefix == "S" {
		return len(s[prefix])
	}
	return len(s[""]) + len(s["P"])
}

// TestRefusedBehindEachOther: pipelined commands get the answers that Redis would give one by one. Each has
// one name: of several, Redis is asked again which one it was, and counts of later commands do not wait for
// that.
func TestRefusedBehindEachOther(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := serve(t)
		s.in(func() {
			s.upstream.never = map[string]error{}
			for _, name := range []string{"no1", "no2"} {
				s.upstream.never[name] = errNoPerm
			}
		})
		c := s.dial()
		c.Hello3()
		s.mute()
		redis := subscriber{"": {}, "P": {}, "S": {}}
		var commands, want []string
		for range 1 + random.IntN(12) {
			command := []string{"", "P", "S"}[random.IntN(3)] + []string{"SUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE"}[random.IntN(3)]
			command += " " + []string{"no1", "no2", "ok1", "ok2"}[random.IntN(4)]
			commands = append(commands, command)
			want = append(want, redis.run(command)...)
		}
		c.SendRaw(pipeline(append(commands, "PUBLISH x last")...))
		s.waitPublished(1)
		s.answer()
		for i, w := range append(want, ":1") {
			if got := c.Receive().String(); got != w {
				t.Fatalf("seed %d: %q: answer %d is %s, want %s", seed, commands, i, got, w)
			}
		}
		checkHeard(t, s, seed, redis)
		c.Close()
	}
}

// checkHeard compares with what the hub has.
func checkHeard(t *testing.T, s *server, seed uint64, redis subscriber) {
	t.Helper()
	total := 0
	for prefix := range redis {
		total += len(redis[prefix])
	}
	until(t, fmt.Sprintf("seed %d: %d subscriptions are active", seed, total), func() bool {
		n := 0
		s.in(func() {
			for _, active := range s.hub.Stats().Listeners {
				n += active
			}
		})
		return n == total
	})
}
