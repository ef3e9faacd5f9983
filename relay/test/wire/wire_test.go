package wire

// The wire, against the real thing: scripts of commands are played on a
// redis-server's own socket and on a relay's, and every byte that comes back is
// compared. Where the relay differs on purpose, see wire_own_test.go.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// duel is a script. A step is "<connection> <command> <argument>...", and
// commands with " | " between them leave in one write; an argument of "" is empty.
type duel struct {
	name  string
	steps []string
}

var duels = []duel{
	{"HELLO", []string{
		"a HELLO", "a HELLO 2", "a HELLO 3", "a HELLO 3", "a HELLO", "a HELLO 2", "a HELLO 4", "a HELLO 1", "a HELLO x",
		`a HELLO ""`, "a HELLO +3", "a HELLO 03", "a hello 3", "a PING", "a CLIENT GETNAME",
	}},
	{"HELLO twice in one write", []string{
		"a HELLO 3 | HELLO 3 | PING", "a HELLO 2 | HELLO 3 SETNAME x | CLIENT GETNAME",
	}},
	{"HELLO with options", []string{
		"a HELLO 3 AUTH default x SETNAME me", "a CLIENT GETNAME", "a HELLO 2 SETNAME you AUTH default y",
		"a CLIENT GETNAME", "a HELLO 3 SETNAME", "a HELLO 3 AUTH default", "a HELLO 3 NONSENSE", "a HELLO 3 AUTH",
		"a CLIENT GETNAME", `a HELLO 3 SETNAME ""`, "a CLIENT GETNAME", "a HELLO 2 setname x auth default x",
	}},
	{"SUBSCRIBE", []string{
		"a SUBSCRIBE a b", "a SUBSCRIBE a a c a", "a PSUBSCRIBE p* p* q", "a SSUBSCRIBE s", "a SSUBSCRIBE s t",
		"a SUBSCRIBE d", `a SUBSCRIBE ""`, `a PSUBSCRIBE ""`, "a subscribe A",
	}},
	{"SUBSCRIBE in RESP3", []string{
		"a HELLO 3", "a SUBSCRIBE a b", "a SUBSCRIBE a a c a", "a PSUBSCRIBE p* p* q", "a SSUBSCRIBE s", "a SSUBSCRIBE s t",
		"a SUBSCRIBE d | PING | ECHO x",
	}},
	{"UNSUBSCRIBE by name", []string{
		"a UNSUBSCRIBE zz", "a PUNSUBSCRIBE zz", "a SUNSUBSCRIBE zz", "a SUBSCRIBE a b c", "a PSUBSCRIBE p q",
		"a SSUBSCRIBE s t", "a UNSUBSCRIBE b", "a UNSUBSCRIBE b zz b a", "a PUNSUBSCRIBE zz q q", "a SUNSUBSCRIBE zz t",
		"a UNSUBSCRIBE c", "a PING", "a PUNSUBSCRIBE p", "a PING", "a SUNSUBSCRIBE s", "a PING",
	}},
	{"UNSUBSCRIBE by name in RESP3", []string{
		"a HELLO 3", "a UNSUBSCRIBE zz", "a PUNSUBSCRIBE zz", "a SUNSUBSCRIBE zz", "a SUBSCRIBE a b c", "a PSUBSCRIBE p q",
		"a SSUBSCRIBE s t", "a UNSUBSCRIBE b zz b a", "a PUNSUBSCRIBE zz q q", "a SUNSUBSCRIBE zz t s", "a PING",
	}},
	{"UNSUBSCRIBE of everything", []string{
		"a UNSUBSCRIBE", "a PUNSUBSCRIBE", "a SUNSUBSCRIBE", "a SUBSCRIBE a", "a UNSUBSCRIBE", "a UNSUBSCRIBE", "a PING",
		"a PSUBSCRIBE p", "a PUNSUBSCRIBE", "a PUNSUBSCRIBE", "a SSUBSCRIBE s", "a SUNSUBSCRIBE", "a SUNSUBSCRIBE",
		"a PING", "a PSUBSCRIBE p", "a UNSUBSCRIBE", "a PING", "a SUNSUBSCRIBE", "a PUNSUBSCRIBE", "a PING",
	}},
	{"UNSUBSCRIBE of everything in RESP3", []string{
		"a HELLO 3", "a UNSUBSCRIBE", "a PUNSUBSCRIBE", "a SUNSUBSCRIBE", "a SUBSCRIBE a", "a UNSUBSCRIBE", "a UNSUBSCRIBE",
		"a PSUBSCRIBE p", "a UNSUBSCRIBE", "a PUNSUBSCRIBE", "a SSUBSCRIBE s", "a SUNSUBSCRIBE", "a SUNSUBSCRIBE",
	}},
	{"PING", []string{
		"a PING", "a PING x", `a PING ""`, "a PING x y", "a SUBSCRIBE c", "a PING", "a PING x", `a PING ""`, "a PING x y",
		"a UNSUBSCRIBE c", "a PING", "a SSUBSCRIBE s", "a PING", "a PING x", "a SUNSUBSCRIBE", "a PING x",
		"a PSUBSCRIBE p", "a ping", "a PUNSUBSCRIBE", "a ping",
	}},
	{"PING in RESP3", []string{
		"a HELLO 3", "a PING", "a PING x", "a SUBSCRIBE c", "a PING", "a PING x", "a PING x y", "a UNSUBSCRIBE", "a PING",
	}},
	{"PING changes form at the last confirmation", []string{
		"a PING | SUBSCRIBE x | PING | UNSUBSCRIBE x | PING", "a SUBSCRIBE x y | UNSUBSCRIBE x | PING | UNSUBSCRIBE y | PING",
		"a SSUBSCRIBE s | PING | SUBSCRIBE x | SUNSUBSCRIBE | PING | UNSUBSCRIBE | PING",
		"a PSUBSCRIBE p | PING p | RESET | PING r",
	}},
	{"a RESP2 subscriber may do little", []string{
		"a SUBSCRIBE c", "a GET k", "a get k", "a CLIENT ID", "a client id", "a CLIENT", "a CLIENT NONSENSE",
		"a HELLO 3", "a HELLO", "a PUBLISH c x", "a SPUBLISH c x", "a PUBSUB CHANNELS", "a PUBSUB", "a ECHO x", "a SELECT 0",
		"a COMMAND", "a COMMAND COUNT", "a INFO", "a AUTH x", "a PING", "a SUBSCRIBE d", "a UNSUBSCRIBE c",
		"a UNSUBSCRIBE", "a ECHO x",
	}},
	{"a RESP2 shard subscriber may do little", []string{
		"a SSUBSCRIBE c", "a GET k", "a HELLO 3", "a SUNSUBSCRIBE c", "a ECHO x", "a PSUBSCRIBE p", "a ECHO x",
	}},
	{"a RESP3 subscriber may do all", []string{
		"a HELLO 3", "a SUBSCRIBE c", "a ECHO x", "a CLIENT GETNAME", "a PUBLISH other x", "a SELECT 0", "a NONSENSE x",
	}},
	{"RESP3 to RESP2 while subscribed", []string{
		"a HELLO 3", "a SUBSCRIBE c", "b PUBLISH c one", "a HELLO 2", "b PUBLISH c two", "a ECHO x", "a PING",
	}},
	{"RESET", []string{
		"a HELLO 3 SETNAME x", "a SUBSCRIBE a", "a PSUBSCRIBE b", "a SSUBSCRIBE c", "a RESET", "a CLIENT GETNAME",
		"b PUBLISH a x", "b PUBSUB NUMPAT", "a SUBSCRIBE a", "a RESET", "a PING", "a RESET x", "a RESET | RESET | PING",
	}},
	{"RESET ends silence", []string{
		"a CLIENT REPLY OFF", "a PING", "a RESET", "a PING", "a CLIENT REPLY SKIP | RESET | PING x",
	}},
	{"QUIT", []string{"a PING | QUIT | PING", "b SUBSCRIBE x", "b QUIT", "c QUIT x y"}},

	{"CLIENT REPLY", []string{
		"a CLIENT REPLY ON", "a CLIENT REPLY SKIP", "a PING | PING x", "a CLIENT REPLY SKIP | PING | PING y",
		"a CLIENT REPLY SKIP | CLIENT REPLY SKIP | PING | PING z", "a CLIENT REPLY SKIP | CLIENT REPLY ON | PING",
		"a CLIENT REPLY OFF | PING | CLIENT REPLY SKIP | PING | NONSENSE | PING x y", "a PING",
		"a CLIENT REPLY ON", "a PING", "a CLIENT REPLY", "a CLIENT REPLY NONSENSE", "a CLIENT REPLY ON x",
	}},
	{"CLIENT REPLY and pushes", []string{
		"a HELLO 3", "a CLIENT REPLY OFF", "a SUBSCRIBE c", "a PSUBSCRIBE c*", "a SSUBSCRIBE c", "b PUBLISH c x",
		"b SPUBLISH c x", "a UNSUBSCRIBE c zz", "a PUNSUBSCRIBE", "a PING", "a SUNSUBSCRIBE", "a CLIENT REPLY ON",
		"a CLIENT REPLY SKIP | SUBSCRIBE c | PING", "b PUBLISH c x", "a CLIENT REPLY SKIP | PUBLISH d x | PING",
	}},
	{"one after the other in one write", []string{
		"a HELLO 3", "a PUBLISH c x | SUBSCRIBE c", "a RESET | PUBLISH c x", "a SUBSCRIBE c", "a PSUBSCRIBE c*",
		"a RESET | PUBLISH c x", "b PUBLISH c x",
	}},
	{"CLIENT REPLY and messages in RESP2", []string{
		"a CLIENT REPLY OFF", "a SUBSCRIBE c", "a PING", "b PUBLISH c x", "a UNSUBSCRIBE c", "a PING", "a CLIENT REPLY ON",
	}},
	{"SELECT", []string{
		"a SELECT 0", "a SELECT 1", "a SELECT x", "a SELECT -1", "a SELECT", "a SELECT 0 0", `a SELECT ""`,
		"a SELECT 99999999999999999999", "a SELECT 2147483648", "a SELECT +1", "a SELECT 01", "a SELECT -0",
	}},
	{"ECHO", []string{"a ECHO x", `a ECHO ""`, "a ECHO", "a ECHO x y", "a HELLO 3", "a ECHO x"}},
	{"arity", []string{
		"a SUBSCRIBE", "a PSUBSCRIBE", "a SSUBSCRIBE", "a PUBLISH", "a PUBLISH x", "a PUBLISH x y z", "a SPUBLISH x",
		"a PUBSUB", "a CLIENT", "a AUTH", "a PUBSUB CHANNELS a b", "a PUBSUB SHARDCHANNELS a b", "a PUBSUB NUMPAT x",
		"a PUBSUB HELP x", "a CLIENT ID x", "a CLIENT SETNAME", "a CLIENT SETNAME x y", "a CLIENT GETNAME x",
		"a CLIENT KILL", "a CLIENT NO-EVICT", "a CLIENT INFO x", "a COMMAND COUNT x", "a CLIENT HELP x", "a publish x",
		"a AUTH a b c",
	}},
	{"unknown commands", []string{
		"a FOO", "a FOO a b", "a foo a", `a "" x`, `a FOO ""`, "a FOO " + strings.Repeat("x", 200) + " y",
		"a FOO " + strings.Repeat("x", 100) + " " + strings.Repeat("y", 100) + " z",
		"a FOO " + strings.Repeat("abcdef ", 40), "a " + strings.Repeat("F", 200) + " x",
		"a FOO " + strings.Repeat("a", 128) + " b", "a FOO " + strings.Repeat("a", 125) + " b c",
	}},
	{"unknown subcommands", []string{
		"a PUBSUB foo", "a pubsub FOO bar", "a CLIENT foo", `a CLIENT ""`, "a COMMAND foo", "a CLIENT FOO BAR BAZ",
		"a CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none", "a PUBSUB " + strings.Repeat("x", 200),
	}},
	{"CLIENT SETNAME", []string{
		"a CLIENT GETNAME", "a CLIENT SETNAME me:1", "a CLIENT GETNAME", "a CLIENT SETNAME naïve", "a CLIENT GETNAME",
		`a CLIENT SETNAME ""`, "a CLIENT GETNAME", "a HELLO 3", "a CLIENT GETNAME", "a CLIENT SETNAME a\tb",
		"a CLIENT SETNAME ~!@#$%^&*()_+{}[]<>,.?/", "a client getname",
	}},
	{"CLIENT NO-EVICT", []string{"a CLIENT NO-EVICT ON", "a CLIENT NO-EVICT off", "a CLIENT NO-EVICT maybe"}},
	{"CLIENT LIST and KILL refused", []string{
		"a CLIENT LIST TYPE", "a CLIENT LIST TYPE x", "a CLIENT LIST ID x", "a CLIENT LIST ID 0", "a CLIENT LIST ID 1 x",
		"a CLIENT LIST NONSENSE", "a CLIENT LIST NONSENSE x", "a CLIENT KILL nowhere:1", "a CLIENT KILL ID x",
		"a CLIENT KILL ID 0", "a CLIENT KILL ID", "a CLIENT KILL ID 99999999", "a CLIENT KILL TYPE x",
		"a CLIENT KILL TYPE pubsub", "a CLIENT KILL NONSENSE x", "a CLIENT KILL SKIPME maybe",
		"a CLIENT KILL ADDR nowhere:1", "a CLIENT LIST ID 99999999",
		"a CLIENT KILL ID 99999999 SKIPME yes", "a CLIENT KILL USER nobody", "a CLIENT KILL USER default ID 99999999",
		"a CLIENT KILL ID +1", "a CLIENT LIST ID +1", `a CLIENT KILL ""`, `a CLIENT KILL ADDR ""`, `a CLIENT KILL LADDR ""`,
	}},
	{"CLIENT KILL", []string{
		"a SUBSCRIBE x", "b PING", "b CLIENT KILL TYPE pubsub", "b CLIENT KILL TYPE normal SKIPME yes",
		"b CLIENT LIST TYPE pubsub",
	}},
	{"messages", []string{
		"a SUBSCRIBE c", "b PUBLISH c hello", `b PUBLISH c ""`, "b PUBLISH d x", "b SPUBLISH c x", "c SSUBSCRIBE c",
		"b SPUBLISH c x", "b PUBLISH c x", "d PSUBSCRIBE *", "b PUBLISH c all", `b PUBLISH "" none`, "b SPUBLISH c none",
		"a UNSUBSCRIBE c", "b PUBLISH c pattern", "d PUNSUBSCRIBE", "b PUBLISH c nobody",
	}},
	{"messages in RESP3", []string{
		"a HELLO 3", "b HELLO 3", "a SUBSCRIBE c", "a PSUBSCRIBE c*", "a SSUBSCRIBE c", "d SUBSCRIBE c",
		"b PUBLISH c hello", "b SPUBLISH c shard", `b PUBLISH c ""`,
	}},
	{"channel and pattern: message first", []string{
		"a PSUBSCRIBE *", "a SUBSCRIBE news", "b PUBLISH news x", "c SUBSCRIBE news", "c PSUBSCRIBE n?ws", "b PUBLISH news y",
		"a UNSUBSCRIBE", "b PUBLISH news z",
	}},
	{"receivers", []string{
		"p PUBLISH c x", "a SUBSCRIBE c", "b SUBSCRIBE c", "p PUBLISH c x", "c PSUBSCRIBE c", "p PUBLISH c x", "b UNSUBSCRIBE c",
		"p PUBLISH c x", "a SSUBSCRIBE c", "b SSUBSCRIBE c", "p SPUBLISH c x", "p PUBLISH c x",
		"a QUIT", "p PUBLISH c x", "p SPUBLISH c x",
	}},
	{"PUBSUB", []string{
		"p PUBSUB CHANNELS", "p PUBSUB NUMPAT", "p PUBSUB NUMSUB", "p PUBSUB SHARDCHANNELS", "p PUBSUB SHARDNUMSUB",
		"a SUBSCRIBE x", "b SUBSCRIBE x", "a PSUBSCRIBE p* q*", "b PSUBSCRIBE p*", "b SSUBSCRIBE s",
		"p PUBSUB CHANNELS", "p pubsub channels x*", "p PUBSUB CHANNELS y*", `p PUBSUB CHANNELS ""`, "p PUBSUB CHANNELS [w-y]",
		"p PUBSUB NUMSUB x y p* x", `p PUBSUB NUMSUB ""`, "p PUBSUB NUMPAT", "p PUBSUB SHARDCHANNELS",
		"p PUBSUB SHARDCHANNELS x", "p PUBSUB SHARDNUMSUB s x", "p PUBSUB HELP", "a UNSUBSCRIBE x", "p PUBSUB NUMSUB x",
		"b UNSUBSCRIBE", "p PUBSUB NUMSUB x", "p PUBSUB CHANNELS", "a PUNSUBSCRIBE p*", "p PUBSUB NUMPAT",
	}},
	{"PUBSUB in RESP3", []string{
		"p HELLO 3", "p PUBSUB CHANNELS", "p PUBSUB NUMPAT", "p PUBSUB NUMSUB", "a SSUBSCRIBE s", "p PUBSUB SHARDCHANNELS",
		"p PUBSUB SHARDNUMSUB s", "p PUBSUB HELP",
	}},
	{"COMMAND INFO of what is not", []string{
		"a COMMAND INFO nonsense", "a COMMAND DOCS nonsense", "a HELLO 3", "a COMMAND INFO nonsense", "a COMMAND DOCS nonsense",
		"a COMMAND LIST nonsense", "a COMMAND LIST FILTERBY", "a COMMAND LIST FILTERBY nonsense",
	}},
	{"bytes of every value", []string{
		"a SUBSCRIBE \x01\x7f\x80\xff", "b PUBLISH \x01\x7f\x80\xff \xf0\x28\x8c\x28",
	}},
}

func TestWireIsThatOfRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	compare(t, redis, duels, func(r *harness.Relay) door { return door{"unix", r.Socket} })
}

// compare plays scripts on redis, and on a relay at the door that is asked for.
func compare(
	t *testing.T, redis *redistest.Server, duels []duel, at func(*harness.Relay) door, opts ...harness.Option,
) {
	t.Helper()
	behind := redistest.Start(t, redistest.Reference()) // what local clients hold is compared with its tables
	r := harness.Start(t, behind, opts...)
	for _, tt := range duels {
		t.Run(tt.name, func(t *testing.T) {
			for _, server := range []*redistest.Server{redis, behind} {
				redistest.Eventually(t, redistest.DefaultTimeout, "the last script's connections are gone", func() bool {
					return tables(server) == nobody
				})
			}
			steps, want := record(t, redis, tt.steps)
			replay(t, at(r), behind, steps, want)
		})
	}
}

// moment is what a step brought: to each connection, and to the server's tables.
type moment struct {
	frames map[string][]string // end for the end of the connection
	tables string
}

// record plays steps on redis. It adds steps that show whether anything came
// that should not have, and returns all of them.
func record(t *testing.T, redis *redistest.Server, script []string) (steps []string, story []moment) {
	t.Helper()
	room := newWireRoom(t, door{"unix", redis.Socket()})
	play := func(step string) {
		m := moment{frames: map[string][]string{}}
		room.do(step)
		// The first answer may come from the round of redis's event loop that also
		// read the step, the second cannot.
		redis.MustDo("PING")
		m.tables = tables(redis)
		for who, p := range room.peers {
			m.frames[who] = p.available(t)
		}
		steps, story = append(steps, step), append(story, m)
	}
	for _, step := range script {
		play(step)
	}
	for _, who := range room.names() {
		if !room.peers[who].ended {
			play(who + " SUBSCRIBE end")
		}
	}
	play("last PUBLISH end .")
	return steps, story
}

