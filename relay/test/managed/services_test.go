package managed

// The services, each with what its documentation says that it refuses. docs/managed-redis.md names the pages.

import (
	"fmt"
	"slices"
	"strings"
)

// service is one row of docs/managed-redis.md.
type service struct {
	name    string   // as there
	refused []string // commands and subcommands: "CONFIG", "CLIENT KILL"
	missing []string // commands that are refused in scripts, too
	answer  string   // to a refused command, whose name comes in; empty: as Redis answers what it does not know
	keyless string   // the answer to a script without keys; empty: it is carried out
	cluster bool     // the keys of a command must be in one slot
	noRESP3 bool

	check []string // what redis-relay check --connect must name, "fails: " before it if it must fail
	logs  []string // commands of which the log must say once that Redis does not allow them
}

// refuses returns the error with which the service answers a command, if it refuses it.
func (s *service) refuses(args []string) (text string, refused bool) {
	name := strings.ToUpper(args[0])
	full := name
	if len(args) > 1 {
		full += " " + strings.ToUpper(args[1])
	}
	switch {
	case s.noRESP3 && full == "HELLO 3":
		return "NOPROTO unsupported protocol version", true
	case s.keyless != "" && (name == "EVAL" || name == "EVALSHA") && len(args) > 2 && args[2] == "0":
		return s.keyless, true
	case !slices.Contains(s.refused, name) && !slices.Contains(s.refused, full):
		return "", false
	case s.answer != "":
		return fmt.Sprintf(s.answer, strings.ToLower(name)), true
	}
	text = fmt.Sprintf("ERR unknown command '%s', with args beginning with: ", strings.ToLower(name))
	for _, arg := range args[1:] {
		text += "'" + arg + "' "
	}
	return text, true
}

// Commands that Redis 6.2, of which KeyDB is a fork, does not have, and those that the others lack together.
var (
	shardCommands = []string{"SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH"}
	ofNodes       = []string{"CONFIG", "ACL SETUSER", "ACL LOAD", "ACL SAVE", "ACL DELUSER", "DEBUG", "MIGRATE", "REPLICAOF", "SHUTDOWN"}
	ofServerless  = append([]string{
		"ACL LOG", "ACL DRYRUN", "CLIENT CACHING", "CLIENT GETREDIR", "CLIENT ID", "CLIENT INFO", "CLIENT KILL",
		"CLIENT LIST", "CLIENT NO-EVICT", "CLIENT PAUSE", "CLIENT TRACKING", "CLIENT TRACKINGINFO", "CLIENT UNBLOCK",
		"CLIENT UNPAUSE", "FCALL", "FUNCTION", "KEYS", "LASTSAVE", "LATENCY", "MEMORY", "MONITOR", "MOVE", "OBJECT",
		"PSUBSCRIBE", "PUBSUB NUMPAT", "PUNSUBSCRIBE", "SCRIPT KILL", "SLOWLOG", "SWAPDB", "WAIT",
	}, ofNodes...)
	acrossSlots = "EVAL with keys of several slots"
)

var services = []service{
	{name: "ElastiCache, node-based, cluster mode disabled", refused: ofNodes},
	{
		name: "ElastiCache, node-based, cluster mode enabled", refused: ofNodes, cluster: true,
		check: []string{"cluster", "fails: " + acrossSlots}, logs: []string{acrossSlots},
	},
	{
		name: "ElastiCache Serverless", refused: ofServerless, cluster: true,
		keyless: "ERR Lua scripts without any input keys are not supported.",
		check:   []string{"cluster", "fails: " + acrossSlots, "PSUBSCRIBE", "PUNSUBSCRIBE", "CLIENT INFO", "CLIENT KILL"},
		logs:    []string{acrossSlots, "PSUBSCRIBE", "CLIENT INFO", "CLIENT KILL"},
	},
	{
		name: "MemoryDB", cluster: true, refused: append([]string{"CLUSTER SETSLOT", "MODULE", "PSYNC"}, ofNodes...),
		check: []string{"cluster", "fails: " + acrossSlots}, logs: []string{acrossSlots},
	},
	{
		name:    "Memorystore for Redis",
		refused: []string{"ACL", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "LASTSAVE", "MIGRATE", "MONITOR", "OBJECT", "SAVE", "SHUTDOWN", "REPLICAOF"},
		check:   []string{"CLIENT", "CLIENT INFO", "CLIENT KILL"}, logs: []string{"CLIENT", "CLIENT INFO", "CLIENT KILL"},
	},
	{
		name: "Memorystore for Valkey, and for Redis Cluster", cluster: true,
		refused: []string{"ACL", "CONFIG", "DEBUG", "MONITOR", "MIGRATE", "SHUTDOWN"},
		answer:  "NOPERM User default has no permissions to run the '%s' command",
		check:   []string{"cluster", "fails: " + acrossSlots}, logs: []string{acrossSlots},
	},
	{
		name:    "Azure Managed Redis, Enterprise and non-clustered policy",
		refused: ofSoftware,
	},
	{
		name: "Azure Managed Redis, OSS policy", cluster: true, refused: ofSoftware,
		check: []string{"cluster", "fails: " + acrossSlots}, logs: []string{acrossSlots},
	},
	{name: "Redis Cloud, Redis Software", refused: ofSoftware},
	{
		name: "Upstash", missing: append([]string{"XINFO"}, shardCommands...), refused: []string{"CLIENT", "INFO", "CONFIG", "CLUSTER"},
		check: append([]string{"CLIENT", "CLIENT INFO", "CLIENT KILL", "INFO", "XINFO"}, shardCommands...),
		logs:  []string{"CLIENT", "CLIENT INFO", "CLIENT KILL", "INFO", "XINFO"},
	},
	{
		name: "Dragonfly", missing: shardCommands,
		refused: []string{"ACL DRYRUN", "CLIENT ID", "CLIENT INFO", "CLIENT KILL", "CONFIG GET", "CONFIG SET", "PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB"},
		check:   append([]string{"CLIENT INFO", "CLIENT KILL"}, shardCommands...), logs: []string{"CLIENT INFO", "CLIENT KILL"},
	},
	{
		name: "KeyDB", missing: shardCommands, refused: []string{"ACL DRYRUN", "PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB"},
		check: shardCommands,
	},
	{name: "Valkey"},
}

// ofSoftware is what Redis Software, of which Redis Cloud and Azure Managed Redis are made, refuses.
var ofSoftware = []string{
	"ACL DELUSER", "ACL GENPASS", "ACL LOAD", "ACL LOG", "ACL SAVE", "ACL SETUSER", "CLIENT GETREDIR", "CLIENT NO-EVICT",
	"CLIENT PAUSE",
}
