// Package schema says whether a payload is what its route promises.
//
// Load compiles every JSON Schema file of one folder into a Set. A Set hands out Checkers, one for
// each pair of schema and kind field. A Checker reads a payload once or twice:
//
//  1. The guard, one scan without allocation, accepts only JSON that every reader understands alike
//     and that is cheap to check. The same scan finds the message's kind.
//  2. The checker, in that same scan, judges each value as it is read, and accepts most payloads.
//  3. An examination decides what the checker cannot, and confirms and words every rejection. Should it
//     panic, the payload is refused, never passed.
//
// The library (santhosh-tekuri/jsonschema/v5), which only package drafts imports besides, compiles the schemas, and
// never sees a payload. The tests hold the checker and examinations to its verdicts and its words.
//
// # The guard
//
// It refuses, beside what is not JSON by RFC 8259:
//
//	invalid UTF-8                 readers replace or keep the bytes, or fail, each as it likes
//	half a surrogate pair         has no UTF-8; readers replace it, or fail
//	a key twice in an object      readers take the first, the last, both, or fail
//	more than MaxDepth levels     readers give up, or run out of stack
//	numbers over MaxNumberLen     readers round them; an examination compares them as exact fractions
//	exponents over MaxExponent    1e999999 as a fraction has a million digits
//	paths over MaxPath            a rejection names the path, and compares it with those of other causes
//
// Size is bounded before, by limits.payload.
//
// # Schemas
//
// The draft is the one that a file's $schema names: 4, 6, 7, 2019-09 or 2020-12, which is also the
// default. The keyword format is asserted where the library does so: in drafts 4, 6 and 7, and in a file
// without $schema; but in later drafts that a file names only where the meta-schema lists the
// format-assertion vocabulary. In draft 4 what is written as 1.0 or 1e2 is no integer.
//
// Patterns are those of ECMA-262. RE2 matches them, so they take linear time and have no look-around. Package regex
// spells them for RE2; rejections show them as the schema has them.
//
// The drafts, with their keywords and meta-schemas, are in package drafts. Formats are one table, in package
// format, each decided by its specification. The library asks this table, too, so that all always agree.
//
// Verdicts are the library's, which differ from those of the official suite in a few places: an empty enum allows
// everything, and a $dynamicRef may end elsewhere where its first target is no $dynamicAnchor, or is the outermost
// one. suite_test.go lists all. contentEncoding and contentMediaType are annotations, as in 2019-09 and 2020-12;
// those of draft 7 may be taken for assertions or not.
//
// A $ref resolves inside the folder, its subfolders included, by the path of a file or by the $id of a schema, or to
// the meta-schema of a draft. Neither the network nor any other file is ever opened. Schema files pass the same guard
// as payloads.
//
// # The checker
//
// A schema compiles to plans (plan.go). A plan is what to ask of one value on behalf of all schemas that
// apply to it at once, so that no value is read twice. What is asked are goals, numbered from 0: first the
// schemas that apply, its roots; then every schema that one of those refers to for the same value and whose
// failure is not simply its own: the branches of anyOf and oneOf, not, if, then, else and dependent
// schemas. Those of $ref and allOf add to the goal that they stand under. Last come the classes of unevaluated
// members and items (unevaluated.go). A plan holds
//
//   - the set of goals that each kind of value fails by itself (type, const, enum, false);
//   - tests, each of which fails one goal: lengths, words, patterns, bounds, required names and so on;
//   - rules, which fail a goal for what became of others, once the value is read: anyOf, not, if,
//     unevaluated. An if can thus depend on the last property of an object;
//   - edges to the plans of members and items. An edge tells which goals fail with a root of the plan
//     that it leads to, or which contains to count. Where two schemas describe one property, the edge leads
//     to one plan with two roots. Plans are found again by their roots, so a schema that refers to itself
//     makes a circle of plans, and the guard's depth ends the walk. Properties that no schema names have an edge
//     for each set of patterns that match a name together, which walking through the patterns side by side
//     finds (package regex).
//
// $dynamicRef and $recursiveRef are resolved before: a schema from which they are reached is copied for each scope in
// which it is used (dynamic.go).
//
// While the scan reads an array or object, a frame on the stack holds the set of failed goals and of names
// seen. At its end the rules are applied and the failed roots reported to the frame around it. The document
// is accepted if goal 0 of the outermost frame has not failed.
//
// Numbers are compared exactly, in 64-bit arithmetic (decimal.go). A pattern that makes a
// small automaton is matched by that as long as the text is ASCII, and else by Go's package regexp (package regex).
//
// Left to an examination for every payload, as Checker.Compiled tells:
//
//   - references that lead in a circle without entering a value;
//   - schemas with more than 256 goals, 256 names that are required or depended on, or 64 patterns of
//     patternProperties for one value;
//   - an unevaluatedItems that depends on more than 4 contains;
//   - a $dynamicRef that may lead to several schemas embedded in one file, which the library does not tell apart;
//   - schemas that compile to more than maxCost: some 25 MB, in a second.
//
// Left to an examination for one payload:
//
//   - an array or object where const or enum lists one of that type;
//   - two or more arrays or objects in an array whose items must be unique;
//   - a name that matches a set of patterns that was not found: where there are very many sets, or the name is
//     not ASCII;
//   - a number where a bound or constant is beyond 64 bits or 18 decimals, or beyond 64 bits where there is
//     a multipleOf;
//   - patterns that take more than 262144 steps, and one more for each byte of the payload. An automaton takes a step
//     for each byte that it reads, any other pattern one for each byte and each of its instructions.
//
// So the scan's time grows with the payload alone. Callers that must not wait for a large document call Scan and then
// Brief, which gives up after some 100 us, and have Validate called elsewhere.
//
// # Predictions
//
// Messages of a channel look alike. A Checker remembers the skeletons of a few payloads that it accepted
// (skeleton.go): the bytes between the values, and of each string, number and literal the edge that judged it and
// the tests that it failed. Where the bytes of another payload between its values are the same, so are its names,
// their order and nesting, and the edges; where each of its values fails the same tests, too, all frames come to
// the same end. So it is accepted, for a third of what the scan costs. The first difference means nothing: the scan
// starts from the beginning.
//
// Predicted are outcomes and not values. Not learned from (learn.go) is what depends on more than each value by
// itself, or is rare: items that must be unique, patterns of names, escapes, exponents, and payloads of more than
// 16 KiB or 128 values.
//
// A predictor (predictor.go) learns from the first misses, and then from one in 32. Where fewer than half of the
// payloads hit, it only tries one in 64, so that it costs next to nothing.
//
// # Examinations
//
// An examination (exam.go) reads the payload into an array of its values (document.go) and checks each against the
// schemas that apply to it, which are prepared as clauses (clause.go): all keywords, numbers of any size. Unlike
// the checker it can look at a value again. A clause that several ways lead to is examined once for a value, and
// what came of it is remembered: so a recursive anyOf costs schemas times values, though the ways through it are
// without number.
//
// A failed outcome carries the one cause that tells the sender most (cause.go): at each clause, the best of the
// causes of what it applies. So a rejection is worded (words.go) without a tree of errors. The choice, and the words,
// are those that the library's errors would give, except where those say too little: not, const and enum of arrays
// and objects, contains, oneOf when several match, false.
//
// Work is counted in steps of 1 to 5 ns (budget.go). Validate may take 1.5 million steps and 6 for each byte of the
// payload, at most 8 million: some 5 ms for a short one and 20 ms for one of 1 MiB or more. Beyond, the payload is
// refused as too costly to check. Whatever takes memory takes steps, too: Memory says how much. A function can stop
// it.
//
// Examinations differ from the library in one thing: regexProperties, which no draft has, is ignored.
//
// # Cost
//
// BenchmarkCheck and BenchmarkExamine set the checker beside examinations, BenchmarkRefuse what accepting costs
// beside what refusing does, and BenchmarkUser has schemas as applications write them: on one core of a cloud
// server 0.1 us and no allocation for a chat message of 124 bytes whose shape is known, and else 0.3 us, of which
// the guard alone takes most. To examine it takes three times as long as that; to refuse it, with the words, four
// times. BenchmarkShapes has messages of one shape, of several, and of ever new ones.
//
// # Ordering
//
// One payload, schema and kind field always give the same verdict and the same words.
//
// # Concurrency
//
// Any number of goroutines may use a Set and a Checker, which never change after they are made, but for what a
// Checker predicts from: a value that never changes either, behind an atomic pointer. To reload, Load a new Set and
// hand out new Checkers.
package schema
