package schema

// This file holds what a refusal says, and picks one cause out of the errors that the library finds in a schema.

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Limits of the words of a refusal, in bytes.
const (
	maxReason  = 200
	maxPointer = 120
)

// Error says why a payload was refused: one line of printable text.
type Error struct {
	Pointer string // JSON pointer to the refused value, at most about 120 bytes; empty: the whole payload
	Reason  string // what is wrong with it, at most about 200 bytes
}

// Error returns "/userId: expected string, but got number", or the reason alone without a pointer.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Reason
	}
	return e.Pointer + ": " + e.Reason
}

// newError cleans and shortens what may hold any bytes of a payload.
func newError(pointer, reason string) *Error {
	return &Error{Pointer: oneLine(pointer, maxPointer), Reason: oneLine(reason, maxReason)}
}

// chooseLeaf returns the leaf that tells the sender most. The library walks Go maps, so the order of
// causes means nothing: the choice depends on the causes alone.
func chooseLeaf(tree *jsonschema.ValidationError) *jsonschema.ValidationError {
	if len(tree.Causes) == 0 {
		return tree
	}
	best := chooseLeaf(tree.Causes[0])
	for _, cause := range tree.Causes[1:] {
		if leaf := chooseLeaf(cause); compareLeaves(tree, leaf, best) < 0 {
			best = leaf
		}
	}
	return best
}

// compareLeaves orders leaves below a node, most telling first: the deepest in the payload; then by
// altRank; then by pointer, keyword and words.
func compareLeaves(node, a, b *jsonschema.ValidationError) int {
	return cmp.Or(
		cmp.Compare(depth(b), depth(a)),
		cmp.Compare(altRank(node, a), altRank(node, b)),
		shortlex(a.InstanceLocation, b.InstanceLocation),
		shortlex(a.KeywordLocation, b.KeywordLocation),
		strings.Compare(a.Message, b.Message),
	)
}

func depth(leaf *jsonschema.ValidationError) int {
	return strings.Count(leaf.InstanceLocation, "/")
}

// altRank ranks what mostly says that another alternative was meant below the rest: a failed const or
// enum, and last an alternative of anyOf or oneOf that wants another type.
func altRank(node, leaf *jsonschema.ValidationError) int {
	if leaf.Message == "not allowed" {
		return 0 // a schema that is false, perhaps of a property called type
	}
	switch lastToken(leaf.KeywordLocation) {
	case "type":
		alternatives := node.Message == "anyOf failed" || node.Message == "oneOf failed"
		if alternatives && node.InstanceLocation == leaf.InstanceLocation {
			return 2
		}
	case "const", "enum":
		return 1
	}
	return 0
}

// shortlex compares by length first, so that /items/2 comes before /items/10.
func shortlex(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func lastToken(pointer string) string {
	return pointer[strings.LastIndexByte(pointer, '/')+1:]
}

// pointer returns the leaf's JSON pointer without the percent-encoding that the library adds.
func pointer(leaf *jsonschema.ValidationError) string {
	if p, err := url.PathUnescape(leaf.InstanceLocation); err == nil {
		return p
	}
	return leaf.InstanceLocation
}

// message returns the leaf's words. The library lists unwanted properties in the order of a Go map:
// they are sorted here. A name that holds ", " itself is sorted in pieces.
func message(leaf *jsonschema.ValidationError) string {
	const before, after, separator = "additionalProperties ", " not allowed", ", "
	list, ok := strings.CutPrefix(leaf.Message, before)
	if !ok || lastToken(leaf.KeywordLocation) != "additionalProperties" {
		return leaf.Message
	}
	names := strings.Split(strings.TrimSuffix(list, after), separator)
	slices.Sort(names)
	return before + strings.Join(names, separator) + after
}

// oneLine returns text with everything but printable characters escaped, cut after about limit bytes.
func oneLine(text string, limit int) string {
	if len(text) <= limit && isPlainLine(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		if b.Len() >= limit {
			b.WriteString("...")
			break
		}
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		text = text[size:]
	}
	return b.String()
}

// isPlainLine reports whether a text is printable ASCII.
func isPlainLine(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
