// Command bench measures the relay against what it replaces: local processes
// that subscribe at redis-server's own Unix socket. It only measures; nothing in
// it fails for being slow. Run it at the root of the repository:
//
//	go run ./relay/bench                       # everything, some 25 minutes
//	go run ./relay/bench -quick                # the same shape, in about five minutes
//	go run ./relay/bench -only latency,adversity -markdown report.md
//	go run ./relay/bench -redis redis-server   # against this one alone
//
// # Redis versions
//
// Each redis-server that -redis names runs for the whole time, and has relays of its own. Every variant below exists
// once for each of them, and all take turns in the same rounds; ratios compare variants of one redis-server. Fan-out on
// one channel, latency at 1,000 messages/s, publishing (also beside a flood) and history are measured with all of them.
// Everything else is measured with the first alone, since its figures hardly depend on Redis, or the run would take too
// long. A version is a value (redisServer): no code knows which there are.
//
// # What is compared
//
//   - direct: the subscribers are connected to redis-server's Unix socket.
//   - relay: they are connected to a relay, on a channel that no route covers.
//   - validated: the same on a channel of the shipped chat route, with its schema.
//   - kept: validated, on a route with history.
//   - beside features: validated, on a relay that has all features on other routes.
//   - renamed, on another Redis, mirrored, dead letters: on those routes.
//   - redis.prefix: validated, on a relay with a prefix.
//   - nats: the subscribers are NATS clients, at the relay's NATS door.
//   - nats-server: they are connected to a bare one, and the messages published there.
//   - hop: a bare loop that copies from one Redis connection to the sockets of the
//     subscribers with blocking system calls; what an extra process costs at least.
//   - floor: the same bytes, made by nobody, written to the sockets in 64 KiB
//     pieces; what the kernel allows.
//
// The variants take turns in short rounds, so that whatever else the machine
// does meets all of them. The first round of each warms up and is not kept. A
// figure is the median of its rounds; a ratio is the median of the ratios within
// each round. In parentheses are the least and the most of the rounds: where
// these lie far apart, the machine was not quiet.
//
// What the figures should come to is one list (targets.go), which names cells by
// table, row and column. The verdicts stand in the last column of each table, and
// all together in the last table, which has a column for each redis-server.
//
// A variant is a way (venue.go): a prefix of channels behind a door. A new one is
// one more way in the list that a section compares; sections know no names but
// direct, hop and floor, which they compare the others with.
//
// # Processes
//
// redis-server, the relay, publishers and subscribers are processes of their
// own; the relay and the hop reach redis-server by its Unix socket. The binary
// runs itself again for its workers (see worker). Up to four processes share the
// subscribers, and more when one would hold over 64 of them. A subscriber only
// counts the bytes it reads, 256 KiB at a time: all messages of a run are of one
// size.
//
// # Adversity
//
// A trouble (adversity.go) is a list of workers that do something to a server when they are ordered to, once a round.
// The readers of one channel are measured before and meanwhile. A new trouble is one more in the list (troubles).
//
// # Two Redises
//
// One relay is on two Redises of its own (tworedises.go). The readers of one are measured while the other is killed,
// started again, stopped and continued, and somebody goes on publishing to that one.
//
// # Scale
//
// The model in scale/model calculates what larger deployments cost. This section (scaling.go) measures its constants,
// and has scale/trial run other shapes, of up to 50 relays and with a cluster, to set the model beside them.
//
// # Flow control
//
// The publisher sends rounds of messages and is at most two rounds ahead of the
// slowest subscriber, or one, where two would be more than redis-server lets wait.
// Subscribers acknowledge whole rounds through a pipe (see acks). So nobody's
// queue fills up, in any variant, and everything that was sent was received when
// the clock stops.
//
// # What is verified
//
// Each message carries a number, or the time. In the first round of each variant,
// and whenever latencies are measured, subscribers look at every message: none is
// missing, repeated or out of order. In the other rounds they count bytes, and
// notice what comes beyond. A message that is lost ends the run with an error that
// says who lost how many. An invalid message on the validated channel must reach
// nobody, and none can be published there.
//
// It needs Linux: epoll, /proc, and CPU clocks of other processes.
package main
