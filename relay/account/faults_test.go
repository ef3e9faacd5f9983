package account

// What is done to Redis, to the network, to the relays and to the listeners.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fault does something bad, for a time, and undoes it.
type fault func(r *run, random *rand.Rand, d time.Duration)

const (
	roomy   = "pubsub 33554432 8388608 60"
	crowded = "pubsub 4096 0 0"
)

// faults by name.
var faults = map[string]fault{
	"redis killed": func(r *run, _ *rand.Rand, d time.Duration) {
		r.redis.Kill()
		time.Sleep(d / 2)
		r.redis.Restart()
	},
	"redis stopped": func(r *run, _ *rand.Rand, d time.Duration) {
		r.redis.Stop()
		time.Sleep(2 * d)
		r.redis.Cont()
	},
	"clients killed": func(r *run, random *rand.Rand, _ time.Duration) {
		kind := []string{"pubsub", "normal"}[random.IntN(2)]
		r.tell("CLIENT", "KILL", "TYPE", kind)
	},
	"clients paused": func(r *run, random *rand.Rand, d time.Duration) {
		mode := []string{"WRITE", "ALL"}[random.IntN(2)]
		r.tell("CLIENT", "PAUSE", fmt.Sprint(d.Milliseconds()), mode)
		time.Sleep(d)
	},
	"output overflows": func(r *run, _ *rand.Rand, d time.Duration) {
		before := r.subscribers()
		r.tell("CONFIG", "SET", "client-output-buffer-limit", crowded)
		for began := time.Now(); time.Since(began) < d && before.allIn(r.subscribers()); { // else no answer fits, either
			time.Sleep(time.Millisecond)
		}
		r.tell("CONFIG", "SET", "client-output-buffer-limit", roomy)
	},
	"rights revoked": func(r *run, _ *rand.Rand, d time.Duration) {
		rights := []string{"ACL", "SETUSER", "app", "resetchannels", "&relay:*", "&relay:seq:h:*", "&relay:seq:m:*"}
		for _, c := range channels {
			if prefix := c.prefix(); prefix != "o:" && prefix != "t:" {
				rights = append(rights, "&"+prefix+"*")
			}
		}
		r.tell(rights...)
		time.Sleep(d)
		r.tell("ACL", "SETUSER", "app", "allchannels")
	},
	"cut": func(r *run, random *rand.Rand, _ time.Duration) { r.any(random).proxy.Cut() },
	"cut within a frame": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		for range 4 {
			proxy.CutAfter(random.Int64N(20_000))
		}
		proxy.Cut()
		time.Sleep(d)
	},
	"refused": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Refuse(true)
		proxy.Cut()
		time.Sleep(d)
		proxy.Refuse(false)
	},
	"delayed": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Delay(time.Duration(1+random.IntN(30)) * time.Millisecond)
		time.Sleep(d)
		proxy.Delay(0)
	},
	"delayed and cut": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Delay(50 * time.Millisecond)
		time.Sleep(d)
		proxy.Cut()
		proxy.Delay(0)
	},
	"half-open": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Stall(true)
		time.Sleep(2 * d)
		proxy.Stall(false)
	},
	"half-open and cut": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Stall(true)
		time.Sleep(2 * d)
		proxy.Cut()
		proxy.Stall(false)
	},
	"sliced": func(r *run, random *rand.Rand, d time.Duration) {
		proxy := r.any(random).proxy
		proxy.Slice(1 + random.IntN(300))
		time.Sleep(d)
		proxy.Slice(0)
	},
	"relay killed": func(r *run, random *rand.Rand, d time.Duration) {
		relay := r.any(random)
		relay.kill()
		time.Sleep(d / 4)
		if err := relay.start(); err != nil {
			r.report("start a relay again: %v", err)
		}
	},
	"relay stopped": func(r *run, random *rand.Rand, d time.Duration) {
		relay := r.any(random)
		r.signal(relay, syscall.SIGSTOP)
		time.Sleep(d)
		r.signal(relay, syscall.SIGCONT)
	},
	"relay reloaded": func(r *run, random *rand.Rand, d time.Duration) {
		relay := r.any(random)
		for began := time.Now(); !relay.handlesSignals() && time.Since(began) < closingTime; time.Sleep(10 * time.Millisecond) {
		}
		for _, form := range []int{1 + random.IntN(len(xRoutes)-1), 0} {
			relay.configure(form)
			r.signal(relay, syscall.SIGHUP)
			time.Sleep(d)
		}
	},
}

// trouble causes faults in rounds: each of the plan's once, in another order. It
// ends with a round, when the messages are sent.
func (r *run) trouble(random *rand.Rand) {
	defer r.faultsDone.Store(true)
	began := time.Now()
	for time.Since(began) < r.plan.duration {
		names := r.plan.faults
		if names == nil {
			names = slices.Sorted(maps.Keys(faults))
		}
		if len(names) == 0 {
			time.Sleep(r.plan.duration)
		}
		for _, i := range random.Perm(len(names)) {
			d := r.plan.fault/2 + time.Duration(random.Int64N(int64(r.plan.fault)))
			r.t.Logf("%s %s (%v)", clock(time.Now().UnixNano()), names[i], d.Round(time.Millisecond))
			faults[names[i]](r, random, d)
			time.Sleep(time.Duration(random.Int64N(int64(r.plan.fault))))
		}
	}
}

// mischief has listeners misbehave until the faults are over.
func (r *run) mischief(random *rand.Rand) {
	for !r.faultsDone.Load() {
		l := r.listeners[random.IntN(len(r.listeners))]
		if r.plan.calm && !l.part.maySlack() {
			continue
		}
		var do order
		switch what := random.IntN(6); {
		case what > 2 || r.plan.calm:
			do = stall(time.Duration(random.Int64N(int64(2 * time.Second))))
		case what == 0:
			l.kill()
		case what == 1:
			do = flood
		default:
			do = churn(random.IntN(10))
		}
		if do != nil && l.part.command != reading {
			select {
			case l.orders <- do:
			default: // it is still busy
			}
		}
		time.Sleep(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
	}
}

// any picks a relay.
func (r *run) any(random *rand.Rand) *relay { return r.relays[random.IntN(len(r.relays))] }

// connections are those on Redis, by their IDs.
type connections map[string]bool

// subscribers are the connections that subscribe.
func (r *run) subscribers() connections {
	v, err := r.redis.Do("CLIENT", "LIST", "TYPE", "pubsub")
	if err != nil {
		r.report("CLIENT LIST: %v", err)
	}
	list := connections{}
	for line := range strings.Lines(v.Str) {
		id, _, _ := strings.Cut(line, " ")
		list[id] = true
	}
	return list
}

// allIn tells whether none is gone.
func (c connections) allIn(now connections) bool {
	for id := range c {
		if !now[id] {
			return false
		}
	}
	return true
}

// tell has Redis do something.
func (r *run) tell(args ...string) {
	if _, err := r.redis.Do(args...); err != nil {
		r.report("%q: %v", args, err)
	}
}

func (r *run) signal(relay *relay, sig syscall.Signal) {
	if err := relay.signal(sig); err != nil {
		r.report("the relay has ended by itself: %v", err)
	}
}
