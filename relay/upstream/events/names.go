package events

import (
	"strings"

	"redis-relay/relay/resp"
)

// Prefixes begin the channels of key space events.
var Prefixes = []string{"__keyspace@", "__keyevent@"}

// root begins a pattern by which events are listened to, such as __key*__:*.
const root = "__key"

// IsChannel reports whether a channel carries key space events.
func IsChannel(name string) bool {
	return strings.HasPrefix(name, Prefixes[0]) || strings.HasPrefix(name, Prefixes[1])
}

// Are reports whether a name, channel or pattern, is for key space events. A pattern is if it begins with __key: one
// that merely may match them, such as *, is not.
func Are(kind resp.Kind, name string) bool {
	switch kind {
	case resp.Message:
		return IsChannel(name)
	case resp.PMessage:
		return strings.HasPrefix(name, root)
	}
	return false
}
