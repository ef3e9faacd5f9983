package embedded

// The broker: which clients listen to which names. It belongs to the server's turn, and queues messages for clients.

import (
	"maps"
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// names holds the names to which a client listens: a set for each kind.
type names [resp.Kinds]map[string]struct{}

// count returns the number that a confirmation shows: channels and patterns count together, shard channels apart.
func (n *names) count(k resp.Kind) int {
	if k == resp.SMessage {
		return len(n[resp.SMessage])
	}
	return len(n[resp.Message]) + len(n[resp.PMessage])
}

func (n *names) empty() bool {
	return n.count(resp.Message) == 0 && n.count(resp.SMessage) == 0
}

// broker maps each name to its listeners. The server's turn guards it.
type broker struct {
	listeners [resp.Kinds]map[string]map[*client]struct{}
}

func newBroker() broker {
	var b broker
	for k := range b.listeners {
		b.listeners[k] = map[string]map[*client]struct{}{}
	}
	return b
}

func (b *broker) add(c *client, k resp.Kind, name string) {
	if c.names[k] == nil {
		c.names[k] = map[string]struct{}{}
	}
	c.names[k][name] = struct{}{}
	if b.listeners[k][name] == nil {
		b.listeners[k][name] = map[*client]struct{}{}
	}
	b.listeners[k][name][c] = struct{}{}
}

func (b *broker) remove(c *client, k resp.Kind, name string) {
	delete(c.names[k], name)
	delete(b.listeners[k][name], c)
	if len(b.listeners[k][name]) == 0 {
		delete(b.listeners[k], name)
	}
}

func (b *broker) removeAll(c *client) {
	for k := range resp.Kind(resp.Kinds) {
		for name := range c.names[k] {
			b.remove(c, k, name)
		}
	}
}

// publish delivers to the listeners of the channel and then to those of each
// pattern that matches it. It returns the number of deliveries.
func (b *broker) publish(channel, payload string) int {
	ch, body := []byte(channel), []byte(payload)
	n := deliver(b.listeners[resp.Message][channel], resp.Message, ch, body)
	for pattern, listeners := range b.listeners[resp.PMessage] {
		if p := []byte(pattern); glob.Match(p, ch) {
			n += deliver(listeners, resp.PMessage, p, ch, body)
		}
	}
	return n
}

// publishShard delivers to the listeners of the shard channel. Patterns do not match shard channels. It returns the
// number of deliveries.
func (b *broker) publishShard(channel, payload string) int {
	return deliver(b.listeners[resp.SMessage][channel], resp.SMessage, []byte(channel), []byte(payload))
}

// deliver queues one message for every listener and returns their number.
func deliver(listeners map[*client]struct{}, k resp.Kind, parts ...[]byte) int {
	var frames [resp.RESP3 + 1][]byte // by protocol, encoded when first needed
	for c := range listeners {
		if frames[c.proto] == nil {
			frames[c.proto] = resp.AppendMessage(nil, c.proto, k.String(), parts...)
		}
		c.deliver(frames[c.proto])
	}
	return len(listeners)
}

// channels returns the channels of kind k that have listeners, sorted: all of them, or those that match a glob.
func (b *broker) channels(k resp.Kind, globs ...string) []string {
	all := sortedKeys(b.listeners[k])
	if len(globs) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool {
		return !glob.Match([]byte(globs[0]), []byte(name))
	})
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