// replay plays steps on a relay, with redis behind it, and compares.
func replay(t *testing.T, at door, redis *redistest.Server, steps []string, story []moment) {
	t.Helper()
	room := newWireRoom(t, at)
	for i, step := range steps {
		room.do(step)
		for _, who := range room.names() {
			want := masked(story[i].frames[who])
			got := masked(room.peers[who].await(len(want)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("after %.80q: connection %s: redis-server (-) and relay (+) differ:\n%s", step, who, diff)
			}
		}
		// Redis learns of the last UNSUBSCRIBE a moment after the client.
		last := ""
		redistest.Eventually(t, redistest.DefaultTimeout, "the relay holds what its clients want: "+story[i].tables, func() bool {
			last = tables(redis)
			return last == story[i].tables
		})
	}
}

// nobody is what tables says when nobody is subscribed.
const nobody = `channels [], shard channels [], patterns :0`

// tables is what a server is subscribed for, but for the relay's own.
func tables(redis *redistest.Server) string {
	names := func(word string) []string {
		var list []string
		for _, v := range redis.MustDo("PUBSUB", word).Elems {
			if !strings.HasPrefix(v.Str, "relay:") {
				list = append(list, v.Str)
			}
		}
		slices.Sort(list)
		return list
	}
	return fmt.Sprintf("channels %q, shard channels %q, patterns %s",
		names("CHANNELS"), names("SHARDCHANNELS"), redis.MustDo("PUBSUB", "NUMPAT"))
}

// varying is what differs from connection to connection; ours is what the relay
// adds to Redis's text.
var (
	varying = regexp.MustCompile(`(\$2\r\nid\r\n:)\d+`)
	ours    = regexp.MustCompile(`\(this is redis-relay: [^)]*\)`)
)

func masked(frames []string) []string {
	list := []string{}
	for _, f := range frames {
		list = append(list, ours.ReplaceAllString(varying.ReplaceAllString(f, "${1}N"), ""))
	}
	return list
}
