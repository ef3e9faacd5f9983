package wire

// The wire by TCP: the scripts of wire_test.go, and those of a Redis with requirepass.

import (
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func overTCP(c *config.Config) { c.Socket.TCP = "127.0.0.1:0" }

func tcpDoor(r *harness.Relay) door { return door{"tcp", r.TCPAddress()} }

func TestWireByTCPIsThatOfRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	compare(t, redis, duels, tcpDoor, overTCP)
}

// Steps are played on a redis-server whose requirepass is "pass".
var passwordDuels = []duel{
	{"before AUTH", []string{
		"a PING", "a PING x", "a ECHO x", "a PUBLISH c x", "a SPUBLISH c x", "a SUBSCRIBE c", "a PSUBSCRIBE *", "a SSUBSCRIBE c",
		"a UNSUBSCRIBE", "a CLIENT ID", "a CLIENT LIST", "a CLIENT REPLY OFF", "a CLIENT KILL TYPE normal", "a INFO", "a COMMAND",
		"a SELECT 0", "a XRANGE c - +", "a XADD c * f v", "a XREAD STREAMS c 0", "a PUBSUB CHANNELS", "a MONITOR", "a EVAL x 0",
		"a GET k", "a CONFIG GET *", "a PUBLISH c", "a PING x y", "a CLIENT", "a CLIENT FOO", "a AUTH", "a RESET x",
		"b SUBSCRIBE c", "a PING | PING | AUTH pass | PING | PUBLISH c x",
	}},
	{"AUTH", []string{
		"a AUTH wrong", "a PING", "a AUTH pass", "a PING", "a AUTH wrong", "a PING", "a AUTH pass", `a AUTH ""`, "a AUTH default pass",
		"a AUTH default wrong", "a AUTH nobody pass", "a AUTH nobody wrong", `a AUTH "" pass`, "a AUTH a b c", "a AUTH PASS",
		"a AUTH pas", "a AUTH passs", "a PING",
	}},
	{"AUTH with a user", []string{"a AUTH nobody pass", "a AUTH DEFAULT pass", "a PING", "a AUTH default pass", "a PING"}},
	{"AUTH among other commands", []string{
		"a AUTH wrong | PING | AUTH pass | PING | SUBSCRIBE c | PING", "b AUTH pass | PUBLISH c hello", "a UNSUBSCRIBE",
	}},
	{"HELLO", []string{
		"a HELLO", "a HELLO 2", "a HELLO 3", "a HELLO 4", "a HELLO x", "a HELLO 3 SETNAME me", "a HELLO 3 NONSENSE",
		"a HELLO 3 AUTH default", "a HELLO 3 AUTH default wrong", "a PING", "a HELLO 3 AUTH nobody pass",
		"a HELLO 3 SETNAME na\u00efve AUTH default pass", "a PING", "a HELLO 3 AUTH default pass SETNAME me", "a CLIENT GETNAME",
		"a HELLO", "a HELLO 2 AUTH default wrong SETNAME you", "a CLIENT GETNAME", "a HELLO 2", "a PING",
	}},
	{"HELLO 2 with AUTH", []string{"a HELLO 2 SETNAME me AUTH default pass", "a CLIENT GETNAME", "b HELLO 3 AUTH default pass | PING"}},
	{"HELLO behind AUTH", []string{"a AUTH pass | HELLO 3 | PING", "a HELLO 4", "a PING"}},
	{"RESET", []string{
		"a RESET", "a PING", "a AUTH pass", "a SUBSCRIBE c", "a RESET", "a PING", "a SUBSCRIBE c", "b AUTH pass", "b PUBLISH c x",
		"a HELLO 3 AUTH default pass", "a SUBSCRIBE c", "a RESET | PING | AUTH pass | PING", "b PUBLISH c x",
	}},
	{"QUIT", []string{"a QUIT", "b PING | QUIT | PING", "c AUTH wrong | QUIT"}},
	{"subscriber mode", []string{
		"a SUBSCRIBE c", "a AUTH pass", "a SUBSCRIBE c", "a AUTH pass", "a AUTH wrong", "a HELLO 3 AUTH default pass", "a PING",
		"a RESET", "a PING", "a HELLO 3 AUTH default pass", "a SUBSCRIBE c", "a AUTH wrong", "a AUTH pass", "a PING",
	}},
	{"ten arguments", []string{"a PING 2 3 4 5 6 7 8 9 10"}},
	{"eleven arguments", []string{"a PING 2 3 4 5 6 7 8 9 10 11"}},
	{"eleven arguments behind AUTH", []string{"a AUTH pass | PING 2 3 4 5 6 7 8 9 10 11"}},
	{"16 KiB", []string{"a AUTH " + strings.Repeat("x", 16<<10)}},
	{"more than 16 KiB", []string{"a AUTH " + strings.Repeat("x", 16<<10+1)}},
	{"more than 16 KiB behind AUTH", []string{"a AUTH pass", "a ECHO " + strings.Repeat("x", 16<<10+1)}},
}

func TestPasswordIsAskedForAsRedisDoes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference(), redistest.WithArgs("--requirepass", "pass"))
	file := harness.WriteFile(t, t.TempDir(), "password", "pass\n")
	compare(t, redis, passwordDuels, tcpDoor, overTCP, func(c *config.Config) { c.Socket.PasswordFile = file })
}
