// Package route decides what applies to a channel: the route with the longest
// prefix, and within it the policy of a message's kind.
//
// A Table is immutable: a reload builds a new one. All methods are safe for
// concurrent use, do not allocate and cost the same however many channels or
// subscriptions there are.
package route
