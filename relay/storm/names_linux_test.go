package storm_test

// Whatever a client can have the relay keep: names of clients, of channels and of
// patterns, questions about them, and lists of them.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

const (
	keptMemory = 32 * mib  // limits.memory
	keptByGo   = "230MiB"  // as docs/guarantees.md has it: else the peak is what the collector has not come to
	keptPeak   = 300 * mib // what is tried would take more than 400
	keptName   = 4 << 10   // limits.name

	keptRoutes = `
routes:
- {prefix: 'kept:', history: {length: 10}}
- {prefix: 'rate:', rate: {limit: 1000, alert: 1000}}
- {prefix: 'bad:', publish: false}
- {prefix: 'nats:', nats: true}
`
)

// long4k is one of many names as long as a name may be.
func long4k(prefix string, i int) string {
	n := prefix + strconv.Itoa(i) + ":"
	return n + strings.Repeat("x", keptName-len(n))
}

// many are neighbouring names.
func many(prefix string, first, n int) (list []string) {
	for i := range n {
		list = append(list, long4k(prefix, first+i))
	}
	return list
}

// natsKeeper is a NATS client that reads nothing.
func natsKeeper(c *child) *keeper {
	conn, err := net.Dial("tcp", c.nats)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = conn.Close() })
	k := &keeper{Conn: conn, pushes: push}
	k.line(`CONNECT {"verbose":false}`)
	return k
}

func (k *keeper) line(format string, args ...any) bool {
	if k.err == nil {
		_ = k.SetWriteDeadline(time.Now().Add(k.pushes))
		_, k.err = fmt.Fprintf(k, format+"\r\n", args...)
	}
	return k.err == nil
}

// push is how long a keeper tries to write to a relay that does not read.
const push = 2 * time.Second

// keeper sends commands and reads nothing, until the relay has enough of it.
type keeper struct {
	net.Conn
	pushes time.Duration // longer than push where the relay must read all
	err    error
}

func (k *keeper) say(command ...string) bool {
	if k.err == nil {
		_ = k.SetWriteDeadline(time.Now().Add(k.pushes))
		_, k.err = k.Write(redistest.AppendCommand(nil, command...))
	}
	return k.err == nil
}

// attack has a relay keep as much as it can.
type attack func(c *child, dial func() *keeper)

// TestWhatClientsHaveKept tries all of it, each with more than there is memory for.
func TestWhatClientsHaveKept(t *testing.T) {
	for name, do := range map[string]attack{
		"names of clients": func(c *child, dial func() *keeper) {
			for range 300 {
				k := dial()
				k.say("CLIENT", "SETNAME", strings.Repeat("x", 900_000))
				k.say("CLIENT", "SETINFO", "LIB-NAME", strings.Repeat("x", 900_000))
				k.say("HELLO", "3", "SETNAME", strings.Repeat("x", 900_000))
			}
		},
		"lists of clients": func(c *child, dial func() *keeper) {
			for i := range 1000 {
				k := dial()
				k.say("CLIENT", "SETNAME", strings.Repeat(string(rune('a'+i%26)), 512))
				k.say("CLIENT", "SETINFO", "LIB-NAME", strings.Repeat("x", 512))
				k.say("CLIENT", "SETINFO", "LIB-VER", strings.Repeat("x", 512))
			}
			for range 60 { // 2 MiB each
				k := dial()
				for range 10 {
					k.say("CLIENT", "LIST")
				}
			}
		},
		"long channels": func(c *child, dial func() *keeper) {
			k := dial()
			for i := range 300 {
				k.say("SUBSCRIBE", strconv.Itoa(i)+strings.Repeat("x", 900_000))
			}
		},
		"channels": func(c *child, dial func() *keeper) {
			for i := range 10 {
				for k, n := dial(), 0; n < 8000 && k.say(append([]string{"SUBSCRIBE"}, many("a"+strconv.Itoa(i), n, 100)...)...); n += 100 {
				}
			}
		},
		"shard channels": func(c *child, dial func() *keeper) {
			for i := range 10 {
				for k, n := dial(), 0; n < 8000 && k.say(append([]string{"SSUBSCRIBE"}, many("a"+strconv.Itoa(i), n, 100)...)...); n += 100 {
				}
			}
		},
		"channels with history": func(c *child, dial func() *keeper) {
			for i := range 10 {
				for k, n := dial(), 0; n < 8000 && k.say(append([]string{"SUBSCRIBE"}, many("kept:"+strconv.Itoa(i), n, 100)...)...); n += 100 {
				}
			}
		},
		"patterns": func(c *child, dial func() *keeper) {
			for i := range 80 {
				command := []string{"PSUBSCRIBE"}
				for n := range 1000 {
					command = append(command, fmt.Sprintf("%d:%d:%s*", i, n, strings.Repeat("x", 200)))
				}
				dial().say(command...)
			}
		},
		"short channels": func(c *child, dial func() *keeper) {
			for i := range 4 {
				k := dial()
				for n := 0; n < 100_000; n += 1000 {
					names := []string{"SUBSCRIBE"}
					for j := range 1000 {
						names = append(names, fmt.Sprintf("%d:%d", i, n+j))
					}
					k.say(names...)
				}
			}
		},
		"channels that come and go while Redis is away": func(c *child, dial func() *keeper) {
			c.redis.Kill()
			comeAndGo(c, dial, subscribeMany)
		},
		"channels that come and go while Redis stands still": func(c *child, dial func() *keeper) {
			c.redis.Stop()
			comeAndGo(c, dial, subscribeMany)
		},
		"unsubscribed names": func(c *child, dial func() *keeper) {
			for range 10 {
				k := dial()
				k.say(append([]string{"UNSUBSCRIBE"}, many("a", 0, 15_000)...)...)
			}
		},
		"questions while Redis stands still": func(c *child, dial func() *keeper) {
			c.redis.Stop()
			for i := range 20 {
				k := dial()
				k.say(append([]string{"PUBSUB", "NUMSUB"}, many("a", i*10_000, 5_000)...)...)
			}
		},
		"channels that are waited for": func(c *child, dial func() *keeper) {
			for i := range 10 {
				k := dial()
				command := append([]string{"XREAD", "BLOCK", "0", "STREAMS"}, many("kept:"+strconv.Itoa(i), 0, 7000)...)
				k.say(append(command, strings.Fields(strings.Repeat("$ ", 7000))...)...)
			}
		},
		"subjects": func(c *child, _ func() *keeper) {
			k := natsKeeper(c)
			for i := 0; i < 100_000 && k.line("SUB nats.%d.%s %d", i, strings.Repeat("x", 900), i); i++ {
			}
		},
		"inboxes": func(c *child, _ func() *keeper) {
			k := natsKeeper(c)
			for i := 0; i < 100_000 && k.line("SUB _INBOX.%d.%s %d", i, strings.Repeat("x", 3000), i); i++ {
			}
		},
		"requests that wait": func(c *child, _ func() *keeper) {
			c.redis.Stop()
			k := natsKeeper(c)
			k.line("SUB nats.waits 1") // which Redis does not confirm
			for i := 0; i < 1000 && k.line("PUB publish.nats.waits 900000\r\n%s", strings.Repeat("x", 900_000)); i++ {
			}
		},
		"rates of channels": func(c *child, dial func() *keeper) {
			k := dial()
			for i := range 60_000 {
				k.say("PUBLISH", long4k("rate:", i), "m")
			}
		},
		"refusals": func(c *child, dial func() *keeper) {
			k := dial()
			for i := range 30_000 {
				k.say("PUBLISH", long4k("bad:", i), "m")
			}
		},
		"commands that are begun": func(c *child, dial func() *keeper) {
			for range 800 {
				k := dial()
				_, _ = fmt.Fprintf(k, "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1000000\r\n%s", strings.Repeat("x", 60_000))
			}
		},
		"channels that were waited for": waitForMany,
	} {
		t.Run(name, func(t *testing.T) { withstand(t, do) })
	}
}

