// Command bench measures the relay against what it replaces: local processes
// that subscribe at redis-server's own Unix socket. It only measures; nothing in
// it fails for being slow. Run it at the root of the repository:
//
//	go run ./relay/bench                       # everything, less than 10 minutes
//	go run ./relay/bench -quick                # the same shape, in about a minute
//	go run ./relay/bench -only latency -markdown latency.md
//
// # What is compared
//
//   - direct: the subscribers are connected to redis-server's Unix socket.
//   - relay: they are connected to a relay, on a channel that no route covers.
//   - validated: the same on a channel of the shipped chat route, with its schema.
//   - hop: a bare loop that copies from one Redis connection to the sockets of the
//     subscribers with blocking system calls; what an extra process costs at least.
//   - floor: the same bytes, made by nobody, written to the sockets in 64 KiB
//     pieces; what the kernel allows.
//
// The variants take turns in short rounds, so that whatever else the machine
// does meets all of them. A figure is the median of its rounds; a ratio is the
// median of the ratios within each round.
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
// # Flow control
//
// The publisher sends rounds of messages and is at most two rounds ahead of the
// slowest subscriber, which acknowledges whole rounds through a pipe (see acks).
// So nobody's queue fills up, in any variant, and everything that was sent was
// received when the clock stops.
//
// It needs Linux: epoll, /proc, and CPU clocks of other processes.
package main
