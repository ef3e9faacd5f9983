package upstream

// What an ACL must allow, read off the error with which Redis refuses.

import (
	"regexp"
	"strings"
)

// The texts of Redis 6.2 to 8.2, for a command and for a command in a script.
var (
	refusedCommand = regexp.MustCompile(`^(?:NOPERM|ERR ACL failure) .* to run the '([^']+)' command`)
	refusedRule    = regexp.MustCompile(`^NOPERM |^ERR .*(No permissions to access a |script can't (access|publish) )`)
)

// MissingRule returns the rule that an ACL must have so that Redis does not refuse again: "+ssubscribe" if err
// names a command; rule if err is about a channel or key, such as "&relay:*", because err does not
// say which. It is empty if err is no refusal of an ACL, or names nothing, as for a command in a script before
// Redis 7.2.
func MissingRule(err error, rule string) string {
	if err == nil {
		return ""
	}
	switch m := refusedCommand.FindStringSubmatch(err.Error()); {
	case m != nil:
		return "+" + strings.ToLower(m[1])
	case refusedRule.MatchString(err.Error()):
		return rule
	}
	return ""
}

// Advice returns the end of a log line about a refusal: "; allow +ssubscribe to this
// user". See MissingRule.
func Advice(err error, rule string) string {
	if missing := MissingRule(err, rule); missing != "" {
		return "; allow " + missing + " to this user"
	}
	return ""
}
