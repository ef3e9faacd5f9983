package policy

// limits.pattern_prefixes: how a pattern must begin.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/resp"
)

// patternPrefixes lists texts: a pattern must begin with one of them. If the list is empty, any pattern will do.
type patternPrefixes []string

// allow reports whether a name may be listened to as far as it is a pattern. literal is the text with which the
// name's matches begin.
func (p patternPrefixes) allow(kind resp.Kind, literal []byte) bool {
	return kind != resp.PMessage || len(p) == 0 || slices.ContainsFunc(p, func(prefix string) bool {
		return bytes.HasPrefix(literal, []byte(prefix))
	})
}

// refusal says why a pattern is not allowed.
func (p patternPrefixes) refusal() string {
	return fmt.Sprintf("a pattern must begin with one of limits.pattern_prefixes (%s)", strings.Join(p, ", "))
}
