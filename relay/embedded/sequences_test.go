package embedded_test

// This file plays commands on one RESP3 connection, all at once, and compares what comes
// back with a real redis-server, byte for byte.

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"redis-relay/relay/redistest"
)

// scripts are what EVAL @name and EVALSHA #name in a sequence stand for.
var scripts = map[string]string{
	"persist": `
		local id = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', '100', ARGV[1], 'payload', ARGV[3])
		if type(id) == 'table' then return {id} end
		redis.pcall('PEXPIRE', KEYS[1], '60000')
		redis.pcall('PUBLISH', 'seq:' .. ARGV[2], id)
		return {id .. ' ' .. redis.pcall('PUBLISH', ARGV[2], ARGV[3])}`,
	"read": `
		local page = redis.pcall('XRANGE', KEYS[1], '-', '+', 'COUNT', 10)
		redis.call('PUBLISH', ARGV[1], 'read')
		return {page.err or 'ok', #page, page[1] or ''}`,
	"count": `
		local heard = redis.pcall('SPUBLISH', 'q', 'how many')
		return {heard, redis.pcall('PUBSUB', 'NUMSUB', 'ch')[2], redis.pcall('PUBSUB', 'SHARDNUMSUB', 'q')}`,
	"refuse": `redis.call('PUBLISH', 'ch', 'first') return redis.error_reply('NOGOOD not today')`,
	"values": `return {1, 'two', false, true, {'three', {}}, {ok = 'FINE'}, 3.9}`,
	"nested": `return {redis.call('XREAD', 'STREAMS', 'st', '0'), redis.call('XREAD', 'STREAMS', 'none', '0')}`,
}

