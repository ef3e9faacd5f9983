// This file holds the errors of the package.

package config

import (
	"errors"
	"strings"
)

// What can be wrong with a configuration. Every error of Load and Validate
// that concerns the content wraps one of them, in a *KeyError.
var (
	ErrSyntax      = errors.New("invalid YAML")
	ErrUnknownKey  = errors.New("unknown key")
	ErrType        = errors.New("wrong type")
	ErrInvalid     = errors.New("invalid value")
	ErrUnsupported = errors.New("not supported by this version yet")
	ErrTooLarge    = errors.New("config file too large")
)

// KeyError is one problem with one key. It never holds a secret.
type KeyError struct {
	Origin string // where it was written: "relay.yaml:12", "RELAY_LOG_LEVEL", "--log.level"; "" if a default
	Path   string // "routes[0].prefix"; "" when the problem is not one key's
	Reason string // what is wrong and the way out, for people
	Err    error  // one of this package's errors, for errors.Is
}

// Error returns "origin: path: reason", leaving out what is empty.
func (e *KeyError) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Origin, e.Path} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap returns e.Err.
func (e *KeyError) Unwrap() error { return e.Err }
