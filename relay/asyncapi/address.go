package asyncapi

// Addresses of channels as prefixes of routes.

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// prefixOf returns the prefix of the channels that an address stands for. exact says that the address is the name of
// one channel. The error says why no prefix stands for these channels alone.
func prefixOf(address string) (prefix string, exact bool, err error) {
	prefix, rest, found := strings.Cut(address, "{")
	switch {
	case address == "":
		return "", false, errors.New("is empty, so nothing says what its channels are called")
	case !found:
		return address, true, nil
	case prefix == "":
		return "", false, fmt.Errorf("%q begins with a parameter, so its channels have no prefix in common; "+
			"a route needs one", address)
	}
	for {
		_, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false, fmt.Errorf("%q has a { without its }", address)
		}
		between, next, more := strings.Cut(after, "{")
		switch {
		case !more && between != "":
			return "", false, inTheMiddle(address, between)
		case !more:
			return prefix, false, nil
		case strings.ContainsFunc(between, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
			return "", false, inTheMiddle(address, between)
		}
		rest = next
	}
}

func inTheMiddle(address, after string) error {
	return fmt.Errorf("%q has %q behind a parameter; a route decides by what its channels begin with, "+
		"so let all parameters stand at the end", address, after)
}
