package needs

// Rights: the commands that the relay can do without.

import (
	"slices"
	"strings"

	"redis-relay/relay/upstream"
)

// LeasePrefix begins the keys by which relays agree on who is the leaf node of a NATS cluster.
const LeasePrefix = "relay:leaf:"

// NoStream is a key that no stream has, and that the relay's user may use if it may use those of streams.
const NoStream = "history:"

// Right is a command that the relay can do without.
type Right struct {
	Name  string // as an ACL has it, in capitals
	Try   string // a form of it that changes nothing, whether it is allowed or not; empty: it shows when it is used
	Lost  string // what does not work without it
	Vital bool   // what is lost is something that the configuration asks for

	prefix string // of all names at Redis
}

// Use is what of the relay a configuration uses.
type Use struct {
	Reading     bool   // some messages with history are heard or read there
	Writing     bool   // some are published or mirrored there
	Leaf        bool   // the relay is to be a leaf node of a NATS cluster
	DeadLetters bool   // some route keeps refused messages there
	Prefix      string // of all names at Redis
}

const (
	noScripts  = "PUBSUB NUMSUB counts each other relay as one listener, and nothing gets a history, or is a dead letter"
	healing    = "what a lost connection kept from listeners is a gap"
	unresolved = "publishes with history whose answer is lost with the connection may have been published"
	noLeaf     = "this relay cannot be the leaf node of a NATS cluster"
	notUndone  = "no publish with history whose answer is lost with the connection is known not to be published"
)

// acrossSlots is what the script asks for that writes: it uses the streams of several channels at once, and the relay's
// own notes.
const acrossSlots = "EVAL with keys of several slots"

// OldestRedis is the version that clients are told before Redis has told its own: the oldest that has all commands
// the relay serves.
const OldestRedis = "7.0.0"

var common = []Right{
	{"CLIENT", "", "the relay's connections have no names in CLIENT LIST", false, ""},
	{"INFO", "", "clients are told redis_version " + OldestRedis, false, ""},
	{"UNSUBSCRIBE", "", "channels that nobody here listens to any more stay subscribed", false, ""},
	{"PUNSUBSCRIBE", "", "patterns that nobody here listens to any more stay subscribed", false, ""},
	{"SUNSUBSCRIBE", "", "shard channels that nobody here listens to any more stay subscribed", false, ""},
	{"PUBSUB", "PUBSUB NUMSUB", "clients get its error for PUBSUB", false, ""},
	{"EVAL", "EVAL return x", noScripts, false, ""},
	{"EVALSHA", "EVALSHA " + strings.Repeat("0", 40) + " x", "scripts are sent whole each time", false, ""},
}

var ofWriting = []Right{
	{"XADD", "XADD history: x f v", "messages with history cannot be published", true, ""},
	{"PEXPIRE", "PEXPIRE history: x", "streams are kept for ever, whatever history.ttl says", false, ""},
	{"HGET", "HGET history: x", unresolved, false, ""},
	{"HSET", "HSET history: x y z", unresolved, false, ""},
	{"CLIENT INFO", "CLIENT INFO", notUndone, false, ""},
	{"CLIENT KILL", "CLIENT KILL redis-relay-check", notUndone, false, ""},
	{acrossSlots, "EVAL return 2 history: history:calls:", "messages with history cannot be published", true, ""},
}

// ofPatterns shows whether Redis has patterns. Which of them its ACL allows depends on the routes: see
// Route.patternDemand.
var ofPatterns = Right{"PSUBSCRIBE", "PSUBSCRIBE", "nobody can listen to patterns", false, ""}

var ofReading = []Right{
	{"XRANGE", "XRANGE history: x x", healing + ", and clients get its error for XRANGE and XREAD BLOCK", true, ""},
	{"XREVRANGE", "XREVRANGE history: x x", "clients get its error for XREVRANGE", true, ""},
	{"XLEN", "XLEN history:", "clients get its error for XLEN", false, ""},
	{"XREAD", "XREAD STREAMS history: x", "clients get its error for XREAD without BLOCK", true, ""},
	{"XINFO", "XINFO STREAM history:", healing + ", and clients get its error for XREAD BLOCK from $", false, ""},
	{"TIME", "TIME", healing + ", and clients get its error for XREAD BLOCK", true, ""},
	{"SCAN", "SCAN x", "what a lost connection kept from patterns, on channels not heard before, is a gap", false, ""},
}

var ofLeaf = []Right{
	{"GET", "GET " + LeasePrefix, noLeaf, true, ""},
	{"SET", "SET " + LeasePrefix + " x x", noLeaf, true, ""},
}

// Rights lists the commands that a relay needs and can do without. The list is the caller's.
func Rights(use Use) []Right {
	list := slices.Clone(common)
	for i := range list {
		list[i].Vital = list[i].Name == "EVAL" && (use.Reading || use.Writing || use.DeadLetters)
	}
	if use.Writing {
		list = append(list, ofWriting...)
	}
	if use.Reading {
		list = append(list, ofReading...)
	}
	if use.Leaf {
		list = append(list, ofLeaf...)
	}
	for i := range list {
		list[i].at(use.Prefix)
	}
	return list
}

// at makes the right that of a Redis where all names have a prefix.
func (r *Right) at(prefix string) {
	r.prefix = prefix
	for _, own := range []string{NoStream, LeasePrefix} {
		r.Try = strings.ReplaceAll(r.Try, " "+own, " "+prefix+own)
	}
}

// Keys returns the rule for the keys in Try, such as "~history:*"; empty: it has none.
func (r *Right) Keys() string {
	for _, prefix := range []string{NoStream, LeasePrefix} {
		if strings.Contains(r.Try, " "+r.prefix+prefix) {
			return "~" + r.prefix + prefix + "*"
		}
	}
	return ""
}

// Advice says what must be changed, given the error with which Redis refused the command.
func (r *Right) Advice(err error) string {
	keys := r.Keys()
	switch missing := upstream.MissingRule(err, keys); {
	case missing == "":
		return cause(err)
	case missing == keys:
		return "allow " + keys + " to this user"
	case keys != "": // nobody knows whether it has those
		return "allow " + rule(r.Name) + " and " + keys + " to this user"
	}
	return "allow " + rule(r.Name) + " to this user"
}

// rule is what an ACL must have for a right: "+client|kill".
func rule(name string) string {
	command, _, _ := strings.Cut(name, " with ")
	return "+" + strings.ReplaceAll(strings.ToLower(command), " ", "|")
}

// cause says why Redis carries out a command for nobody.
func cause(err error) string {
	if upstream.SplitsKeys(err) {
		return "it is a cluster, or stands before one, where all keys of a script must be in one slot"
	}
	return "it has no such command, or has renamed it"
}

// Refuses reports whether Redis does not carry out a command at all: an ACL forbids it, or it has another name, or
// none, or it is a cluster that has the keys in several places.
func Refuses(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOPERM ") || upstream.Lacks(err) || upstream.SplitsKeys(err))
}
