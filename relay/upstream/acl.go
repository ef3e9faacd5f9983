package upstream

// What an ACL must allow, by what Redis says when it refuses.

import (
	"regexp"
	"strings"
)

// What every Redis from 6.2 to 8.2 says, to a command and to one in a script.
var (
	refusedCommand = regexp.MustCompile(`^(?:NOPERM|ERR ACL failure) .* to run the '([^']+)' command`)
	refusedRule    = regexp.MustCompile(`^NOPERM |^ERR .*(No permissions to access a |script can't (access|publish) )`)
)

// Missing says which words an ACL must have so that Redis does not refuse again as it did
// with err: "+ssubscribe" where it names a command; rule where it is about the channel or
// key of one, such as "&relay:*", since it does not say which. It is empty where err is no
// refusal of an ACL, or one that names nothing, as of a command in a script before Redis 7.2.
func Missing(err error, rule string) string {
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

// Advice is what a line of the log ends with, about a refusal: "; allow +ssubscribe to this
// user". See Missing.
func Advice(err error, rule string) string {
	if missing := Missing(err, rule); missing != "" {
		return "; allow " + missing + " to this user"
	}
	return ""
}
