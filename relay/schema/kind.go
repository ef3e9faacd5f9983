package schema

// Kinds of values.

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// kind is what a value is, as far as a plan tells apart.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindInteger  // a number written without fraction and exponent
	kindWhole    // a number without a fractional part that is written with one or an exponent: 1.0, 1e2
	kindFraction // any other number
	kindString
	kindArray
	kindObject
	kinds
)

// numberKinds are the kinds of numbers.
var numberKinds = []kind{kindInteger, kindWhole, kindFraction}

// allowedBy reports whether the keyword type of a schema allows values of the kind. In draft 4 what is written as 1.0
// is no integer.
func (k kind) allowedBy(s *jsonschema.Schema) bool {
	if k == kindWhole && s.Draft == jsonschema.Draft4 {
		k = kindFraction
	}
	return len(s.Types) == 0 || slices.ContainsFunc(s.Types, k.isA)
}

// isA reports whether values of the kind are of a type, as the keyword type names it.
func (k kind) isA(typ string) bool {
	switch k {
	case kindNull:
		return typ == "null"
	case kindFalse, kindTrue:
		return typ == "boolean"
	case kindInteger, kindWhole:
		return typ == "integer" || typ == "number"
	case kindFraction:
		return typ == "number"
	case kindString:
		return typ == "string"
	case kindArray:
		return typ == "array"
	default:
		return typ == "object"
	}
}