// sequences are commands that one RESP3 connection sends at once. None is an AUTH with a
// wrong password: Redis 8.2 does not answer one that comes while replies wait to be sent.
var sequences = []struct {
	name  string
	newer bool // Redis 7.2 and later
	steps []string
}{
	{"connection", false, []string{
		"HELLO", "HELLO 3 SETNAME x", "CLIENT GETNAME", "HELLO 3 AUTH default secret SETNAME y",
		"CLIENT GETNAME",
		"HELLO 4", "SUBSCRIBE a", "AUTH default secret", "AUTH x", "AUTH x y z", "AUTH", "CLIENT SETNAME z",
		"CLIENT GETNAME", "CLIENT INFO", "CLIENT LIST", "CLIENT NO-EVICT on", "CLIENT KILL TYPE normal",
		"CLIENT NONSENSE", "INFO", "INFO replication", "ROLE", "HELLO 3", "PUBLISH a still", "SELECT 0",
		"PING", "UNSUBSCRIBE",
	}},
	{"connection since Redis 7.2", true, []string{
		"SUBSCRIBE a", "CLIENT SETINFO lib-name go-redis(,go1.26)", "CLIENT SETINFO LIB-VER 1",
		"CLIENT SETINFO x y",
		"CLIENT NO-TOUCH on", "PUBLISH a x", "UNSUBSCRIBE a",
	}},
	{"publish to itself", false, []string{
		"SUBSCRIBE a b a", "PUBLISH a 1", "PING", "PING x", "PUBLISH b 2", "PUBLISH none 3", "PSUBSCRIBE p*",
		"PUBLISH pq 4",
		"SUBSCRIBE pq", "PUBLISH pq 5", "SSUBSCRIBE s a", "SPUBLISH s 6", "SPUBLISH a 7", "PUBLISH a 8",
		"ECHO x",
		"PUBSUB NUMSUB a b none", "PUBSUB NUMPAT", "PUBSUB CHANNELS p*", "PUBSUB SHARDCHANNELS s",
		"PUBSUB SHARDNUMSUB s",
		"UNSUBSCRIBE a", "PUBLISH a 9", "PUBLISH b 10", "UNSUBSCRIBE zz", "UNSUBSCRIBE b pq", "UNSUBSCRIBE",
		"PUBLISH pq 11",
		"PUNSUBSCRIBE", "SUNSUBSCRIBE s", "SPUBLISH s 12", "SPUBLISH a 13", "SUNSUBSCRIBE", "SUNSUBSCRIBE",
		"UNSUBSCRIBE",
		"PUBLISH a 14", "SPUBLISH a 15", "PUBSUB CHANNELS", "PUBSUB NUMSUB",
	}},
	{"errors between messages", false, []string{
		"SUBSCRIBE a", "PUBLISH a 1", "SUBSCRIBE", "PUBLISH a", "PUBLISH a 2", "NONSENSE x", "PING x y",
		"PUBLISH a 3",
		"EVALSHA 0 0", "XADD a", "PUBSUB NONSENSE", "GET none", "PUBLISH a 4", "UNSUBSCRIBE",
	}},
	{"scripts", false, []string{
		"SUBSCRIBE ch seq:ch", "PSUBSCRIBE c?", "SSUBSCRIBE q", "EVALSHA #persist 1 st 1-1 ch m",
		"EVAL @persist 1 st 1-1 ch m",
		"EVALSHA #persist 1 st 1-2 ch m2", "EVALSHA #persist 1 st 1-2 ch stale", "PUBLISH ch between",
		"SET k v", "EVALSHA #persist 1 k 1-1 ch m", "EVAL @read 1 st ch", "EVAL @read 1 k ch",
		"EVAL @read 1 none ch",
		"EVAL @count 0", "EVAL @refuse 0", "EVAL @values 0", "EVAL @nested 0", "SCRIPT LOAD @refuse",
		"EVALSHA #refuse 0",
		"SCRIPT EXISTS #refuse #values 0", "EVAL return(nil) 0", "EVAL return(false) 0", "EVAL return(true) 0",
		"EVAL return{} 0",
		"EVAL return(redis.call('PING')) 0", "EVAL return(redis.call('GET','none')) 0", "XRANGE st - +",
		"UNSUBSCRIBE ch seq:ch",
		"PUNSUBSCRIBE", "SUNSUBSCRIBE", "EVALSHA #persist 1 st 1-3 ch unheard",
	}},
	{"streams", false, []string{
		"SUBSCRIBE a", "XADD st 1-1 f v", "XADD st 1-1 f v", "XADD st 1-2 g w h x",
		"XADD none NOMKSTREAM 1-1 f v", "XADD other 2-1 f v",
		"XADD st MAXLEN ~ 100 1-3 f v", "XRANGE st - +", "XRANGE st (1-1 + COUNT 1", "XRANGE none - +",
		"XREVRANGE st + - COUNT 2",
		"XLEN st", "XLEN none", "XREAD COUNT 2 STREAMS st none other 0 0 0", "XREAD STREAMS st 1-3",
		"XREAD STREAMS st $",
		"XREAD STREAMS none 0", "XREAD BLOCK 10 STREAMS st $", "XREAD BLOCK 10 COUNT 1 STREAMS st 1-1",
		"XREAD STREAMS st",
		"XREAD STREAMS st x", "PUBLISH a 1", "XINFO STREAM st", "XINFO STREAM none", "XGROUP CREATE st g 0",
		"XREADGROUP GROUP g c COUNT 1 STREAMS st >", "XREADGROUP GROUP g c STREAMS st >",
		"XREADGROUP GROUP g c STREAMS st >",
		"XREADGROUP GROUP g c BLOCK 10 STREAMS st >", "XACK st g 1-1", "XDEL st 1-1", "XTRIM st MAXLEN 1",
		"XLEN st",
		"DEL other", "SCAN 0", "SCAN 0 MATCH s* COUNT 100 TYPE stream", "SCAN 0 MATCH z*", "TYPE st",
		"PTTL none", "UNSUBSCRIBE",
	}},
	{"other types", false, []string{
		"SUBSCRIBE a", "SET k v", "GET k", "GET none", "MGET k none", "EXISTS k", "KEYS none*",
		"HSET h f 1", "HGETALL h", "HGETALL none", "HGET h none", "HMGET h f none", "HSCAN h 0",
		"HINCRBYFLOAT h f 1.5",
		"SADD s m", "SMEMBERS s", "SMEMBERS none", "SISMEMBER s m", "SINTER s none", "SUNION s none",
		"SDIFF s none", "SPOP s 2",
		"SPOP s", "SPOP s 2", "SSCAN none 0",
		"ZADD z 1 a 2.5 b 3 c 4 d", "ZSCORE z b", "ZSCORE z none", "ZRANGE z 0 -1", "ZRANGE z 0 1 WITHSCORES",
		"ZRANGE z 9 10 WITHSCORES",
		"ZRANGEBYSCORE z 2 9 WITHSCORES", "ZREVRANGE z 0 0 WITHSCORES", "ZUNION 1 z WITHSCORES",
		"ZINCRBY z 1 a", "ZMSCORE z a none",
		"ZADD z NX INCR 1 a", "ZSCAN z 0", "ZPOPMIN z", "ZPOPMAX z 1", "ZPOPMIN none", "ZPOPMAX none 2",
		"ZRANDMEMBER none",
		"RPUSH l a b", "LPOP none", "LPOP none 2", "LPOP l 2", "BLPOP none 0.01", "BRPOP none 0.01",
		"BZPOPMIN none 0.01",
		"PUBLISH a 1", "UNSUBSCRIBE",
	}},
	{"back to RESP2", false, []string{
		"SUBSCRIBE a", "PUBLISH a 1", "UNSUBSCRIBE", "HELLO 2", "XADD st 1-1 f v", "XREAD STREAMS st 0",
		"XREAD STREAMS none 0", "GET none",
		"ZADD z 1 a", "ZRANGE z 0 -1 WITHSCORES", "HELLO 3", "SUBSCRIBE a", "HELLO 2", "PING", "PUBLISH a 2",
		"GET k", "HELLO 3",
		"UNSUBSCRIBE a", "RESET", "GET none", "PUBLISH a 3", "HELLO 3", "SUBSCRIBE a", "RESET", "PUBLISH a 4",
		"EVAL return(nil) 0",
	}},
}

