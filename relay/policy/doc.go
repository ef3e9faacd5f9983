// Package policy decides which messages may pass, and which commands are allowed. It returns verdicts and refusals.
// It logs nothing, sends nothing and tells nobody.
//
// Rules are built from the configuration: routes, schemas, rates and limits. A reload builds new ones. Publish judges
// what a local client publishes, LastMessage.Judge judges what comes from Redis, and the functions named May say who
// may listen, read and persist.
//
// # Concurrency
//
// Rules are immutable, except for the meters of rates, which have locks of their own: all methods may be called from
// anywhere. A LastMessage belongs to one goroutine.
package policy
