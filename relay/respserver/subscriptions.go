package respserver

// The names that one client is subscribed to, by the commands that have come so far.

import (
	"slices"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// subscriptions are the names that one client is subscribed to. A name counts from the command that subscribes to
// it to the command that unsubscribes from it, whether these are answered or not.
type subscriptions struct {
	names      [resp.Kinds]map[string]struct{}
	unanswered []*subscriptionChange // the commands from the first one that is not answered
	inParts    *subscribeInParts     // a SUBSCRIBE of very many names, or that waits; nil: none is under way
}

// subscriptionChange is a command that is not answered, or that came after such a command.
type subscriptionChange struct {
	kind        resp.Kind
	countBefore int64             // what subscriptions.count was before the command
	subscribe   *pendingSubscribe // nil: the command unsubscribes
	removed     []string          // the names that it unsubscribes, in its order
	all         bool              // it unsubscribes all names of all kinds
	answered    bool
}

// beginChange notes a command that is not answered yet.
func (s *subscriptions) beginChange(ch *subscriptionChange) { s.unanswered = append(s.unanswered, ch) }

// endChange notes that a command is answered. The command stays as long as an earlier one is not answered: without
// a connection to Redis, unsubscribing is answered at once.
func (s *subscriptions) endChange(ch *subscriptionChange) {
	ch.answered = true
	n := 0
	for n < len(s.unanswered) && s.unanswered[n].answered {
		s.unanswered[n] = nil
		n++
	}
	if s.unanswered = s.unanswered[n:]; len(s.unanswered) == 0 {
		s.unanswered = nil
	}
}

// after lists the commands that came after one that is not answered.
func (s *subscriptions) after(ch *subscriptionChange) []*subscriptionChange {
	return s.unanswered[slices.Index(s.unanswered, ch)+1:]
}

// count returns the number that confirmations of a kind report: channels and patterns are counted together, shard
// channels apart.
func (s *subscriptions) count(kind resp.Kind) int64 {
	if kind == resp.SMessage {
		return int64(len(s.names[kind]))
	}
	return int64(len(s.names[resp.Message]) + len(s.names[resp.PMessage]))
}

// total counts the names of all kinds.
func (s *subscriptions) total() (n int) {
	for _, names := range s.names {
		n += len(names)
	}
	return n
}

// add adds the names of a command. It returns copies of them all, and those that are new, in the order of the
// command. Their memory counts in out.
func (s *subscriptions) add(kind resp.Kind, args [][]byte, out *hub.Outbox) (all, added []string) {
	if s.names[kind] == nil {
		s.names[kind] = make(map[string]struct{}, len(args))
	}
	all, added = make([]string, len(args)), make([]string, 0, len(args))
	bytes := 0
	for i, a := range args {
		all[i] = string(a)
		if _, has := s.names[kind][all[i]]; !has {
			s.names[kind][all[i]] = struct{}{}
			added = append(added, all[i])
			bytes += memoryOfName(kind, len(a))
		}
	}
	out.Keep(bytes)
	return all, added
}

// remove removes names, if they are there.
func (s *subscriptions) remove(kind resp.Kind, names []string, out *hub.Outbox) {
	bytes := 0
	for _, name := range names {
		bytes += s.removeName(kind, name)
	}
	out.Keep(-bytes)
}

// removeArgs removes the names of a command. It returns copies of them all, and those that were there.
func (s *subscriptions) removeArgs(kind resp.Kind, args [][]byte, out *hub.Outbox) (all, removed []string) {
	bytes := 0
	all = make([]string, len(args))
	for i, arg := range args {
		all[i] = string(arg)
		if n := s.removeName(kind, all[i]); n > 0 {
			bytes += n
			removed = append(removed, all[i])
		}
	}
	out.Keep(-bytes)
	return all, removed
}

// removeSome removes up to n names of a kind, and returns them.
func (s *subscriptions) removeSome(kind resp.Kind, n int, out *hub.Outbox) (names []string) {
	bytes := 0
	for name := range s.names[kind] {
		if len(names) == n {
			break
		}
		bytes += s.removeName(kind, name)
		names = append(names, name)
	}
	out.Keep(-bytes)
	return names
}

// removeName removes a name, and returns its bytes of memory; 0: it is not there.
func (s *subscriptions) removeName(kind resp.Kind, name string) (bytes int) {
	if _, has := s.names[kind][name]; !has {
		return 0
	}
	if delete(s.names[kind], name); len(s.names[kind]) == 0 {
		s.names[kind] = nil // a map never shrinks
	}
	return memoryOfName(kind, len(name))
}

// memoryOfName estimates the bytes of memory that a subscription to a name of that length takes: in its session, in
// the hub and on the way to Redis. The hub also finds a pattern by the text that it begins with.
func memoryOfName(kind resp.Kind, length int) int {
	if kind == resp.PMessage {
		return 2*length + 768
	}
	return length + 256
}
