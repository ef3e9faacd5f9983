// Package fleet counts listeners over all relays of one Redis. Redis itself counts
// a relay as one, however many processes listen behind it; libraries that count
// servers by PUBSUB NUMSUB must be told how many those are.
//
// # Asking
//
// Every relay subscribes to two shard channels, which no pattern matches (to ordinary
// channels where Redis is older than 7.0 and has no others):
// "relay:count", where all hear questions, and "relay:count:<life>", where one hears
// the answers to its own. A script sends a question with SPUBLISH and counts the
// subscribers of the names at the same moment. What SPUBLISH replies is the number of
// answers to expect: a relay that has gone is not among them, and one that came is.
//
// Each answers with its share of every name: its listeners, less one if Redis counts
// the relay itself. It hears the question on the connection that carries its
// subscriptions, in order with their confirmations, so it takes nothing off that
// Redis has not counted, however many come and go meanwhile. The sum of what Redis
// counted and of all shares is the number of listeners: plain clients of Redis are in
// it as they are. Of a name that nobody behind a relay listens to any more, and that
// Redis has still to let go of, the share is -1.
//
// A relay that does not answer within 200 ms of Redis's own answer stays counted as one.
//
// # Order
//
// A question is sent when it is asked, on the connection that carries the relay's own
// subscriptions, and the relay's own share is taken at that moment. So of the listeners of
// this host exactly those are counted that subscribed before, and did not unsubscribe.
// While a pause is due, or Redis is away, a question waits, and listeners that come or go
// meanwhile may be counted, or not.
//
// # Cost
//
// A question costs as many answers as there are relays. Several questions may be under
// way. In a fleet that asks all the time a relay pauses between two, the longer the larger
// the fleet is, and what is wanted meanwhile goes into the next question: see pause. A
// relay that is alone waits for nobody.
//
// # Concurrency
//
// Everything belongs to one goroutine, the event loop, and nothing blocks. Only Stats may
// be called from anywhere.
package fleet
