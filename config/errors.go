package config

// This file holds the errors of the package.

import (
	"errors"
	"regexp"
	"slices"
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

// Error returns "origin: path: reason", leaving out what is empty, and what a flag's
// name says already.
func (e *KeyError) Error() string {
	path := e.Path
	if flag, ok := strings.CutPrefix(e.Origin, "--"); ok && within(path, flag) {
		path = strings.TrimPrefix(path[len(flag):], ".")
	}
	var b strings.Builder
	for _, part := range []string{e.Origin, path} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Reason)
	return b.String()
}

// leadingKey finds the key with which an error begins: "redis.tls.ca: open …".
var leadingKey = regexp.MustCompile(`(?s)^([a-z_]+(?:\.[A-Za-z0-9_-]+|\[\d+\])*): (.*)$`)

// Locate puts before an error that begins with a key, or before each of several with a
// line of its own, where the value of the key was written.
func (c *Config) Locate(err error) error {
	if err == nil {
		return nil
	}
	if list, ok := joined(err); ok {
		for i := range list {
			list[i] = c.Locate(list[i])
		}
		return errors.Join(list...)
	}
	m := leadingKey.FindStringSubmatch(err.Error())
	if m == nil || c.origin(m[1]) == "" {
		return err
	}
	return &KeyError{Origin: c.origin(m[1]), Path: m[1], Reason: m[2], Err: err}
}

// apart lists the errors that errors.Join has joined, however often.
func apart(err error) (list []error) {
	if err == nil {
		return nil
	}
	inner, ok := joined(err)
	if !ok {
		return []error{err}
	}
	for _, err := range inner {
		list = append(list, apart(err)...)
	}
	return list
}

// joined takes apart what errors.Join has made.
func joined(err error) (list []error, ok bool) {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil, false
	}
	list = slices.Clone(several.Unwrap())
	return list, errors.Join(list...).Error() == err.Error()
}

// Unwrap returns e.Err.
func (e *KeyError) Unwrap() error { return e.Err }
