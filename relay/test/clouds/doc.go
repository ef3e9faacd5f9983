// Package clouds is tests only: redis-relay credentials, which prints the tokens that AWS, Azure and Google give for
// their Redis services. What the clouds answer, servers of the tests answer; no test leaves this host.
//
// # Concurrency
//
// Each test has servers of its own, and all run at the same time.
package clouds
