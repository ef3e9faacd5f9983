package schema

// The exported interface: sets of compiled schemas, and checkers.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The errors of Load and Checker; match them with errors.Is. A refused payload is an *Error.
var (
	// ErrFolder is returned if the schemas folder cannot be read.
	ErrFolder = errors.New("cannot read the schemas folder")
	// ErrInvalid is returned if a schema file cannot be used.
	ErrInvalid = errors.New("invalid schema")
	// ErrStopped is returned by a check that was stopped before it had a result.
	ErrStopped = errors.New("the check was stopped")
	// ErrUnknown is returned if a Set holds no schema of the given name.
	ErrUnknown = errors.New("unknown schema")
)

// Set holds compiled schemas by file name. The zero Set holds none. It is safe for concurrent use.
type Set struct {
	// Fixed after Load.
	schemas  map[string]compiled
	warnings []Warning
}

// compiled is one schema, twice. It never changes.
type compiled struct {
	examiner *examiner
	program  *edge  // nil: the examiner decides
	draft    string // by its name
	named    bool   // the file says so
	refused  string // the keyword for which there is no program, and why
}

// Names returns the file names of the schemas, sorted.
func (s *Set) Names() []string {
	return slices.Sorted(maps.Keys(s.schemas))
}

// Checker returns a checker of the schema name, such as "chat.json", that reports the value of the
// top-level field kindField as the kind. With an empty name every payload passes; with an empty
// kindField there is no kind. The error wraps ErrUnknown and lists the names there are.
func (s *Set) Checker(name, kindField string) (*Checker, error) {
	if name == "" {
		return &Checker{kindField: kindField, predictor: newPredictor()}, nil
	}
	sch, ok := s.schemas[name]
	if !ok {
		return nil, fmt.Errorf("%w %q: %s", ErrUnknown, name, s.known())
	}
	return &Checker{compiled: sch, kindField: kindField, predictor: newPredictor()}, nil
}

// known is the way out of an unknown name.
func (s *Set) known() string {
	if len(s.schemas) == 0 {
		return "no schemas are loaded; add the file to the schemas folder"
	}
	return "use one of " + strings.Join(s.Names(), ", ") + ", or add the file to the schemas folder"
}

// Checker checks payloads against one schema, or against none. It is safe for concurrent use.
type Checker struct {
	// Fixed after construction.
	compiled             // without an examiner every payload passes
	kindField string     // empty: no kind
	keys      *keyFields // nil: no key

	predictor *predictor // nil: nothing is predicted
}

// Keyed returns a Checker that also reports the key of a message: the value of a top-level field. byKind names that
// field for each kind; other names it for all other kinds. An empty name means that there is no key.
func (c *Checker) Keyed(other string, byKind map[string]string) *Checker {
	keyed := *c
	keyed.keys, keyed.predictor = newKeyFields(other, byKind), newPredictor()
	return &keyed
}

// Compiled reports whether the schema is checked within the scan. If not, every payload is examined, which costs
// some three times as much. Then why names the keyword that prevents it, by its JSON pointer, or by "file#pointer"
// in another file, and the limit that is exceeded: "/patternProperties has the 65th pattern of one value". Without
// a schema Compiled returns true.
func (c *Checker) Compiled() (ok bool, why string) {
	return c.refused == "", c.refused
}

// Check returns the payload's kind, and an *Error if the schema refuses the payload. It never panics and keeps no
// reference to payload. It calls Scan, and then Validate if the scan leaves the verdict open.
//
// The kind is the value of the top-level string field for which the checker was made, nil without one. It aliases
// payload, unless the value was written with escapes. If the payload passes the guard, its kind is returned even if
// the schema refuses it. Without a schema every payload passes; then a payload that the guard refuses has no kind.
func (c *Checker) Check(payload []byte) (kind []byte, err error) {
	kind, _, decided, err := c.Scan(payload)
	if !decided {
		err = c.Validate(payload, nil)
	}
	return kind, err
}

// Scan is the part of Check that needs one pass over the payload, in time that grows with the payload's length
// alone. If only an examination can decide whether the schema accepts the payload, or word why not, decided is
// false and err is nil.
//
// The key is that of Keyed: the text of a string, number or literal as it is written, a string with its quotes. It
// is nil for other values and without the field. It aliases payload.
func (c *Checker) Scan(payload []byte) (kind, key []byte, decided bool, err error) {
	kind, key, verdict, err := c.scanVerdict(payload)
	return kind, key, verdict == accepted || err != nil, err
}

// scanVerdict is Scan that also tells what is left open from what the schema refuses. An error is of the guard.
func (c *Checker) scanVerdict(payload []byte) (kind, key []byte, v verdict, err error) {
	if c.examiner == nil && c.kindField == "" && c.keys == nil {
		return nil, nil, accepted, nil
	}
	var known *knowledge
	if c.predictor != nil {
		known = c.predictor.known.Load()
		if kind, key, hit := c.predict(known, payload); hit {
			return kind, key, accepted, nil
		}
	}
	kind, key, v, refused := scanKeyed(payload, c.kindField, c.keys, c.program)
	if known != nil && refused.why == none && (v == accepted || c.examiner == nil) {
		c.missed(known, payload)
	}
	switch {
	case c.examiner == nil:
		return kind, key, accepted, nil
	case refused.why != none:
		return nil, nil, rejected, newError("", refused.text(payload))
	default:
		return kind, key, v, nil
	}
}

// Validate checks a payload that Scan has left open, and words a rejection. It takes at most some 5 ms for a short
// payload and 20 ms for one of 1 MiB or more, and then refuses the payload. Once stopped returns true, it returns
// ErrStopped; a nil stopped never does. It never panics and keeps no reference to payload.
func (c *Checker) Validate(payload []byte, stopped func() bool) error {
	refused, ended := c.examine(payload, newBudget(fullSteps(len(payload)), stopped))
	switch {
	case ended == unwanted:
		return ErrStopped
	case ended != "":
		return newError("", string(ended))
	case refused != nil:
		return refused
	}
	return nil
}

// Brief is Validate for callers that must not wait: it takes at most some 100 us. If that is not enough, decided is
// false.
func (c *Checker) Brief(payload []byte) (decided bool, err error) {
	refused, ended := c.examine(payload, newBudget(briefSteps, nil))
	switch {
	case ended == exhausted:
		return false, nil
	case ended != "":
		return true, newError("", string(ended))
	case refused != nil:
		return true, refused
	}
	return true, nil
}

// examine examines a payload that has passed the guard.
func (c *Checker) examine(payload []byte, b budget) (refused *Error, ended ending) {
	defer func() {
		if p := recover(); p != nil {
			refused, ended = newError("", fmt.Sprintf("schema check failed internally: %v", p)), ""
		}
	}()
	return c.examiner.examine(payload, b)
}

// decode returns the tree that the library reads: numbers stay text, so none loses precision.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return doc, nil
}