func TestOneRESP3Connection(t *testing.T) {
	t.Parallel()
	older, newer, ours := redistest.Start(t, redistest.Reference()), redistest.Start(t), start(t)
	for _, tt := range sequences {
		t.Run(tt.name, func(t *testing.T) {
			got := played(t, address(ours), tt.steps)
			if !tt.newer || repliesFirst(t, older) {
				compare(t, older, played(t, older.Addr(), tt.steps), got)
			}
			if repliesFirst(t, newer) {
				compare(t, newer, played(t, newer.Addr(), tt.steps), got)
			}
		})
	}
}

// compare looks for differences from a redis-server. One before 7.2 sends what a command
// publishes to its own connection ahead of the reply: with it, the order of the replies
// and the order of the pushes are compared.
func compare(t *testing.T, server *redistest.Server, want, got []string) {
	t.Helper()
	if !repliesFirst(t, server) {
		want, got = pushesLast(want), pushesLast(got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("redis-server %s (-) and embedded (+) differ:\n%s", version(t, server), diff)
	}
}

func pushesLast(values []string) []string {
	values = slices.Clone(values)
	slices.SortStableFunc(values, func(a, b string) int { return rank(a) - rank(b) })
	return values
}

func rank(value string) int {
	if value[0] == '>' {
		return 1
	}
	return 0
}

// repliesFirst reports whether the server sends a reply before what the command has
// published to its own connection: Redis 7.2 and later do.
func repliesFirst(t *testing.T, server *redistest.Server) bool {
	t.Helper()
	var major, minor int
	if _, err := fmt.Sscanf(version(t, server), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 7 || major == 7 && minor >= 2
}

func version(t *testing.T, server *redistest.Server) string {
	t.Helper()
	_, after, _ := strings.Cut(server.MustDo("INFO", "server").Str, "redis_version:")
	v, _, _ := strings.Cut(after, "\r\n")
	return v
}

// played sends the steps in one write on a RESP3 connection, and returns the values that
// come back, without what varies.
func played(t *testing.T, addr string, steps []string) []string {
	t.Helper()
	const end = "end of the sequence"
	request := redistest.AppendCommand(nil, "FLUSHALL")
	request = redistest.AppendCommand(request, "SCRIPT", "FLUSH")
	request = redistest.AppendCommand(request, "HELLO", "3")
	for _, step := range steps {
		request = redistest.AppendCommand(request, arguments(step)...)
	}
	conn := dial(t, addr)
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(redistest.AppendCommand(request, "PING", end)); err != nil {
		t.Fatal(err)
	}
	answer := readUntil(t, bufio.NewReader(conn), end+"\r\n")
	var values []string
	for len(answer) > 0 {
		n := valueLength(t, answer)
		values = append(values, fixed(answer[:n]))
		answer = answer[n:]
	}
	return values
}

// arguments splits a step, and puts scripts in the places of their names.
func arguments(step string) []string {
	args := strings.Fields(step)
	for i, a := range args[1:] {
		if source, ok := scripts[strings.TrimLeft(a, "@#")]; ok && a[0] == '@' {
			args[i+1] = source
		} else if ok && a[0] == '#' {
			sum := sha1.Sum([]byte(source)) //nolint:gosec // it is how Redis names a script
			args[i+1] = hex.EncodeToString(sum[:])
		}
	}
	return args
}

// valueLength is the length in bytes of the value at the start of b.
func valueLength(t *testing.T, b string) int {
	t.Helper()
	line, _, ok := strings.Cut(b, "\r\n")
	if !ok {
		t.Fatalf("no value: %q", b)
	}
	count, _ := strconv.Atoi(line[1:]) // not of texts
	n := len(line) + 2
	switch b[0] {
	case '$', '=':
		if count >= 0 {
			n += count + 2
		}
		return n
	case '%':
		count *= 2
	case '*', '~', '>':
	default:
		return n
	}
	for range count {
		n += valueLength(t, b[n:])
	}
	return n
}

var (
	loadedModules = regexp.MustCompile(`(?s)(modules\r\n\*)1\r\n.*args\r\n\*0`)
	longText      = regexp.MustCompile(`(?s)^=\d+\r\ntxt:.*|^\$\d+\r\n# Server.*`)
)

// fixed is a value without what varies: ids, versions, modules, and the long texts of INFO
// and CLIENT LIST.
func fixed(value string) string {
	return longText.ReplaceAllString(loadedModules.ReplaceAllString(masked(value), "${1}0"), "=text")
}
