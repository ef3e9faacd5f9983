// Package fleet counts listeners over all relays of one Redis. Redis itself counts
// a relay as one, however many processes listen behind it; libraries that count
// servers by PUBSUB NUMSUB need the number of processes.
//
// # Asking
//
// Every relay subscribes to two shard channels, which no pattern matches (to ordinary
// channels if Redis is older than 7.0): "relay:count", for the questions of all relays, and
// "relay:count:<run>", for the answers to its own. A script sends a question with SPUBLISH and counts the
// subscribers of the names in one step. The reply to SPUBLISH is the number of
// answers to expect: it does not count a relay that has gone, and counts one that has come.
//
// Each relay answers with its share of every name: its listeners, less one if Redis counts
// the relay itself. The question comes on the connection with the relay's
// subscriptions, in order with their confirmations. So the relay takes off only subscriptions that
// Redis has counted, however many come and go meanwhile. The number of listeners is the count of Redis plus
// all shares: plain clients of Redis are counted as they are. The share of a name is -1
// if no process behind the relay listens to it any more and Redis still has the subscription.
//
// A relay that does not answer within 200 ms of Redis's own answer stays counted as one.
//
// # Order
//
// A question is sent on the connection with the relay's own subscriptions, and the relay's own share is taken at
// that moment. So it counts exactly those listeners of this host that subscribed before, and did not unsubscribe.
// While a pause is due, or Redis is away, a question waits: listeners that come or go
// meanwhile may be counted, or not.
//
// # Cost
//
// A question costs as many answers as there are relays. Several questions may be under
// way. In a fleet that asks all the time a relay pauses between two questions, the longer the larger
// the fleet is, and names that are wanted meanwhile go into the next question: see pause. A
// relay that is alone does not wait.
//
// # Concurrency
//
// Everything belongs to one goroutine, the event loop, and nothing blocks. Only Stats may
// be called from anywhere.
package fleet
