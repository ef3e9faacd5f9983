// Package evolve says whether all that one schema accepts is accepted by another one, too.
//
// Implies searches for a message that the one accepts and the other refuses, and asks the checkers of both: an answer
// Incompatible is proved by its message. If it finds none, it tries to prove that there is none. An answer Compatible
// rests on that proof. In between lies Undecided, with the keyword at which the proof ended.
//
// # The proof
//
// What is known of a value is a context (context.go): the kinds that it may have, the schemas that accept it and those
// that refuse it. A goal (prove.go) says that all values of a context are accepted by a schema. It is split by kind,
// and then met keyword by keyword:
//
//   - a context with few values (enum, const, small ranges) is decided by examining each of them;
//   - bounds, lengths and counts by comparing them;
//   - members and items by goals about them, with what the context knows of them;
//   - anyOf, oneOf, not and if by goals about the same value. Where the goal of a whole context is not met, the context
//     is split: into the alternatives of its own anyOf, oneOf and if, or by the values of a member that tells the
//     alternatives of the goal apart;
//   - whatever else (pattern, format, contains, unevaluatedItems) only where the context knows an equal schema, or one
//     that asks the same.
//
// A context may know less than is true: then less can be proved, but nothing false. Schemas that refer to themselves
// lead to goals that are open already. Such a goal may be taken for granted below the value for which it was opened,
// by induction over the size of values, and not for the same value.
//
// What both checkers refuse alike, as duplicate keys, is not a matter of schemas. The bound on the work of one check
// is left out, too.
//
// # Concurrency
//
// Implies and Equal may be called by any number of goroutines.
package evolve