// comeAndGo has clients send one command each, and leave when it has been read.
func comeAndGo(c *child, dial func() *keeper, command func(client int) []string) {
	for i := range 100 {
		k := dial()
		k.pushes = patience
		k.say(command(i)...)
		c.Eventually("it has been read", func() bool { return c.Metrics()["commands_total"] > float64(i) })
		_ = k.Close()
	}
}

// subscribeMany subscribes to channels that no other client has.
func subscribeMany(client int) []string {
	return append([]string{"SUBSCRIBE"}, many("a", client*1000, 1000)...)
}

// waitForMany has the relay ask Redis about channels for clients that are gone.
func waitForMany(c *child, dial func() *keeper) {
	comeAndGo(c, dial, func(client int) []string {
		command := append([]string{"XREAD", "BLOCK", "1", "STREAMS"}, many("kept:"+strconv.Itoa(client), 0, 1000)...)
		return append(command, strings.Fields(strings.Repeat("$ ", 1000))...)
	})
}

// withstand starts a relay, and holds its memory under an attack.
func withstand(t *testing.T, do attack) {
	t.Helper()
	door := process.FreeAddress(t)
	c := start(t, func(cmd *exec.Cmd) {
		path := filepath.Join(cmd.Dir, "relay.yaml")
		if err := os.WriteFile(path, []byte(keptRoutes), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Environ(), "GOMEMLIMIT="+keptByGo)
	}, "--nats.listen="+door, "--limits.memory=32MiB", "--limits.queue=8MiB", "--limits.publish_window=16", "--log.level=warn")
	c.nats = door
	var again atomic.Int64
	var keepers []net.Conn
	do(c, func() *keeper {
		conn, err := connect(c.Socket, &again)
		if err != nil {
			t.Fatal(err)
		}
		keepers = append(keepers, conn)
		return &keeper{Conn: conn, pushes: push}
	})
	c.restful()
	c.Eventually("what is counted is within limits.memory", func() bool {
		m := c.Metrics()
		return m["queued_bytes"]+m["subscription_bytes"]+m["nats_subscription_bytes"] <= keptMemory
	})
	c.stayedUnder(keptPeak)
	closeAll(keepers)
}

// restful waits until the relay has read what is in its sockets, or will not read it: without, less would be tried.
func (c *child) restful() {
	c.T.Helper()
	const pause = 150 * time.Millisecond
	var before map[string]float64
	c.Eventually("nothing changes any more", func() bool {
		now := c.Metrics()
		same := before != nil
		for _, series := range []string{"commands_total", "queued_bytes", "subscription_bytes", "nats_subscription_bytes"} {
			same = same && now[series] == before[series]
		}
		before = now
		time.Sleep(pause) // between two looks
		return same
	})
}
