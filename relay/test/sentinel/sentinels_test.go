package sentinel

// The sentinels: away, dead, wrong, or with a password.

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestAllSentinelsAway: messages keep coming, and a lost connection is made again to the same master. When the sentinels
// are back they are followed again.
func TestAllSentinelsAway(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.at(0)
	sub := s.relay.Subscribe("c:a")
	for _, one := range s.Sentinels {
		one.Kill()
	}
	c := s.relay.Dial()
	c.Send("PUBLISH", "c:a", "one")
	sub.Expect(t, "[message c:a one]")
	s.Servers[0].KillSubscribers()
	s.at(0)
	s.Servers[0].MustDo("PUBLISH", "c:a", "two")
	sub.Expect(t, "[message c:a two]")
	for _, one := range s.Sentinels {
		one.Restart()
	}
	s.AwaitWhole()
	master := s.Failover()
	s.at(master)
	s.Servers[master].MustDo("PUBLISH", "c:a", "three")
	sub.Expect(t, "[message c:a three]")
}

// TestCutOffFromSentinels: the relay cannot ask any sentinel while they make another server the master. It goes to none
// that says that it is a replica, and finds the new one when it can ask again.
func TestCutOffFromSentinels(t *testing.T) {
	t.Parallel()
	group := redistest.StartSentinels(t, 2, 3, "")
	var proxies []*redistest.Proxy
	var addresses []string
	for _, one := range group.Sentinels {
		p := redistest.NewProxy(t, one.Addr())
		proxies, addresses = append(proxies, p), append(addresses, p.Addr())
	}
	s := relayOf(t, group, harness.WithRedis(group.URL(addresses...)))
	s.at(0)
	l := s.startLoad()
	for _, p := range proxies {
		p.Refuse(true)
		p.Cut()
	}
	master := s.Failover()
	s.AwaitWhole()
	redistest.Eventually(t, patience, "the relay has left the replica", func() bool { return !s.relay.IsReady() })
	for _, p := range proxies {
		p.Refuse(false)
	}
	s.at(master)
	l.flows(master)
	l.account()
}

// TestDeadAndLyingSentinels: of those that the relay knows one does not answer, one is dead and one names the old master
// for ever.
func TestDeadAndLyingSentinels(t *testing.T) {
	t.Parallel()
	group := redistest.StartSentinels(t, 2, 3, "")
	dead, hung := redistest.Start(t), redistest.Start(t)
	dead.Kill()
	hung.Stop()
	addresses := []string{dead.Addr(), hung.Addr(), liar(t, group.Servers[0].Addr())}
	for _, one := range group.Sentinels {
		addresses = append(addresses, one.Addr())
	}
	s := relayOf(t, group, harness.WithRedis(group.URL(addresses...)))
	s.at(0)
	l, c := s.startLoad(), s.startClock()
	began := time.Now()
	master := s.Failover()
	c.report(l, master, began)
	s.Servers[master].KillSubscribers()
	s.at(master)
	s.AwaitWhole()
	l.flows(master)
	l.account()
}

// liar is a sentinel that always names one master, of the first configuration. It ends with the test.
func liar(t *testing.T, master string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	host, port, _ := net.SplitHostPort(master)
	answers := map[string]string{
		"GET-MASTER-ADDR-BY-NAME": array(host, port),
		"MASTER":                  array("config-epoch", "0", "num-other-sentinels", "2"),
		"SUBSCRIBE":               "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
		"HELLO":                   "-ERR unknown command\r\n",
		"PING":                    "+PONG\r\n",
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			go func() {
				for in := bufio.NewScanner(conn); in.Scan(); {
					if answer, ok := answers[strings.ToUpper(in.Text())]; ok {
						_, _ = conn.Write([]byte(answer))
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// array is a reply of texts.
func array(words ...string) string { return string(redistest.AppendCommand(nil, words...)) }

// TestSentinelsWithCredentials of their own, and other ones than Redis's.
func TestSentinelsWithCredentials(t *testing.T) {
	t.Parallel()
	group := redistest.StartSentinels(t, 2, 3, "peers", redistest.WithACL("default on >peers allchannels +@all",
		"relay on >secret allchannels -@all +auth +hello +ping +subscribe +sentinel|get-master-addr-by-name +sentinel|master"))
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	for file, text := range map[string]string{right: "secret\n", wrong: "secret2\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(user, file string) harness.Option {
		return func(c *config.Config) { c.Redis.Sentinel = config.Sentinel{Username: user, PasswordFile: file} }
	}
	for name, tt := range map[string]struct {
		opt  harness.Option
		want string
	}{
		"wrong password": {with("relay", wrong), "the user or the password in redis.sentinel.password_file is not one of the sentinels'"},
		"none":           {with("", ""), "name its file in redis.sentinel.password_file"},
		"wrong in URL": {
			harness.WithRedis(strings.Replace(group.URL(), "redis://", "redis://relay:wrong@", 1)),
			"the user or the password in redis.url is not one of the sentinels'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := harness.New(t, nil, options(group, []harness.Option{tt.opt})...)
			redistest.Eventually(t, patience, "the cause is told", func() bool { return strings.Contains(causes(r), tt.want) })
			r.Stop()
		})
	}
	s := relayOf(t, group, with("relay", right))
	s.at(0)
	l := s.startLoad()
	master := s.Failover()
	s.at(master)
	l.flows(master)
	s.AwaitWhole()
	l.account()
}

// TestSentinelsThatAllowLittle: they tell nothing by themselves, and no epoch. What most of them name is believed.
func TestSentinelsThatAllowLittle(t *testing.T) {
	t.Parallel()
	group := redistest.StartSentinels(t, 2, 3, "peers", redistest.WithACL("default on >peers allchannels +@all",
		"relay on >secret -@all +auth +hello +ping +sentinel|get-master-addr-by-name"))
	s := relayOf(t, group, harness.WithRedis(strings.Replace(group.URL(), "redis://", "redis://relay:secret@", 1)))
	s.at(0)
	l := s.startLoad()
	began := time.Now()
	master := s.Failover()
	told := time.Now()
	s.at(master)
	t.Logf("delivery resumed %v after a sentinel named the new master",
		l.first(master, began).Sub(told).Round(time.Millisecond))
	s.AwaitWhole()
	l.flows(master)
	l.stop()
}
