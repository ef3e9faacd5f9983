package schema

// This file holds what schemas compile to. See the package's documentation, The checker.

import (
	"redis-relay/relay/schema/regex"

	"redis-relay/relay/schema/format"
)

// plan checks one value against several schemas at once. Goals are numbered: the first ones are those
// schemas, the others what their keywords need to know, such as the branches of an anyOf. A plan never
// changes after construction.
type plan struct {
	ask     [kinds]bool // only an examination can decide a value of the kind
	initial [kinds]set  // goals that each value of the kind fails
	final   [kinds]set  // initial, after the rules

	lengths  []sizeTest // of strings, in characters
	words    []wordTest
	patterns []patternTest
	formats  []formatTest

	bounds    []boundTest
	multiples []multipleTest
	constants []constantTest

	object objectPlan
	array  arrayPlan
	rules  []rule // in an order in which each finds the goals that it reads settled
}

// objectPlan is what a plan does with the members of an object.
type objectPlan struct {
	names    names
	known    []*edge          // where the value of each name goes
	rest     *edge            // where the value of any other name goes
	patterns []*regex.Pattern // of patternProperties; the position is the number
	others   []otherEdge      // where the values of other names go that match patterns
	naming   *edge            // where the names themselves go; nil: nowhere

	sizes    []sizeTest
	required []requiredTest
}

// otherEdge is where the value of a name goes that no schema names, and that matches patterns.
type otherEdge struct {
	matching regex.Set // the patterns that match it, and no others
	edge     *edge
}

// arrayPlan is what a plan does with the items of an array.
type arrayPlan struct {
	first []*edge // where each of the first items goes
	rest  *edge   // the same for the others

	sizes    []sizeTest
	contains []sizeTest // of the items that fit; the position is the counter
	unique   []int      // goals that fail if two items are equal
}

// edge leads from a plan to that of a value inside the value. A nil *edge means that anything goes.
type edge struct {
	plan  *plan
	fails []set       // by the root of plan that fails: goals of the outer plan that fail with it
	joint []joint     // goals that fail if several roots do, some of which are those of contains
	hits  []hit       // contains: what to count if a root of plan does not fail
	quiet [kinds]bool // nothing to report of a scalar of the kind that passes all tests
}

type hit struct{ root, counter int }

// joint fails goals of the outer plan if all of the roots fail.
type joint struct{ roots, goals set }

// fewWords is the largest number of words that are compared one by one.
const fewWords = 8

// frame is the state of a plan whose value is open. The zero frame has seen nothing.
type frame struct {
	failed  set
	seen    set     // names, by those numbers that a set holds
	members int     // or items
	nested  int     // items that are arrays or objects, where items must be unique
	counts  []int32 // of items that fit, by contains; in scanner.counts
}

// The tests. Each fails its goal.
type (
	sizeTest struct{ goal, least, most int }
	wordTest struct {
		goal int
		any  []string            // nil: more than fewWords
		many map[string]struct{} // else nil
	}
	patternTest struct {
		goal    int
		pattern *regex.Pattern
	}
	formatTest struct {
		goal   int
		format format.Format
	}
	boundTest struct {
		goal  int
		holds func(n number, bound int64) bool
		bound decimal
	}
	multipleTest struct {
		goal int
		of   decimal
	}
	constantTest struct {
		goal int
		any  []decimal
	}
	requiredTest struct {
		goal  int
		given int // the name that makes it apply; -1: it always does
		names set
	}
)

// rule fails a goal for what became of others.
type rule struct {
	goal int
	how  how
	of   set // anyOf, oneOf: the branches

	test            int // not, if: the goal tested; dependent: a name
	then, otherwise int // goals; -1: none

	classes []class // unevaluated
}

type how uint8

const (
	anyOf how = iota
	oneOf
	not
	ifThenElse
	dependent   // fails with then if the name was seen
	unevaluated // fails with a class
)

// class stands for members, or items, of a value that are evaluated under the same conditions.
type class struct {
	goal  int     // fails if one of them does not fit the schema for what is not evaluated
	cover []cover // each of which is enough to evaluate them
}

// cover is a condition under which a schema has evaluated members or items: what is given, and one of within, if
// there are any.
type cover struct {
	given  given
	number int // of a goal, name or contains
	within []cover
}

type given uint8

const (
	always  given = iota
	held          // the goal has not failed
	lost          // the goal has failed
	present       // the name was seen
	fits          // the item fits the contains; only while a plan is made
)
