package config

// This file holds the keys of dead letters: streams at Redis that keep what was refused.

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// DeadLetters bounds what is kept of refused messages, for each stream that a route names.
type DeadLetters struct {
	Length int64         `koanf:"length"` // about how many messages a stream keeps
	TTL    time.Duration `koanf:"ttl"`    // since the last message; 0: for ever
	Rate   float64       `koanf:"rate"`   // messages/s that one relay sends there
}

// DeadLetter names the stream at Redis that keeps messages refused for one reason.
type DeadLetter struct {
	Stream string `koanf:"dead_letter"` // its key; "": none is kept
}

// longInvalid is invalid as a mapping; the word alone is short for {reject: true} or {reject: false}.
type longInvalid struct {
	Reject     bool   `koanf:"reject"`
	DeadLetter string `koanf:"dead_letter"`
}

// longForms are the mappings that may stand for the text of a type.
var longForms = map[reflect.Type]reflect.Type{reflect.TypeFor[Invalid](): reflect.TypeFor[longInvalid]()}

// longForm returns the type that a node is to be read as: t, or the mapping that may stand for it.
func longForm(n *yaml.Node, t reflect.Type) reflect.Type {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if long, ok := longForms[t]; ok && n.Kind == yaml.MappingNode {
		return long
	}
	return t
}

// takeInvalid reads invalid, if it is a mapping, into a route and leaves its word in the tree.
func takeInvalid(r *Route, tree map[string]any) error {
	written, ok := tree["invalid"].(map[string]any)
	if !ok {
		return nil
	}
	long := longInvalid{Reject: true}
	if err := overlay(&long, written); err != nil {
		return err
	}
	word := InvalidLog
	if long.Reject {
		word = InvalidReject
	}
	tree["invalid"], r.InvalidDead = string(word), long.DeadLetter
	return nil
}

// renderInvalid is invalid as it is written with a stream for dead letters.
func renderInvalid(r Route) *yaml.Node {
	return render(reflect.ValueOf(longInvalid{Reject: r.Invalid != InvalidLog, DeadLetter: r.InvalidDead}))
}

func (v *validator) checkDeadLetters() {
	d := v.cfg.DeadLetters
	if d.Length <= 0 {
		v.bad("dead_letters.length", "is %d; must be more than 0", d.Length)
	}
	if d.TTL < 0 {
		v.bad("dead_letters.ttl", "is %v; must not be negative", d.TTL)
	}
	if !(d.Rate > 0) || d.Rate > maxDeadRate {
		v.bad("dead_letters.rate", "is %v; must be more than 0 and at most %d. To keep nothing, take dead_letter out of "+
			"the routes", d.Rate, maxDeadRate)
	}
}

// maxDeadRate is the most that dead_letters.rate may say, in messages/s.
const maxDeadRate = 1_000_000

// checkDeadLetter judges the streams that a route names, but for those of its rates.
func (v *routeValidator) checkDeadLetter() {
	r, path := v.route, v.path
	for _, of := range []struct{ key, stream string }{
		{"invalid", r.InvalidDead}, {"too_large", r.TooLarge.Stream}, {"redis_refused", r.Refused.Stream},
	} {
		why := badStream(of.stream)
		if why == "" && of.stream != "" && !r.Publish && !r.Subscribe {
			why = "has no effect with publish: false and subscribe: false, since no message comes; take it out"
		}
		if why != "" {
			v.bad(join(join(path, of.key), "dead_letter"), "%s", why)
		}
	}
	if !r.Publish && !r.Subscribe {
		return
	}
	at := join(join(path, "invalid"), "dead_letter")
	switch {
	case r.InvalidDead == "":
	case r.Invalid == InvalidLog:
		v.bad(at, "has no effect with reject: false, since the message is not held back; write reject: true or take it out")
	case r.Schema == "":
		v.bad(at, "has no effect without schema; name one, or take it out")
	}
	if r.Refused.Stream != "" && !r.Publish {
		v.bad(join(join(path, "redis_refused"), "dead_letter"), "has no effect with publish: false; take one of the two out")
	}
}

// maxStream is the longest key of a stream for dead letters in bytes.
const maxStream = 256

// CheckDeadStream returns an error that says why a key cannot be that of a stream for dead letters; "" is no key, and
// no error.
func CheckDeadStream(key string) error {
	if why := badStream(key); why != "" {
		return fmt.Errorf("%.80q %s", key, why)
	}
	return nil
}

// badStream says why a key is none for dead letters; "": it is, or there is none. Its letters are those that mean
// nothing else in a pattern, in the rules of an ACL, or beside the keys that the relay makes of it.
func badStream(key string) string {
	switch {
	case key == "":
		return ""
	case len(key) > maxStream:
		return "is longer than 256 bytes; choose a shorter key, such as dead:chat"
	case strings.HasPrefix(key, "history:"), strings.HasPrefix(key, reservedPrefix):
		return "begins like the relay's own keys (history:, relay:); choose another, such as dead:chat"
	case strings.ContainsFunc(key, func(r rune) bool { return special(r) && !strings.ContainsRune(":./", r) }):
		return "is no plain key; write letters, digits and :._-/ only, as in dead:chat"
	}
	return ""
}
