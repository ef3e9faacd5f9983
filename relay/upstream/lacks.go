package upstream

// What a Redis does not have at all, read off the error with which it refuses.

import (
	"regexp"
	"strings"
)

// lacking has the texts with which Redis and the services in docs/managed-redis.md answer a command, or a subcommand,
// that they do not have.
var lacking = regexp.MustCompile(`(?i)^ERR (?:unknown |not allowed|command .*not (?:available|allowed)|.*not support)`)

// Lacks reports whether err says that this Redis does not carry out a command for anybody: it has no such command, or
// a managed service has taken it away. An ACL that forbids the command is another matter: see MissingRule.
func Lacks(err error) bool { return err != nil && lacking.MatchString(err.Error()) }

// SplitsKeys reports whether err says that the keys of a command must be in one slot: this Redis is a cluster, or
// stands before one.
func SplitsKeys(err error) bool {
	return err != nil && strings.Contains(err.Error(), "hash to the same slot")
}
