// Package upstream is the Redis side: the host's one subscriber connection and
// the few connections that publish. It is the only importer of go-redis.
//
// # Lives
//
// A connection has one life: its go-redis client dials once and never again, so
// that every loss is seen here and nowhere papered over. Around it a loop makes
// the next life, with full-jitter exponential backoff.
//
// # The tap
//
// go-redis dials, speaks TLS, authenticates and finds the master. The finished
// connection is wrapped: messages are taken out of the byte stream in place and
// handed to a Sink; all other frames go on to go-redis, in order. See tap.
//
// # Ordering
//
// Sink and Registry are called by one goroutine, in the order in which Redis
// sent the frames. What is published on one lane reaches Redis in that order.
//
// # Concurrency
//
// Subscriber.Want and Held, and Publisher.Publish and Do, may be called from
// anywhere and never wait. Run blocks until everything it started has stopped.
package upstream
