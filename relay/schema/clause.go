package schema

// This file holds what an examination reads of a schema.

import (
	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/format"
	"redis-relay/relay/schema/regex"
)

// clause is one schema, prepared for examinations. It never changes after construction.
type clause struct {
	schema *jsonschema.Schema
	number int32 // among those of the examiner

	shared  bool // more than one way leads here, so that results are remembered
	inPlace bool // it applies others to the same value
	tracked bool // somebody asks which members or items it leaves unevaluated
	plain   bool // it asks for nothing but a type

	kinds     [kinds]bool // the kinds of values that type allows
	constants []constants // const and enum

	format  format.Format // nil: not asserted
	pattern *regex.Pattern

	limits []limit

	members *memberClause // nil: it asks nothing of objects
	items   *itemClause   // nil: it asks nothing of arrays

	refs         []reference
	not          way
	notWords     string // what to say if it succeeds
	allOf        []way
	anyOf, oneOf []way

	test, then, otherwise way // if, then, else

	unevaluatedMembers, unevaluatedItems way

	anchors []*clause // schemas within it that have a $dynamicAnchor
}

// way leads from a clause to another one; the zero way to none.
type way struct {
	label label
	to    *clause
}

// reference is a $ref, $recursiveRef or $dynamicRef.
type reference struct {
	way
	recursive bool
	dynamic   bool // it leads to another $dynamicAnchor of the same name, if one is in scope
}

// memberClause is what a clause asks of objects.
type memberClause struct {
	names      names
	properties []way // by the number of a name; to nil: the name matters for its presence only
	patterns   []patternWay
	additional additional
	naming     way // propertyNames

	required  []int // numbers of names
	requires  []requirement
	dependent []dependentWay
}

type patternWay struct {
	way
	pattern *regex.Pattern
}

// requirement says that a name is required where another one is given.
type requirement struct {
	label           label
	given, required int
}

// dependentWay leads to a clause that applies where a name is given.
type dependentWay struct {
	way
	given int
}

// additional is what becomes of members or items that no other keyword of a schema describes.
type additional struct {
	present bool
	denied  bool
	way     // to nil: all of them are allowed, or denied
}

// itemClause is what a clause asks of arrays.
type itemClause struct {
	first      []way      // items as an array, or prefixItems
	additional additional // additionalItems
	rest       way        // items as one schema, for those behind first
	contains   way
}

// examiner holds a schema, with all that it refers to, prepared for examinations. It never changes.
type examiner struct {
	root    *clause
	clauses []*clause
	labels  []string
	dynamic bool // where some references lead depends on how they were reached
}
