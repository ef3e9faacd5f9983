package resp

// A name as Redis tells names apart: by its kind and its text.

// Name is a channel, a shard channel or a pattern: the same text is another name in each kind. It can be a
// map's key.
type Name struct {
	Kind Kind   // Message: a channel; SMessage: a shard channel; PMessage: a pattern
	Text string // bytes of any kind
}
