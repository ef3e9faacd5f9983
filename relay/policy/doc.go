// Package policy decides what may pass and how. It returns verdicts and refusals; it tells
// nobody, logs nothing and sends nothing.
//
// Rules are built from the settings: routes, schemas, rates and limits of one moment. A reload
// builds new ones. Publish judges what a local client sends, LastMessage.Judge what comes from
// Redis, and the May functions say who may listen, read and know.
//
// # Concurrency
//
// Rules are immutable, but for the rates that they meter, which have locks of their own: all
// methods may be called from anywhere. A LastMessage belongs to one goroutine.
package policy
