// Package managed is tests only: a relay in front of the services in docs/managed-redis.md, each imitated by a proxy
// that refuses what its documentation says that it refuses.
//
// # Concurrency
//
// Each test has a relay, a proxy and a Redis of its own. Tests run at the same time, because they wait most of it.
package managed
