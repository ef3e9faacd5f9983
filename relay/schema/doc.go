// Package schema says whether a payload is what its route promises.
//
// Load compiles every JSON Schema file of one folder into a Set. A Set hands out Checkers, one for
// each pair of schema and kind field. A Checker reads a payload once:
//
//  1. The guard, one scan without allocation, accepts only JSON that every reader understands alike
//     and that the schema library can take cheaply. The same scan finds the message's kind.
//  2. The checker, in that same scan, judges each value as it is read, and accepts most payloads.
//  3. The library (santhosh-tekuri/jsonschema/v5), which no other package imports, is the authority. It
//     compiles the schemas, decides what the checker cannot, and confirms and words every rejection.
//     Should it panic, the payload is refused, never passed.
//
// # The guard
//
// It refuses, beside what is not JSON by RFC 8259:
//
//	invalid UTF-8                 readers replace or keep the bytes, or fail, each as it likes
//	half a surrogate pair         has no UTF-8; readers replace it, or fail
//	a key twice in an object      readers take the first, the last, both, or fail
//	more than MaxDepth levels     the library's time grows with the square of the depth
//	numbers over MaxNumberLen     readers round them; the library compares them as exact fractions
//	exponents over MaxExponent    1e999999 costs the library 18 ms, and 1e1000001 makes it panic
//	paths over MaxPath            the library copies the path for every value that it visits
//
// Size is bounded before, by limits.payload.
//
// # Schemas
//
// The draft is the one that a file's $schema names: 4, 6, 7, 2019-09 or 2020-12, which is also the
// default. The keyword format is asserted where the library does so: in drafts 4, 6 and 7, and in a file
// without $schema; but in later drafts that a file names only where the meta-schema lists the
// format-assertion vocabulary. Patterns are Go regular expressions (RE2), so they take linear time and
// have no look-around.
//
// Verdicts are the library's, which differ from those of the official suite in a few places: an empty enum allows
// everything, some formats are taken more lightly (hostname, uri, uri-template) or not asserted (idn-hostname,
// idn-email), and a $dynamicRef may end elsewhere where its first target is no $dynamicAnchor. suite_test.go lists
// all.
//
// A $ref resolves inside the folder, its subfolders included, and nowhere else. Neither the network nor
// any other file is ever opened. Schema files pass the same guard as payloads.
//
// # The checker
//
// A schema compiles to plans (plan.go). A plan is what to ask of one value on behalf of all schemas that
// apply to it at once, so that no value is read twice. What is asked are goals, numbered from 0: first the
// schemas that apply, its roots; then every schema that one of those refers to for the same value and whose
// failure is not simply its own: the branches of anyOf and oneOf, not, if, then, else and dependent
// schemas. Those of $ref and allOf add to the goal that they stand under. A plan holds
//
//   - the set of goals that each kind of value fails by itself (type, const, enum, false);
//   - tests, each of which fails one goal: lengths, words, patterns, bounds, required names and so on;
//   - rules, which fail a goal for what became of others, once the value is read: anyOf, not, if. An if
//     can thus depend on the last property of an object;
//   - edges to the plans of members and items. An edge tells which goals fail with a root of the plan
//     that it leads to, or which contains to count. Where two schemas describe one property, the edge leads
//     to one plan with two roots. Plans are found again by their roots, so a schema that refers to itself
//     makes a circle of plans, and the guard's depth ends the walk.
//
// While the scan reads an array or object, a frame on the stack holds the set of failed goals and of names
// seen. At its end the rules are applied and the failed roots reported to the frame around it. The document
// is accepted if goal 0 of the outermost frame has not failed.
//
// Numbers are compared exactly, in 64-bit arithmetic (decimal.go). Formats that programs write every day
// are recognised in place (plain.go), all others by the library's functions, which allocate. A pattern that makes a
// small automaton is matched by that as long as the text is ASCII, and else by package regexp (pattern.go).
//
// Left to the library for every payload, as Checker.Compiled tells:
//
//   - unevaluatedProperties and unevaluatedItems, unless they allow all;
//   - $dynamicRef and $recursiveRef;
//   - contentEncoding and contentMediaType, where drafts up to 7 assert them;
//   - references that lead in a circle without entering a value;
//   - schemas with more than 256 names or 256 goals for one value, 4 patterns of patternProperties or 4
//     contains for one value, or 2048 plans.
//
// Left to the library for one payload:
//
//   - an array or object where const or enum lists one of that type;
//   - two or more arrays or objects in an array whose items must be unique;
//   - a number where a bound or constant is beyond 64 bits or 18 decimals, or beyond 64 bits where there is
//     a multipleOf;
//   - patterns that take more than 262144 steps, and one more for each byte of the payload. An automaton takes a step
//     for each byte that it reads, any other pattern one for each byte and each of its instructions.
//
// So the scan's time grows with the payload alone, which Scan is for: who must not be held up by a document asks
// the library, by Validate, elsewhere.
//
// # Cost
//
// BenchmarkCheck and BenchmarkFallback set the checker beside the library, and BenchmarkUser has schemas as
// applications write them: on one core of a cloud server
// 0.3 us and no allocation for a chat message of 124 bytes, of which the guard alone takes most; the
// library alone takes 11 to 18 us and 171 allocations. Fallbacks thus cost some forty times as much, and more in
// large documents: the library's work grows with values times schemas.
//
// # Ordering
//
// One payload, schema and kind field always give the same verdict and the same words.
//
// # Concurrency
//
// A Set and a Checker never change after they are made, and any number of goroutines may use them. To
// reload, Load a new Set and hand out new Checkers.
package schema
