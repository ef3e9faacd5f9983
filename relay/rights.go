package relay

// What Redis does not let the relay do, by an ACL or a renamed command, and that the relay
// goes on without: it is said once, with what does not work.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/notice"
	"redis-relay/relay/upstream"
)

// right is a command that the relay can do without.
type right struct {
	name string // as an ACL has it, in capitals
	try  string // a form of it that changes nothing, be it allowed or not; empty: it shows when it is used
	lost string // what does not work without it
}

// Every relay needs commonRights, one with history historyRights, and one that is to be a leaf node leafRights. No
// stream has the key history:.
var (
	commonRights = []right{
		{"CLIENT", "", "the relay's connections have no names in CLIENT LIST"},
		{"INFO", "", "clients are told redis_version " + oldestRedis},
		{"UNSUBSCRIBE", "", "channels that nobody here listens to any more stay subscribed"},
		{"PUNSUBSCRIBE", "", "patterns that nobody here listens to any more stay subscribed"},
		{"SUNSUBSCRIBE", "", "shard channels that nobody here listens to any more stay subscribed"},
		{"PUBSUB", "PUBSUB NUMPAT", "clients get its error for PUBSUB"},
		{"EVAL", "EVAL return 0", "PUBSUB NUMSUB counts each other relay as one listener, and nothing gets a history"},
		{"EVALSHA", "EVALSHA " + strings.Repeat("0", 40) + " 0", "scripts are sent whole each time"},
	}
	historyRights = []right{
		{"XADD", "XADD history: x f v", "messages with history cannot be published"},
		{"XRANGE", "XRANGE history: x x", healing + ", and clients get its error for XRANGE"},
		{"XREVRANGE", "XREVRANGE history: x x", "clients get its error for XREVRANGE"},
		{"XLEN", "XLEN history:", "clients get its error for XLEN"},
		{"XREAD", "XREAD STREAMS history: x", "clients get its error for XREAD without BLOCK"},
		{"XINFO", "XINFO STREAM history:", healing + ", and clients get its error for XREAD BLOCK from $"},
		{"PEXPIRE", "PEXPIRE history: x", "streams are kept for ever, whatever history.ttl says"},
		{"HGET", "HGET history: x", unresolved},
		{"HSET", "HSET history: x y z", unresolved},
		{"TIME", "TIME", healing + ", and clients get its error for XREAD BLOCK"},
		{"SCAN", "SCAN x", "what a lost connection kept from patterns, on channels not heard before, is a gap"},
	}
	leafRights = []right{
		{"GET", "GET " + leasePrefix, "this relay cannot be the leaf node of a NATS cluster"},
		{"SET", "SET " + leasePrefix + " x x", "this relay cannot be the leaf node of a NATS cluster"},
	}
)

const unresolved = "publishes with history whose answer is lost with the connection may have been published"

const healing = "what a lost connection kept from listeners is a gap"

// allow says what must be changed, by what Redis said.
func (r *right) allow(err error) string {
	var keys string
	for _, prefix := range []string{"history:", leasePrefix} {
		if strings.Contains(r.try, " "+prefix) {
			keys = "~" + prefix + "*"
		}
	}
	switch missing := upstream.MissingRule(err, keys); {
	case missing == "":
		return "it has no such command, or has renamed it"
	case missing == keys:
		return "allow " + keys + " to this user"
	case keys != "": // nobody knows whether it has those
		return "allow +" + strings.ToLower(r.name) + " and " + keys + " to this user"
	}
	return "allow +" + strings.ToLower(r.name) + " to this user"
}

// rights says what is missing.
type rights struct {
	// Fixed after construction.
	rules  *atomic.Pointer[rules]
	teller *notice.Teller
	reader *upstream.Reader
	wait   time.Duration // for an answer
	leaf   bool          // the relay is to be a leaf node
	up     chan struct{} // a value when a connection stands

	mu   sync.Mutex
	told map[string]string // command -> what was advised; empty: it is allowed; guarded by mu
}

// all lists the rights that this relay needs.
func (r *rights) all() []right {
	list := slices.Clone(commonRights)
	if r.rules.Load().HasHistory() {
		list = append(list, historyRights...)
	}
	if r.leaf {
		list = append(list, leafRights...)
	}
	return list
}

// look has them tried at the next moment.
func (r *rights) look() {
	select {
	case r.up <- struct{}{}:
	default:
	}
}

// run tries, each time a connection stands, what Redis allows until ctx ends. It always
// returns nil.
func (r *rights) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.up:
		}
		for _, right := range r.all() {
			if right.try != "" {
				r.note(right.name, r.attempt(ctx, right.try))
			}
		}
	}
}

func (r *rights) attempt(ctx context.Context, try string) error {
	var args []any
	for word := range strings.FieldsSeq(try) {
		args = append(args, word)
	}
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	_, err := r.reader.Do(ctx, args...)
	return err
}

// note takes what Redis said to a command: whether it is refused is told when that
// changes. It may be called from anywhere.
func (r *rights) note(command string, err error) {
	is := refuses(err)
	if err != nil && !is && !answered(err) {
		return // nobody knows
	}
	var lost, advice string
	for _, right := range r.all() {
		if is && right.name == command {
			lost, advice = right.lost, right.allow(err)
		}
	}
	if is && advice == "" {
		return // this relay does not need it
	}
	r.mu.Lock()
	changed := r.told[command] != advice
	r.told[command] = advice
	r.mu.Unlock()
	switch {
	case !changed:
	case !is:
		r.teller.Log(notice.RightBack.With(command))
	default:
		r.teller.Log(notice.RightMissing.With(command, lost, advice), zap.Error(err))
	}
}

// refuses tells whether Redis does not carry out a command at all: an ACL forbids it, or
// it has another name, or none.
func refuses(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.HasPrefix(text, "NOPERM ") || strings.HasPrefix(text, "ERR unknown command")
}

// answered tells whether Redis answered with an error of its own.
func answered(err error) bool {
	var refused upstream.ReplyError
	return errors.As(err, &refused)
}
