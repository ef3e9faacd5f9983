// Package preflight says what is known of a configuration before a relay runs with it: which files, schemas and
// settings of this host are wrong, how its messages are routed and judged, whether its schemas suit those of an
// earlier state, and whether a Redis allows what it needs. It is what redis-relay check and explain print; a relay that
// starts, or reads its configuration again, asks the same.
//
// # Concurrency
//
// All functions may be called from anywhere. They change nothing, here and on Redis, and block until they are done.
package preflight
