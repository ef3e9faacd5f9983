// Package tail shows what passes through the relay, line by line, for MONITOR and for redis-relay tail.
//
// A line has the form of redis-server's MONITOR, so that every client's parser takes it. Its arguments are the command,
// the channel and the payload, and then what the relay knows: name=value, such as verdict=INVALID. [Append] writes a
// line, [Parse] reads it back.
//
// # Bounds
//
// A [Viewer] gets at most so many lines and bytes a second as its [Options] and maxBytes say, and no line that its
// output has no room for. What is left out is counted, and told once a second.
//
// # Concurrency
//
// A Viewers and its Viewers belong to the event loop. The functions may be called from any goroutine.
package tail
