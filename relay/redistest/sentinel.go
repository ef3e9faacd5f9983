// A master with replicas, and real sentinels that watch it.

package redistest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// SentinelName is what sentinels call the master.
const SentinelName = "relay"

const (
	sentinelTimeout = 2 * time.Minute
	calm            = "600000" // ms without an answer until a master is dead: a busy machine is not taken for that
)

// SentinelGroup is servers on 127.0.0.1, one of them a master, and sentinels that watch it. All of them may be stopped,
// killed and restarted like any Server.
type SentinelGroup struct {
	t         testing.TB
	Servers   []*Server // at the start a master, then its replicas
	Sentinels []*Server
}

// StartSentinels runs a master with replicas and an odd number of sentinels, and returns when each sentinel knows all
// the others. opts are for the sentinels, which authenticate to each other with peers, unless that is empty. A sentinel
// takes no master for dead until FindDead is called.
func StartSentinels(t testing.TB, replicas, sentinels int, peers string, opts ...Option) *SentinelGroup {
	t.Helper()
	s := &SentinelGroup{t: t, Servers: []*Server{Start(t)}}
	ip, port, _ := net.SplitHostPort(s.Servers[0].Addr())
	for range replicas {
		s.Servers = append(s.Servers,
			Start(t, WithArgs("--replicaof", ip, port, "--repl-diskless-sync-delay", "0", "--repl-timeout", "10")))
	}
	lines := []string{
		fmt.Sprintf("monitor %s %s %s %d", SentinelName, ip, port, sentinels/2+1),
		"down-after-milliseconds " + SentinelName + " " + calm, "failover-timeout " + SentinelName + " 4000",
	}
	if peers != "" {
		lines = append(lines, "sentinel-pass "+peers)
	}
	asSentinel := func(o *options) { o.sentinel = lines }
	for range sentinels {
		s.Sentinels = append(s.Sentinels, Start(t, append([]Option{asSentinel}, opts...)...))
	}
	s.AwaitWhole()
	return s
}

// Master returns which of the servers the sentinels name; -1: none answers, or it is none of them.
func (s *SentinelGroup) Master() int {
	for _, one := range s.Sentinels {
		if v, err := one.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelName); err == nil && len(v.Elems) == 2 {
			return s.find(net.JoinHostPort(v.Elems[0].Str, v.Elems[1].Str))
		}
	}
	return -1
}

func (s *SentinelGroup) find(addr string) int {
	for i, server := range s.Servers {
		if server.Addr() == addr {
			return i
		}
	}
	return -1
}

// AwaitWhole waits until all sentinels that run know each other and name the same master, and all other servers that
// run follow it.
func (s *SentinelGroup) AwaitWhole() {
	s.t.Helper()
	Eventually(s.t, sentinelTimeout, "the sentinels agree, and replicas follow the master", func() bool {
		master := s.Master()
		return master >= 0 && s.agree(master) && s.follow(master)
	})
}

// agree reports whether all sentinels that run know as many others as there are, and name a master.
func (s *SentinelGroup) agree(master int) bool {
	_, port, _ := net.SplitHostPort(s.Servers[master].Addr())
	for _, one := range s.Sentinels {
		v, err := one.Do("SENTINEL", "MASTER", SentinelName)
		if err != nil && v.Err() == nil {
			continue // it does not run
		}
		facts := factsOf(v)
		others := fmt.Sprint(len(s.Sentinels) - 1)
		if facts["port"] != port || facts["num-other-sentinels"] != others || facts["flags"] != "master" {
			return false
		}
		list, err := one.Do("SENTINEL", "REPLICAS", SentinelName)
		if err != nil {
			return false
		}
		for _, replica := range list.Elems {
			f := factsOf(replica)
			if at := s.find(f["name"]); at >= 0 && s.Servers[at].runs() &&
				(f["flags"] != "slave" || f["master-port"] != port || f["master-link-status"] != "ok") {
				return false
			}
		}
		if len(list.Elems) < len(s.Servers)-1 {
			return false
		}
	}
	return true
}

// follow reports whether all servers that run are replicas of a master that have its data.
func (s *SentinelGroup) follow(master int) bool {
	for i, server := range s.Servers {
		role, err := server.Do("ROLE")
		if err != nil {
			continue
		}
		isMaster := role.Elems[0].Str == "master"
		if isMaster != (i == master) || !isMaster && role.Elems[3].Str != "connected" {
			return false
		}
	}
	return true
}

// runs tells whether a server answers.
func (s *Server) runs() bool {
	_, err := s.Do("PING")
	return err == nil
}

// factsOf reads names and values in turn.
func factsOf(v Value) map[string]string {
	facts := map[string]string{}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		facts[v.Elems[i].Str] = v.Elems[i+1].Str
	}
	return facts
}

// Failover has the sentinels make another server the master, and returns which when they name it. The old master goes
// on: some seconds as a master, and then as a replica.
func (s *SentinelGroup) Failover() (master int) {
	s.t.Helper()
	before := s.Master()
	Eventually(s.t, sentinelTimeout, "a sentinel begins a failover", func() bool {
		for _, one := range s.Sentinels {
			if _, err := one.Do("SENTINEL", "FAILOVER", SentinelName); err == nil {
				return true
			}
		}
		return false
	})
	return s.AwaitOther(before)
}

// AwaitOther waits until the sentinels name another master, and returns which.
func (s *SentinelGroup) AwaitOther(than int) (master int) {
	s.t.Helper()
	Eventually(s.t, sentinelTimeout, "the sentinels name another master", func() bool {
		master = s.Master()
		return master >= 0 && master != than
	})
	return master
}

// FindDead has the sentinels notice within a second or two that the master does not answer; with false not at all.
func (s *SentinelGroup) FindDead(soon bool) {
	s.t.Helper()
	after := calm
	if soon {
		after = "1000"
	}
	for _, one := range s.Sentinels {
		if one.runs() {
			one.MustDo("SENTINEL", "SET", SentinelName, "down-after-milliseconds", after)
		}
	}
}

// URL names the sentinels at some addresses; none: all of them.
func (s *SentinelGroup) URL(addresses ...string) string {
	if len(addresses) == 0 {
		for _, one := range s.Sentinels {
			addresses = append(addresses, one.Addr())
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "redis://%s?master_name=%s", addresses[0], SentinelName)
	for _, addr := range addresses[1:] {
		b.WriteString("&addr=" + addr)
	}
	return b.String()
}
