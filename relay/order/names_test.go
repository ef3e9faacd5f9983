package order_test

// The names that the connections share. There are few, so that commands meet.

import (
	"path"
	"slices"
	"strings"
)

// historyPrefix begins the channels that have a history at the relay.
const historyPrefix = "hist:"

var (
	plainNames   = []string{"plain:a", "plain:b"}
	historyNames = []string{"hist:a", "hist:b"}
	patternNames = []string{"plain:*", "plain:[ac]", "?????:a", "*:b", "hist:*"}
)

// allNames are those of channels, with or without those that have a history.
func allNames(history bool) []string {
	if history {
		return slices.Concat(plainNames, historyNames)
	}
	return plainNames
}

func hasHistory(channel string) bool { return strings.HasPrefix(channel, historyPrefix) }

// matches is Redis's pattern matching, as far as the names above need it.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// inRound makes a name one of the round's own: plain:a becomes plain:17:a.
func inRound(round, arg string) string {
	before, after, found := strings.Cut(arg, ":")
	if !found {
		return arg
	}
	return before + ":" + round + ":" + after
}

// outOfRound is the way back, for any text.
func outOfRound(round, text string) string { return strings.ReplaceAll(text, ":"+round+":", ":") }
