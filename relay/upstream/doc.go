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
// # Lanes and links
//
// The connections that publish are made by go-redis, too. From then on they are
// spoken to directly: a lane collects encoded commands, a link writes all that wait
// at once and reads the answers.
//
// # Ordering
//
// Sink and Registry are called by one goroutine, in the order in which Redis
// sent the frames. What is published on one lane reaches Redis in that order.
//
// # Concurrency
//
// Subscriber.Want, Held and Barrier, and Publisher.Publish, Enqueue and Flush, may be called
// from anywhere and never wait; Publisher.Do waits for its answer. Run blocks until
// everything it started has stopped.
package upstream
